"""SNGAN: residual networks, the discriminator's under spectral normalization.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv:1802.05957,
tables 3 to 6; with classes as in Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018, arXiv:1802.05637.
`docs/methods.md` lists the deviations.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.conditional import class_batch_norm, projection
from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import average_pool_to, upsample_nearest
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models import MODELS
from sle_gan.models.graph import FeatureSplit, TrainingGraph, layers_of

LATENT_SIZE = 128

# Channels of the first map and after each block, in multiples of the width, by the side of the images in pixels.
GENERATOR_CHANNELS = {32: (4, 4, 4, 4), 48: (8, 4, 2, 1), 64: (16, 8, 4, 2, 1), 128: (16, 16, 8, 4, 2, 1)}
DISCRIMINATOR_CHANNELS = {32: (2, 2, 2, 2), 48: (1, 2, 4, 8, 16), 64: (1, 2, 4, 8, 16), 128: (1, 2, 4, 8, 16, 16)}
HALVINGS = {32: 2, 48: 4, 64: 4, 128: 5}  # the discriminator's first blocks halve the map, the others keep it


def generator(resolution=32, channels=3, width=64, seed=0, classes=0):
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
    _check(resolution, channels, width)
    blocks = _Blocks(seed, 0)
    first, *rest = (share * width for share in GENERATOR_CHANNELS[resolution])
    side = resolution // 2 ** len(rest)
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    x = tf.reshape(blocks.dense(codes, side * side * first, "start"), [-1, side, side, first])
    for filters in rest:
        side *= 2
        x = _up_block(x, filters, labels, f"up{side}", blocks)
    x = tf.nn.relu(blocks.batch_norm(x, "rgb_norm"))
    x = blocks.conv(x, channels, 3, "rgb")
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


def discriminator(resolution=32, channels=3, width=64, seed=0, classes=0):
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
    _check(resolution, channels, width)
    blocks = _Blocks(seed, 1)
    first, *rest = (share * width for share in DISCRIMINATOR_CHANNELS[resolution])
    images = keras.Input([resolution, resolution, channels], name="images")
    x = _entry_block(images, first, blocks)
    for number, filters in enumerate(rest, start=2):
        x = _down_block(x, filters, number <= HALVINGS[resolution], f"block{number}", blocks)
    features = tf.reduce_sum(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2])
    logits = blocks.spectral_dense(features, 1, "logits")
    if not classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input([classes], name="labels")
    embedding = blocks.spectral_dense(labels, features.shape[-1], "embedding")
    return keras.Model([images, labels], logits + projection(features, embedding), name="discriminator")


def training_graph(generator_model, discriminator_model):
    """Returns what training calls: the `TrainingGraph` of the two networks as they are."""
    return TrainingGraph(generator_model, discriminator_model)


def feature_splits(generator_model, discriminator_model):
    """Cuts the generator behind its first layer, and the discriminator before its last: at the vector of sums.

    Args:
        generator_model: as `generator` builds it.
        discriminator_model: as `discriminator` builds it.

    Returns:
        Two `FeatureSplit`s; nothing is copied.
    """
    start, (_, *labels) = generator_model.get_layer("start").output, generator_model.inputs
    sums, (_, *judged_labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    return (
        FeatureSplit(
            keras.Model(generator_model.input, ([start], labels)),
            keras.Model([start, *labels], generator_model.output),
        ),
        FeatureSplit(
            keras.Model(discriminator_model.input, ([sums], [])),
            keras.Model([sums, *judged_labels], discriminator_model.output),
        ),
    )


def discriminator_blocks(discriminator_model):
    """Lists the layers of each residual block, from the image on: a list of lists of layers, without the head."""
    side = discriminator_model.inputs[0].shape[1]
    return [
        layers_of(discriminator_model, f"block{number}_") for number in range(1, len(DISCRIMINATOR_CHANNELS[side]) + 1)
    ]


def _check(resolution, channels, width):
    allowed = MODELS["sngan"]
    if resolution not in allowed.resolutions:
        raise ValueError(f"resolution must be one of {allowed.resolutions}; got {resolution}")
    if channels not in allowed.channels:
        raise ValueError(f"channels must be one of {allowed.channels}; got {channels}")
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8; got {width}")


class _Blocks:
    """The layers of one network, each with initial weights from the next of its seeds."""

    def __init__(self, seed, network):
        self._rng = np.random.default_rng([seed, network])

    def _next_seed(self):
        return int(self._rng.integers(2**31))

    def _xavier(self):
        return keras.initializers.GlorotUniform(self._next_seed())

    def dense(self, x, units, name):
        return keras.layers.Dense(units, kernel_initializer=self._xavier(), name=name)(x)

    def conv(self, x, filters, size, name):
        return keras.layers.Conv2D(filters, size, padding="same", kernel_initializer=self._xavier(), name=name)(x)

    def batch_norm(self, x, name):
        return batch_norm(x, keras.initializers.RandomNormal(1.0, 0.02, seed=self._next_seed()), name)

    def norm(self, x, labels, name):
        """Batch normalization, whose gain and bias are those of the class where there are classes."""
        if labels is None:
            return self.batch_norm(x, name)
        return class_batch_norm(x, labels, keras.initializers.RandomNormal(0.0, 0.02, seed=self._next_seed()), name)

    def spectral_conv(self, x, filters, size, name):
        initializer = self._xavier()
        return SpectralConv2D(
            filters, size, self._next_seed(), padding="same", kernel_initializer=initializer, name=name
        )(x)

    def spectral_dense(self, x, units, name):
        initializer = self._xavier()
        return SpectralDense(
            units, self._next_seed(), use_bias=False, kernel_initializer=initializer, dtype="float32", name=name
        )(x)


def _up_block(x, filters, labels, name, blocks):
    main = tf.nn.relu(blocks.norm(x, labels, f"{name}_norm1"))
    main = blocks.conv(upsample_nearest(main), filters, 3, f"{name}_conv1")
    main = tf.nn.relu(blocks.norm(main, labels, f"{name}_norm2"))
    main = blocks.conv(main, filters, 3, f"{name}_conv2")
    # A 1x1 convolution and the repetition of pixels change places without changing the sums.
    return main + upsample_nearest(blocks.conv(x, filters, 1, f"{name}_shortcut"))


def _entry_block(x, filters, blocks):
    main = tf.nn.relu(blocks.spectral_conv(x, filters, 3, "block1_conv1"))
    main = _halve(blocks.spectral_conv(main, filters, 3, "block1_conv2"))
    return main + blocks.spectral_conv(_halve(x), filters, 1, "block1_shortcut")


def _down_block(x, filters, halves, name, blocks):
    """A block that halves the map, or keeps it and its channels' shortcut where they stay the same."""
    main = blocks.spectral_conv(tf.nn.relu(x), x.shape[-1], 3, f"{name}_conv1")
    main = blocks.spectral_conv(tf.nn.relu(main), filters, 3, f"{name}_conv2")
    if halves:
        # Averages and a 1x1 convolution change places without changing the sums.
        return _halve(main) + blocks.spectral_conv(_halve(x), filters, 1, f"{name}_shortcut")
    if x.shape[-1] == filters:
        return main + x
    return main + blocks.spectral_conv(x, filters, 1, f"{name}_shortcut")


def _halve(x):
    return average_pool_to(x, x.shape[1] // 2)
