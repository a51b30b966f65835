"""SNGAN's discriminator: a residual network under spectral normalization.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv:1802.05957,
tables 3 to 6; with classes as in Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018,
arXiv:1802.05637. `docs/methods.md` lists the deviations.
"""

import itertools
from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.conditional import projection
from sle_gan.layers.resample import average_pool_to
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.graph import FeatureSplit, JudgingGraph, layers_of, split_at
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import DISCRIMINATOR, SeededLayers

# Channels after each block, in multiples of the width, by the side of the images in pixels.
CHANNELS = {32: (2, 2, 2, 2), 48: (1, 2, 4, 8, 16), 64: (1, 2, 4, 8, 16), 128: (1, 2, 4, 8, 16, 16)}
HALVINGS = {32: 2, 48: 4, 64: 4, 128: 5}  # the first blocks halve the map, the others keep it


def discriminator(
    resolution: int = 32, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the discriminator: images `[batch, side, side, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

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
    check_shape(DISCRIMINATORS["sngan"], resolution, channels, width)
    return residual_discriminator(
        CHANNELS[resolution], HALVINGS[resolution], resolution, channels, width, seed, classes
    )


def residual_discriminator(
    shares: Sequence[int], halvings: int, resolution: int, channels: int, width: int, seed: int, classes: int
) -> keras.Model:
    """Builds the discriminator of some numbers of channels.

    Args:
        shares: channels after each block, in multiples of the width.
        halvings: the first blocks that halve the map; the others keep it.
        resolution: side of the images in pixels.
        channels: of the images.
        width: channels of which all maps have multiples.
        seed: of the initial weights.
        classes: number of classes; 0 without.
    """
    blocks = _Layers(seed, DISCRIMINATOR)
    first, *rest = (share * width for share in shares)
    images = keras.Input([resolution, resolution, channels], name="images")
    x = _entry_block(images, first, blocks)
    for number, filters in enumerate(rest, start=2):
        x = _down_block(x, filters, number <= halvings, f"block{number}", blocks)
    features = tf.reduce_sum(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2])
    logits = blocks.spectral_dense(features, 1, "logits")
    if not classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input([classes], name="labels")
    embedding = blocks.spectral_dense(labels, features.shape[-1], "embedding")
    return keras.Model([images, labels], logits + projection(features, embedding), name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Returns what training calls: the discriminator as it is."""
    return JudgingGraph(discriminator_model)


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator before its last layer, at the vector of sums; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    sums, (_, *labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    return split_at(discriminator_model, [sums], [], labels)


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each residual block, from the image on: a list of lists of layers, without the head."""
    numbered = (layers_of(discriminator_model, f"block{number}_") for number in itertools.count(1))
    return list(itertools.takewhile(bool, numbered))


class _Layers(SeededLayers):
    """Layers under spectral normalization."""

    def _xavier(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(self.next_seed())

    def spectral_conv(self, x: tf.Tensor, filters: int, size: int, name: str) -> tf.Tensor:
        initializer = self._xavier()
        return SpectralConv2D(
            filters, size, self.next_seed(), padding="same", kernel_initializer=initializer, name=name
        )(x)

    def spectral_dense(self, x: tf.Tensor, units: int, name: str) -> tf.Tensor:
        initializer = self._xavier()
        return SpectralDense(
            units, self.next_seed(), use_bias=False, kernel_initializer=initializer, dtype="float32", name=name
        )(x)


def _entry_block(x: tf.Tensor, filters: int, blocks: _Layers) -> tf.Tensor:
    main = tf.nn.relu(blocks.spectral_conv(x, filters, 3, "block1_conv1"))
    main = _halve(blocks.spectral_conv(main, filters, 3, "block1_conv2"))
    return main + blocks.spectral_conv(_halve(x), filters, 1, "block1_shortcut")


def _down_block(x: tf.Tensor, filters: int, halves: bool, name: str, blocks: _Layers) -> tf.Tensor:
    """A block that halves the map, or keeps it and its channels' shortcut where they stay the same."""
    main = blocks.spectral_conv(tf.nn.relu(x), x.shape[-1], 3, f"{name}_conv1")
    main = blocks.spectral_conv(tf.nn.relu(main), filters, 3, f"{name}_conv2")
    if halves:
        # Averages and a 1x1 convolution change places without changing the sums.
        return _halve(main) + blocks.spectral_conv(_halve(x), filters, 1, f"{name}_shortcut")
    if x.shape[-1] == filters:
        return main + x
    return main + blocks.spectral_conv(x, filters, 1, f"{name}_shortcut")


def _halve(x: tf.Tensor) -> tf.Tensor:
    return average_pool_to(x, x.shape[1] // 2)
