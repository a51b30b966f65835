"""How classes enter a network: class-conditional batch normalization, and the projection of features on a class."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.norm import batch_norm


def conditional_batch_norm(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor, name: str) -> tf.Tensor:
    """Normalizes over the batch, then scales and shifts the channels of each image by its own gain and bias.

    Args:
        x: float `[batch, height, width, channels]`.
        gain: float `[batch, channels]`, added to a scale of 1.
        bias: float `[batch, channels]`.
        name: name of the layer of batch normalization, which has no weights of its own.

    Returns:
        The shape of `x`: (x - mean) / deviation * (1 + gain) + bias.

    Source: de Vries et al. 2017, arXiv:1707.00683; Brock et al. 2019, arXiv:1809.11096.
    """
    return batch_norm(x, None, name) * (1.0 + gain)[:, None, None] + bias[:, None, None]


def class_batch_norm(x: tf.Tensor, labels: tf.Tensor, gain: keras.initializers.Initializer, name: str) -> tf.Tensor:
    """Normalizes over the batch, then scales and shifts the channels of each image by its class's gain and bias.

    Gains and biases are the kernels of two dense layers, which hold a row for each class.

    Args:
        x: float `[batch, height, width, channels]`.
        labels: one-hot float `[batch, classes]`.
        gain: initializer of the gains, which are added to a scale of 1.
        name: name of the batch normalization layer, and prefix of the names of the dense layers.

    Returns:
        The shape of `x`.

    Source: Miyato & Koyama 2018, arXiv:1802.05637.
    """
    gains, biases = (
        keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=initializer, name=f"{name}_{part}")(labels)
        for part, initializer in (("gain", gain), ("bias", "zeros"))
    )
    return conditional_batch_norm(x, gains, biases, name)


def projection(features: tf.Tensor, embedding: tf.Tensor) -> tf.Tensor:
    """Returns the inner product of the features and the embedding of the class: float `[batch, 1]`.

    Args:
        features: float `[batch, size]`.
        embedding: float `[batch, size]`, that of each image's class.

    Source: Miyato & Koyama 2018, arXiv:1802.05637.
    """
    return tf.reduce_sum(features * embedding, axis=1, keepdims=True)


def patch_projection(features: tf.Tensor, embedding: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the inner product of each patch's mean features and the embedding of the class.

    Args:
        features: float `[batch, height, width, channels]`.
        embedding: float `[batch, channels]`, that of each image's class.
        size: side of a patch in pixels.

    Returns:
        float `[batch, height - size + 1, width - size + 1, 1]`, a value for every patch.

    Source: `projection`, for a discriminator that judges patches.
    """
    products = tf.reduce_sum(features * embedding[:, None, None], axis=-1, keepdims=True)
    return tf.nn.conv2d(products, tf.fill([size, size, 1, 1], tf.cast(1 / size**2, products.dtype)), 1, "VALID")
