"""How a network is told of classes: batch normalization that rests on them, and a projection of features on them."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.norm import is_shared


def conditional_batch_norm(x, gain, bias, name):
    """Normalizes over the batch, then scales and shifts the channels of each image as its condition says.

    Args:
        x: float `[batch, height, width, channels]`.
        gain: float `[batch, channels]`, what is added to a scale of 1.
        bias: float `[batch, channels]`.
        name: name of the layer of batch normalization, which has no weights of its own.

    Returns:
        The shape of `x`: (x - mean) / deviation * (1 + gain) + bias.

    Source: de Vries et al. 2017, arXiv:1707.00683; Brock et al. 2019, arXiv:1809.11096.
    """
    norm = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=False, scale=False, synchronized=is_shared(), name=name
    )
    return norm(x) * (1.0 + gain)[:, None, None] + bias[:, None, None]


def class_batch_norm(x, labels, gain, name):
    """Normalizes over the batch, then scales and shifts the channels of each image as its class says.

    Each class has a gain and a bias of its own in this place of the network: two kernels of a dense layer each.

    Args:
        x: float `[batch, height, width, channels]`.
        labels: one-hot float `[batch, classes]`.
        gain: initializer of what is added to a scale of 1.
        name: of the layer of batch normalization, and the beginning of the others' names.

    Returns:
        The shape of `x`.

    Source: Miyato & Koyama 2018, arXiv:1802.05637.
    """
    gains, biases = (
        keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=initializer, name=f"{name}_{part}")(labels)
        for part, initializer in (("gain", gain), ("bias", "zeros"))
    )
    return conditional_batch_norm(x, gains, biases, name)


def projection(features, embedding):
    """Returns how far features go along the embedding of the class: float `[batch, 1]`.

    Args:
        features: float `[batch, size]`.
        embedding: float `[batch, size]`, of each image's class.

    Source: Miyato & Koyama 2018, arXiv:1802.05637.
    """
    return tf.reduce_sum(features * embedding, axis=1, keepdims=True)


def patch_projection(features, embedding, size):
    """Returns how far the mean features of each patch go along the embedding of the class.

    Args:
        features: float `[batch, height, width, channels]`.
        embedding: float `[batch, channels]`, of each image's class.
        size: side of a patch in pixels.

    Returns:
        float `[batch, height - size + 1, width - size + 1, 1]`, of every patch.

    Source: `projection`, for a discriminator that judges patches.
    """
    along = tf.reduce_sum(features * embedding[:, None, None], axis=-1, keepdims=True)
    return tf.nn.conv2d(along, tf.fill([size, size, 1, 1], tf.cast(1 / size**2, along.dtype)), 1, "VALID")
