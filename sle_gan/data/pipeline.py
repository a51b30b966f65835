"""From decoded images to batches. The batch of a step is a pure function of the seed and the step's number."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.data.resident import ResidentImages

_ORDER, _FLIP, _HALVES, _ORDER_OF_SECOND = range(4)
_ORDERS = _ORDER, _ORDER_OF_SECOND  # of two halves


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


@dataclass(frozen=True)
class Halves:
    """Two halves of the images, from which steps take their batches in turn.

    They are drawn, always in the same way: the images of a folder lie in the order of their names, or classes.

    Attributes:
        period: steps after which the turns begin anew.
        of_first: as many of these steps, from the first on, take from the first half; the others from the second.
    """

    period: int
    of_first: int

    def divide(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the numbers of the images of each half; of an odd number of images the second has one more."""
        drawn = tf.random.experimental.stateless_shuffle(numbers, _seed(_HALVES, 0, 0))
        middle = len(drawn) // 2
        return drawn[:middle], drawn[middle:]

    def before(self, step: int) -> tuple[int, int]:
        """Returns how many of the steps before a step take from each half."""
        periods, place = divmod(step, self.period)
        of_first = periods * self.of_first + min(place, self.of_first)
        return of_first, step - of_first

    def of(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the half that a step takes from, int64: 0 or 1."""
        return tf.cast(step % self.period >= self.of_first, tf.int64)


def training_dataset(  # noqa: PLR0913 (a batch rests on all of these)
    images: NDArray[np.uint8] | ResidentImages,
    *,
    batch_size: int,
    seed: int,
    flip: bool,
    first_step: int,
    images_shown: int | None = None,
    labels: NDArray[np.int32] | None = None,
    share: DeviceShare = _WHOLE,
    halves: Halves | None = None,
) -> tf.data.Dataset:
    """Makes the endless data set of batches.

    An epoch is all images once, in an order drawn from the seed and the epoch's number. Epochs follow each other
    without a gap, so a batch may hold the end of one and the beginning of the next.

    Args:
        images: uint8 `[count, height, width, channels]`, in memory or mapped from a file; they must not change.
            They are not copied if their data begin at a multiple of 64 bytes, as those of `decode_folder` and of a file
            mapped by `np.load` do; otherwise they are copied once. Or the images where they lie on the device: the
            data set then yields their arguments.
        batch_size: images in a step.
        seed: of the order and the flips.
        flip: whether each image is mirrored with probability 1/2.
        first_step: number of the step that the first batch is for; 0, or where a resumed run goes on.
        images_shown: number of images of the steps before; None if they were all of this size.
        labels: int32 `[count]`, the classes of the images; None without classes.
        share: the `DeviceShare` of each batch that the data set yields; by default the whole batch, for one device.
        halves: the `Halves` from which the steps take their batches in turn; None for batches of all images.

    Returns:
        A `tf.data.Dataset` of float32 `[batch_size, height, width, channels]` in [-1, 1], or of pairs of these
        and labels int32 `[batch_size]`. With several devices, each element is one device's part, in turn. For resident
        images, an element is the arguments with which `ResidentImages` returns the same batch.
    """
    count, resident = len(images), isinstance(images, ResidentImages)
    with tf.device("CPU:0"):
        # tf.constant would copy, even a mapped file. Python must stay out of the gathering: it runs in threads that
        # are still at work when the interpreter ends, and a thread that waits for an ended interpreter never ends.
        pixels = None if resident else tf.raw_ops.Identity(input=images)
        rows = tf.constant(share.rows(batch_size))
        numbers = tf.range(count)

    def shares_of(step: tf.Tensor, indices: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices((tf.fill([len(share.devices)], step), tf.gather(indices, rows), rows))

    def batch_of(step: tf.Tensor, indices: tf.Tensor, rows: tf.Tensor | None = None) -> Any:
        if flip:
            coins = tf.random.stateless_uniform([batch_size, 1, 1, 1], _seed(_FLIP, seed, step), 0, 2, tf.int32)
            mirrored = tf.cast(coins if rows is None else tf.gather(coins, rows), tf.uint8)
        if resident:
            return (indices, mirrored) if flip else (indices,)
        batch = tf.gather(pixels, indices)
        if flip:
            batch = batch * (1 - mirrored) + tf.reverse(batch, [2]) * mirrored  # four times faster than tf.where
        batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if labels is None else (batch, tf.gather(labels, indices))

    if halves is None:
        shown = first_step * batch_size if images_shown is None else images_shown
        indices = _batches_of(numbers, shown, batch_size, seed, _ORDER)
    else:
        of_each = [
            _batches_of(part, before * batch_size, batch_size, seed, use)
            for part, before, use in zip(halves.divide(numbers), halves.before(first_step), _ORDERS, strict=True)
        ]
        indices = tf.data.Dataset.choose_from_datasets(of_each, tf.data.Dataset.counter(first_step).map(halves.of))
    numbered = indices.enumerate(first_step)
    if share.count > 1:
        numbered = numbered.flat_map(shares_of)
    dataset = numbered.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(2)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1  # the cores belong to the training step
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False  # rewriting the graph copies the images
    return dataset.with_options(options)


def _batches_of(numbers: tf.Tensor, shown: int, batch_size: int, seed: int, use: int) -> tf.data.Dataset:
    """Returns endless batches of the numbers of images, after `shown` of them; each epoch in an order of its own."""

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(numbers, _seed(use, seed, epoch))
        return tf.data.Dataset.from_tensor_slices(order)

    epoch, shown_of_epoch = divmod(shown, numbers.shape[0])
    return tf.data.Dataset.counter(epoch).flat_map(epoch_of).skip(shown_of_epoch).batch(batch_size, drop_remainder=True)


def _seed(use: int, seed: int, number: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, use], tf.int64), number)
