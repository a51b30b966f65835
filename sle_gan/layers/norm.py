"""Batch normalization as the networks use it."""

import tensorflow as tf
import tf_keras as keras


def batch_norm(x, gain, name):
    """Normalizes by the statistics of the batch; of the whole batch where several devices share it.

    Args:
        x: float `[batch, height, width, channels]`.
        gain: initializer of the gain.
        name: of the layer.

    Returns:
        A tensor of the same shape. Momentum is 0.9, epsilon 1e-5.
    """
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, gamma_initializer=gain, synchronized=is_shared(), name=name
    )(x)


def is_shared():
    """Returns whether several devices share a batch, so that its statistics must be brought together."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1  # alone the fused kernel is faster
