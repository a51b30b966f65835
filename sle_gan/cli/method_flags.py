"""The flags of `train.py` for methods that change how the networks are trained, and which of them go together.

Imports no TensorFlow.
"""

from sle_gan.cli.numbers import positive, rate


def add_method_arguments(parser):
    """Adds the groups of flags.

    Args:
        parser: an `argparse.ArgumentParser`.
    """
    _add_perturbation_arguments(parser.add_argument_group("adversarial features (AdvAug)"))


def _add_perturbation_arguments(group):
    add = group.add_argument
    add("--adv-augment", action="store_true", help="train both networks also on features that are moved against them")
    add("--adv-gamma", type=rate, default=0.01, metavar="SIZE", help="of a step of the features")
    add("--adv-steps", type=positive, default=1, metavar="STEPS", help="of the features at each step of a network")
    add(
        "--adv-sign",
        choices=("paper", "released"),
        default="paper",
        help="paper: against the network; released: as the released code, towards higher logits, with half the weights",
    )
