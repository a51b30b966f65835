"""How many images a batch holds."""

import tensorflow as tf


def count_of(batch):
    """Returns the length of a batch's first axis: a number where that is static, otherwise an int32 scalar.

    XLA needs numbers for shapes, also in a gradient of `tf.cond`, where whatever the branch computed is unknown.

    Args:
        batch: tensor `[batch, ...]`.
    """
    return tf.shape(batch)[0] if batch.shape[0] is None else batch.shape[0]
