"""The flags of `train.py` for methods that change how the networks are trained, and which of them go together.

Imports no TensorFlow.
"""

from sle_gan.assembly.networks import pair_of
from sle_gan.cli.numbers import positive, rate, weight
from sle_gan.errors import InputError
from sle_gan.models import DISCRIMINATORS


def add_method_arguments(parser):
    """Adds the groups of flags.

    Args:
        parser: an `argparse.ArgumentParser`.
    """
    _add_transfer_arguments(parser.add_argument_group("from other runs"))
    _add_perturbation_arguments(parser.add_argument_group("adversarial features (AdvAug)"))


def check_methods(settings):
    """Checks that the flags go together.

    Args:
        settings: the settings so far.

    Raises:
        InputError: if they do not.
    """
    for name in ("generator_weights", "discriminator_weights", "ticket"):
        if settings["init_from"] is not None and settings[name] is not None:
            raise InputError(f"--init-from and --{name.replace('_', '-')} both say where weights begin; give one")
    if settings["freeze_d"] is not None:
        if settings["init_from"] is None and settings["discriminator_weights"] is None:
            raise InputError("--freeze-d needs --init-from or --discriminator-weights: what is frozen must be trained")
        discriminator = pair_of(settings).discriminator
        most = DISCRIMINATORS[discriminator].block_count(settings["resolution"])
        if settings["freeze_d"] > most:
            raise InputError(
                f"--freeze-d must be {most} at most for {discriminator} at {settings['resolution']} px; "
                f"got {settings['freeze_d']}"
            )


def _add_transfer_arguments(group):
    add = group.add_argument
    add(
        "--init-from", metavar="RUN", help="begin with the weights of this run of the same networks, not its optimizers"
    )
    add("--freeze-d", type=positive, metavar="BLOCKS", help="of the discriminator, from the image on, are not trained")
    add("--teacher", metavar="RUN", help="its discriminator judges the generator too (DGL); its width may be another")
    add("--teacher-weight", type=weight, default=0.1, metavar="WEIGHT", help="of the teacher's loss")


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
