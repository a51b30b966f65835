"""The flags of `train.py` that choose devices and precision. Imports no TensorFlow."""

import os

from sle_gan.cluster import read_cluster
from sle_gan.errors import InputError


def add_device_arguments(group):
    """Adds the flags.

    Args:
        group: an argument group of an `argparse.ArgumentParser`.
    """
    add = group.add_argument
    add(
        "--strategy",
        choices=("auto", "one", "mirrored", "multi-worker"),
        default="auto",
        help="one device, all GPUs of this machine, or those of several machines, which share each batch; auto: all of "
        "this machine that the batch is shared by",
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


def cluster_of(settings):
    """Returns the `sle_gan.cluster.Cluster` that a training is part of; None if this process trains alone.

    Args:
        settings: the settings, by name.

    Raises:
        InputError: if TF_CONFIG does not say with whom to train.
    """
    return read_cluster(os.environ) if settings["strategy"] == "multi-worker" else None


def check_devices(settings):
    """Checks that several machines can share a training.

    Args:
        settings: the parsed arguments, by name.

    Raises:
        InputError: if they cannot.
    """
    cluster = cluster_of(settings)
    if cluster is None:
        return
    count = len(cluster.addresses)
    if settings["batch_size"] % count:
        raise InputError(
            f"--batch-size must be a multiple of {count}, the number of workers; got {settings['batch_size']}"
        )
    if settings["name"] is None:
        raise InputError("--strategy multi-worker needs the --name of the run, which all workers must know")
    if settings["jit"] == "on":
        raise InputError("--jit on cannot be used with --strategy multi-worker: XLA compiles no sums over machines")
