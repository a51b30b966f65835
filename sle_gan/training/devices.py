"""What a training runs on: one device or several, and how many bits it computes in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf
import tf_keras as keras

from sle_gan.cluster import check_shares
from sle_gan.errors import InputError

_SMALL_BYTES = 2**29  # 680 RGB images of 512 px


def let_memory_grow() -> None:
    """Lets GPUs take memory as it is needed, instead of all of it at once. Call it before the first operation."""
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def remap(is_wanted: bool) -> None:
    """Switches the rewriting of graphs by TensorFlow's remapper on or off, for those that are run from then on."""
    tf.config.optimizer.set_experimental_options({"remapping": is_wanted})


def strategy_of(name: str, batch_size: int, accumulate: int = 1) -> tf.distribute.Strategy:
    """Chooses the devices that share each batch.

    Args:
        name: `one` for the first device, `mirrored` for all GPUs, or all logical CPUs where there is no GPU, or `auto`:
            `mirrored` where there are several GPUs that the batch can be shared among. `multi-worker` for those of all
            workers that TF_CONFIG names: call it before the first operation; it waits for the chief.
        batch_size: images in a step of the discriminator, of all devices together.
        accumulate: equal shares of what a device has of them.

    Returns:
        A `tf.distribute.Strategy`; build networks and optimizers in its scope.

    Raises:
        InputError: if the batch cannot be shared equally.
    """
    if name == "multi-worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        check_shares(batch_size, accumulate, strategy.num_replicas_in_sync, "devices")
        return strategy
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    shares = len(gpus) > 1 and batch_size % (accumulate * len(gpus)) == 0
    if name == "one" or (name == "auto" and not shares) or len(devices) == 1:
        return tf.distribute.get_strategy()
    check_shares(batch_size, accumulate, len(devices), "devices")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def has_gpu() -> bool:
    """Returns whether TensorFlow finds a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def slow_precision(name: str | None, has_gpu: bool) -> str | None:
    """Says where a precision makes steps slow instead of fast.

    Args:
        name: `bfloat16`, `float16`, or None for float32.
        has_gpu: whether there is a GPU to train on.

    Returns:
        A line of text, with what to take; None if nothing is to be said.
    """
    if name != "float16" or has_gpu:
        return None
    return (
        "--mixed-precision float16 is many times slower than float32 on a CPU, which has no fast float16 arithmetic; "
        "train without --mixed-precision here"
    )


def shared_dataset(
    strategy: tf.distribute.Strategy, dataset_of: Callable[[int, tuple[int, ...]], tf.data.Dataset]
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Makes a data set of which every device of a strategy is given its share.

    Args:
        strategy: as `strategy_of` returns it.
        dataset_of: function of (number of devices, numbers of the devices of this process) -> a `tf.data.Dataset` of
            what each of these is given in turn.

    Returns:
        What `keras.Model.fit` takes under the strategy.
    """
    count = strategy.num_replicas_in_sync
    if count == 1:
        gpus = tf.config.list_logical_devices("GPU")
        return fetched_ahead(dataset_of(1, (0,)), gpus[0].name) if gpus else dataset_of(1, (0,))

    def dataset_of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = count // context.num_input_pipelines
        first = local * context.input_pipeline_id
        return dataset_of(count, tuple(range(first, first + local)))

    return strategy.distribute_datasets_from_function(dataset_of_worker)


def fetched_ahead(dataset: tf.data.Dataset, device: str) -> tf.data.Dataset:
    """Returns a data set whose next element is copied to a device while a step is at work.

    Args:
        dataset: a `tf.data.Dataset`.
        device: the device's name.
    """
    return dataset.apply(tf.data.experimental.prefetch_to_device(device, 1))


def keeps_images(choice: str, strategy: tf.distribute.Strategy, size_bytes: int) -> bool:
    """Says whether the images of a training lie on the device that trains on them.

    Args:
        choice: `on`, `off`, or `auto`: where one GPU trains and they are small.
        strategy: as `strategy_of` returns it.
        size_bytes: what the decoded images take.

    Raises:
        InputError: if several devices train, and `on` is asked for.
    """
    alone = strategy.num_replicas_in_sync == 1
    if choice == "on" and not alone:
        raise InputError("--images-on-device on needs a single device; give --strategy one")
    small = size_bytes <= _SMALL_BYTES and bool(tf.config.list_logical_devices("GPU"))
    return alone and (choice == "on" or (choice == "auto" and small))


@contextmanager
def precision(name: str | None) -> Iterator[None]:
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
