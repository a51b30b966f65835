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
