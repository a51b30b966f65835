"""From decoded images to batches: what a step sees is a pure function of the seed and the step's number."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_ORDER, _FLIP = range(2)


class DeviceShare(NamedTuple):
    """What some of the devices that share each batch are given of it.

    Attributes:
        turns: steps of the discriminator in a step, whose batches lie one behind the other; each is shared.
        count: the number of devices.
        devices: numbers of those that are given something.
    """

    turns: int = 1
    count: int = 1
    devices: tuple = (0,)

    def rows(self, batch_size):
        """Returns which images each of the devices is given: int array `[devices, batch_size / count]`."""
        by_turn = np.arange(batch_size).reshape(self.turns, self.count, -1)
        return by_turn.swapaxes(0, 1).reshape(self.count, -1)[list(self.devices)]


_WHOLE = DeviceShare()


def training_dataset(images, *, batch_size, seed, flip, first_step, labels=None, share=_WHOLE, resident=False):
    """Makes the endless data set of batches.

    An epoch is all images once, in an order drawn from the seed and the epoch's number. Epochs follow each other
    without a gap, so a batch may hold the end of one and the beginning of the next.

    Args:
        images: uint8 `[count, side, side, channels]`, in memory or mapped from a file. Not copied where its data
            begin at a multiple of 64 bytes, as those of `decode_folder` and of `np.load` of a mapped file do;
            so they must not change. Otherwise copied once.
        batch_size: images in a step.
        seed: of the order and the flips.
        flip: whether each image is mirrored with probability 1/2.
        first_step: number of the step that the first batch is for; a resumed run goes on with the next.
        labels: int32 `[count]`, of the images' classes; or None.
        share: of each batch, the `DeviceShare` that is made; all of it for one device without.
        resident: whether the images lie on the device, as `ResidentImages`.

    Returns:
        A `tf.data.Dataset` of float32 `[batch_size, side, side, channels]` in [-1, 1], or of pairs of them and
        labels int32 `[batch_size]`. With several devices an element is what one of them is given, in turn. Of resident
        images it is what picks the same batches from them.
    """
    count = len(images)
    with tf.device("CPU:0"):
        # tf.constant would copy, even a mapped file. Python must stay out of the gathering: it runs in threads that
        # are still at work when the interpreter ends, and a thread that waits for an ended interpreter never ends.
        images = tf.raw_ops.Identity(input=images)
        rows = tf.constant(share.rows(batch_size))

    def epoch_of(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(count), _seed(_ORDER, seed, epoch))
        return tf.data.Dataset.from_tensor_slices(order)

    def shares_of(step, indices):
        return tf.data.Dataset.from_tensor_slices((tf.fill([len(share.devices)], step), tf.gather(indices, rows), rows))

    def batch_of(step, indices, rows=None):
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


def _seed(use, seed, number):
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, use], tf.int64), number)
