"""Batch normalization as the networks use it."""

import tensorflow as tf
import tf_keras as keras


def batch_norm(x: tf.Tensor, gain: keras.initializers.Initializer | None, name: str) -> tf.Tensor:
    """Normalizes by the statistics of the batch: of the whole batch, even if several devices share it.

    Args:
        x: float `[batch, height, width, channels]`.
        gain: initializer of the gain; None for neither a gain nor a bias.
        name: name of the layer.

    Returns:
        A tensor of the same shape. The momentum is 0.9, epsilon is 1e-5.
    """
    own = {"center": False, "scale": False} if gain is None else {"gamma_initializer": gain}
    # On one device the unsynchronized layer is faster, because its kernel is fused.
    is_shared = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=is_shared, name=name, **own)(x)


def instance_norm(x: tf.Tensor) -> tf.Tensor:
    """Normalizes each channel of each image by its own mean and variance over the pixels, without gain and bias.

    Args:
        x: float `[batch, height, width, channels]`.

    Returns:
        The same shape and dtype. Epsilon is 1e-5.

    Source: Ulyanov et al. 2016, arXiv:1607.08022.
    """
    values = tf.cast(x, tf.float32)
    centered = values - tf.reduce_mean(values, axis=[1, 2], keepdims=True)
    variance = tf.reduce_mean(centered**2, axis=[1, 2], keepdims=True)
    return tf.cast(centered * tf.math.rsqrt(variance + 1e-5), x.dtype)


def pixel_norm(x: tf.Tensor) -> tf.Tensor:
    """Divides what each pixel has in all channels by the root of its mean square, and each row of codes likewise.

    Args:
        x: float `[batch, ..., channels]`.

    Returns:
        The same shape and dtype. Epsilon is 1e-8.

    Source: Karras et al. 2018, arXiv:1710.10196, section 4.2.
    """
    values = tf.cast(x, tf.float32)
    mean_square = tf.reduce_mean(values**2, axis=-1, keepdims=True)
    return tf.cast(values * tf.math.rsqrt(mean_square + 1e-8), x.dtype)
