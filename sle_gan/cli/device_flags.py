"""The flags of `train.py` that choose devices, precision and shares of a batch. Imports no TensorFlow."""

from sle_gan.cli.numbers import positive
from sle_gan.errors import InputError


def add_device_arguments(group):
    """Adds the flags.

    Args:
        group: an argument group of an `argparse.ArgumentParser`.
    """
    add = group.add_argument
    add(
        "--strategy",
        choices=("auto", "one", "mirrored"),
        default="auto",
        help="one device, or all GPUs of this machine, which share each batch; auto: all that the batch is shared by",
    )
    add(
        "--mixed-precision",
        choices=("bfloat16", "float16"),
        help="what the networks compute in; their weights, the losses and the averaged generator stay float32",
    )
    add(
        "--jit",
        choices=("auto", "on", "off"),
        default="auto",
        help="compile the step with XLA; auto: on a GPU, where a trial of a few steps is faster so",
    )
    add(
        "--accumulate",
        type=positive,
        default=1,
        metavar="SHARES",
        help="equal shares of a batch that a step goes through in turn, in the memory of one",
    )
    add(
        "--memory-limit",
        type=positive,
        metavar="MIB",
        help="that a training may take, for --batch-size auto; the GPU's own memory without it",
    )


def check_devices(settings):
    """Checks that a batch can be divided.

    Args:
        settings: the settings so far.

    Raises:
        InputError: if it cannot.
    """
    batch_size, shares = settings["batch_size"], settings["accumulate"]
    if batch_size % shares:
        raise InputError(f"--batch-size must be a multiple of --accumulate {shares}; got {batch_size}")
