"""Minibatch standard deviation: how much the images of a batch vary, as a feature for the discriminator.

Source: Karras et al. 2018, arXiv:1710.10196, section 3.
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of

LARGEST_GROUP = 4


class MinibatchDeviation(keras.layers.Layer):
    """Appends a channel that holds the mean standard deviation of the features over a group of images.

    A group has four images, or three, two or one if four does not divide the batch.

    Args:
        is_of_whole_batch: whether all images of the batch are one group, as in the paper.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, is_of_whole_batch: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_of_whole_batch = is_of_whole_batch

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Appends the channel.

        Args:
            inputs: features `[batch, height, width, channels]` of static height, width and channels.

        Returns:
            Features `[batch, height, width, channels + 1]`.
        """
        height, width, channels = inputs.shape[1:]
        group = count_of(inputs) if self.is_of_whole_batch else _group_size(inputs)
        x = tf.reshape(tf.cast(inputs, tf.float32), [group, -1, height, width, channels])
        variance = tf.reduce_mean((x - tf.reduce_mean(x, axis=0)) ** 2, axis=0)  # [batch / group, ...]
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=[1, 2, 3], keepdims=True)
        # The images of a group lie batch / group apart.
        channel = tf.tile(deviation, [group, height, width, 1])  # [batch, height, width, 1]
        return tf.concat([inputs, tf.cast(channel, inputs.dtype)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "is_of_whole_batch": self.is_of_whole_batch}


def _group_size(inputs: tf.Tensor) -> int | tf.Tensor:
    """Returns the largest divisor of the batch up to four: an int if the batch is static, which XLA needs."""
    count = count_of(inputs)
    if not tf.is_tensor(count):
        return max(size for size in range(1, LARGEST_GROUP + 1) if count % size == 0)
    group = tf.constant(1)
    for size in range(2, LARGEST_GROUP + 1):
        group = tf.where(count % size == 0, size, group)
    return group
