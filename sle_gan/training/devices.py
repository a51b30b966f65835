"""What a training runs on: one device or several, and how many bits it computes in."""

from contextlib import contextmanager

import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import InputError


def let_memory_grow():
    """Lets GPUs take memory as it is needed, instead of all of it at once. Call it before the first operation."""
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def strategy_of(name, batch_size, accumulate=1):
    """Chooses the devices that share each batch.

    Args:
        name: `one` for the first device, `mirrored` for all GPUs, or all logical CPUs where there is no GPU, or `auto`:
            `mirrored` where there are several GPUs that the batch can be shared among.
        batch_size: images in a step of the discriminator, of all devices together.
        accumulate: equal shares of what a device has of them.

    Returns:
        A `tf.distribute.Strategy`; build networks and optimizers in its scope.

    Raises:
        InputError: if the batch cannot be shared equally.
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    shares = len(gpus) > 1 and batch_size % (accumulate * len(gpus)) == 0
    if name == "one" or (name == "auto" and not shares) or len(devices) == 1:
        return tf.distribute.get_strategy()
    if batch_size % (accumulate * len(devices)):
        times = f" times --accumulate {accumulate}" if accumulate > 1 else ""
        raise InputError(
            f"--batch-size must be a multiple of {len(devices)}, the number of devices{times}; got {batch_size}"
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@contextmanager
def precision(name):
    """Builds what is built inside to compute in 16 bits; its weights and outputs stay float32.

    Args:
        name: `bfloat16`, `float16`, or None for float32 throughout.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32" if name is None else f"mixed_{name}")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
