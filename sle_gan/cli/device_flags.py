"""The flags of `train.py` that choose devices and precision. Imports no TensorFlow."""


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
