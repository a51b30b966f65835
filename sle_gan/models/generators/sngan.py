"""SNGAN's generator: a residual network.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv:1802.05957,
tables 3 to 6; with classes as in Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018,
arXiv:1802.05637. `docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.resample import upsample_nearest
from sle_gan.models import GENERATORS
from sle_gan.models.blocks.sngan import SNGANLayers
from sle_gan.models.graph import FeatureSplit, split_at
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR

LATENT_SIZE = 128

# Channels of the first map and after each block, in multiples of the width, by the side of the images in pixels.
CHANNELS = {32: (4, 4, 4, 4), 48: (8, 4, 2, 1), 64: (16, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}


def generator(resolution: int = 32, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 128]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48, 64 or 128.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(GENERATORS["sngan"], resolution, channels, width)
    blocks = SNGANLayers(seed, GENERATOR)
    first, *rest = (share * width for share in CHANNELS[resolution])
    side = resolution // 2 ** len(rest)
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    x = tf.reshape(blocks.dense(codes, side * side * first, "start"), [-1, side, side, first])
    for filters in rest:
        side *= 2
        x = _up_block(x, filters, labels, f"up{side}", blocks)
    image = blocks.picture(x, channels)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls: the generator as it is."""
    return generator_model


@needs_keras_2
def feature_split(generator_model: keras.Model) -> FeatureSplit:
    """Cuts the generator behind its first layer; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    start, (_, *labels) = generator_model.get_layer("start").output, generator_model.inputs
    return split_at(generator_model, [start], labels, labels)


def _up_block(x: tf.Tensor, filters: int, labels: tf.Tensor | None, name: str, blocks: SNGANLayers) -> tf.Tensor:
    main = tf.nn.relu(blocks.norm(x, labels, f"{name}_norm1"))
    main = blocks.conv(upsample_nearest(main), filters, 3, f"{name}_conv1")
    main = tf.nn.relu(blocks.norm(main, labels, f"{name}_norm2"))
    main = blocks.conv(main, filters, 3, f"{name}_conv2")
    # A 1x1 convolution and the repetition of pixels change places without changing the sums.
    return main + upsample_nearest(blocks.conv(x, filters, 1, f"{name}_shortcut"))
