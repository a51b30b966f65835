"""From decoded images to batches. The batch of a step is a pure function of the seed and the step's number."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_ORDER, _FLIP = range(2)


@dataclass(frozen=True)
class DeviceShare:
    """The part of each batch that some of the devices are given.

    Attributes:
        turns: discriminator steps in a step. Their batches lie one behind the other, and each is shared by all devices.
        count: number of devices that share the batch.
        devices: indices of the devices that this part is for.
    """

    turns: int = 1
    count: int = 1
    devices: tuple[int, ...] = (0,)

    def rows(self, batch_size: int) -> NDArray[np.int64]:
        """Returns the positions in the batch of each device's images: int array `[devices, batch_size / count]`."""
        by_turn = np.arange(batch_size).reshape(self.turns, self.count, -1)
        by_device: NDArray[np.int64] = by_turn.swapaxes(0, 1).reshape(self.count, -1)
        return by_device[list(self.devices)]


_WHOLE = DeviceShare()


def training_dataset(
    images: NDArray[np.uint8],
    *,
    batch_size: int,
    seed: int,
    flip: bool,
    first_step: int,
    labels: NDArray[np.int32] | None = None,
    share: DeviceShare = _WHOLE,
    resident: bool = False,
) -> tf.data.Dataset:
    """Makes the endless data set of batches.

    An epoch is all images once, in an order drawn from the seed and the epoch's number. Epochs follow each other
    without a gap, so a batch may hold the end of one and the beginning of the next.

    Args:
        images: uint8 `[count, side, side, channels]`, in memory or mapped from a file; they must not change. They are
            not copied if their data begin at a multiple of 64 bytes, as those of `decode_folder` and of a file mapped
            by `np.load` do; otherwise they are copied once.
        batch_size: images in a step.
        seed: of the order and the flips.
        flip: whether each image is mirrored with probability 1/2.
        first_step: number of the step that the first batch is for; 0, or where a resumed run goes on.
        labels: int32 `[count]`, the classes of the images; None without classes.
        share: the `DeviceShare` of each batch that the data set yields; by default the whole batch, for one device.
        resident: whether the images lie on the device, as `ResidentImages`; the data set then yields its arguments.

    Returns:
        A `tf.data.Dataset` of float32 `[batch_size, side, side, channels]` in [-1, 1], or of pairs of these and labels
        int32 `[batch_size]`. With several devices, each element is one device's part, in turn. For resident images, an
        element is the arguments with which `ResidentImages` returns the same batch.
    """
    count = len(images)
    with tf.device("CPU:0"):
        # tf.constant would copy, even a mapped file. Python must stay out of the gathering: it runs in threads that
        # are still at work when the interpreter ends, and a thread that waits for an ended interpreter never ends.
        images = tf.raw_ops.Identity(input=images)
        rows = tf.constant(share.rows(batch_size))

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), _seed(_ORDER, seed, epoch))
        return tf.data.Dataset.from_tensor_slices(order)

    def shares_of(step: tf.Tensor, indices: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices((tf.fill([len(share.devices)], step), tf.gather(indices, rows), rows))

    def batch_of(step: tf.Tensor, indices: tf.Tensor, rows: tf.Tensor | None = None) -> Any:
        if flip:
            coins = tf.random.stateless_uniform([batch_size, 1, 1, 1], _seed(_FLIP, seed, step), 0, 2, tf.int32)
            mirrored = tf.cast(coins if rows is None else tf.gather(coins, rows), tf.uint8)
        if resident:
            return (indices, mirrored) if flip else (indices,)
        batch = tf.gather(images, indices)
        if flip:
            batch = batch * (1 - mirrored) + tf.reverse(batch, [2]) * mirrored  # four times faster than tf.where
        batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if labels is None else (batch, tf.gather(labels, indices))

    epoch, shown = divmod(first_step * batch_size, count)
    indices = tf.data.Dataset.counter(epoch).flat_map(epoch_of).skip(shown).batch(batch_size, drop_remainder=True)
    numbered = indices.enumerate(first_step)
    if share.count > 1:
        numbered = numbered.flat_map(shares_of)
    dataset = numbered.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(2)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1  # the cores belong to the training step
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False  # rewriting the graph copies the images
    return dataset.with_options(options)


def _seed(use: int, seed: int, number: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, use], tf.int64), number)
