"""The flags of `train.py` that choose devices, precision and shares of a batch. Imports no TensorFlow."""

import os

from sle_gan.cli.numbers import positive
from sle_gan.cluster import check_shares, read_cluster
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
    add(
        "--images-on-device",
        choices=("auto", "on", "off"),
        default="auto",
        help="keep all images in the memory of the device; auto: on a single GPU, up to 512 MiB of them",
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


def cluster_of(settings):
    """Returns the `sle_gan.cluster.Cluster` that a training is part of; None if this process trains alone.

    Args:
        settings: the settings, by name.

    Raises:
        InputError: if TF_CONFIG does not say with whom to train.
    """
    return read_cluster(os.environ) if settings["strategy"] == "multi-worker" else None


def check_devices(settings):
    """Checks that a batch can be divided, and that several machines can share a training.

    Args:
        settings: the settings so far, by name.

    Raises:
        InputError: if they cannot.
    """
    batch_size, shares, cluster = settings["batch_size"], settings["accumulate"], cluster_of(settings)
    if batch_size % shares:
        raise InputError(f"--batch-size must be a multiple of --accumulate {shares}; got {batch_size}")
    if cluster is None:
        return
    check_shares(batch_size, shares, len(cluster.addresses), "workers")
    if settings["name"] is None:
        raise InputError("--strategy multi-worker needs the --name of the run, which all workers must know")
    if settings["jit"] == "on":
        raise InputError("--jit on cannot be used with --strategy multi-worker: XLA compiles no sums over machines")
