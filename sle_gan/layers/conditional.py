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


def projection(features, embedding):
    """Returns how far features go along the embedding of the class: float `[batch, 1]`.

    Args:
        features: float `[batch, size]`.
        embedding: float `[batch, size]`, of each image's class.

    Source: Miyato & Koyama 2018, arXiv:1802.05637.
    """
    return tf.reduce_sum(features * embedding, axis=1, keepdims=True)
