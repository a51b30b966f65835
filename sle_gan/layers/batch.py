"""The size of a batch."""

import tensorflow as tf


def count_of(batch: tf.Tensor) -> int | tf.Tensor:
    """Returns the length of a batch's first axis: an int if it is static, otherwise an int32 scalar tensor.

    XLA needs ints in shapes. It also needs them in the gradient of `tf.cond`, where computed shapes are unknown.

    Args:
        batch: tensor `[batch, ...]`.
    """
    return tf.shape(batch)[0] if batch.shape[0] is None else batch.shape[0]
