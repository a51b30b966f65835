"""BigGAN: residual networks, both under spectral normalization, of many channels, with attention and with classes.

Source: Brock, Donahue & Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019,
arXiv:1809.11096; at 32 px as in Zhao et al. 2020, arXiv:2006.10738. `docs/methods.md` lists the deviations.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.attention import self_attention
from sle_gan.layers.conditional import conditional_batch_norm, projection
from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import average_pool_to, upsample_nearest
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models import MODELS
from sle_gan.models.graph import FeatureSplit, TrainingGraph, layers_of

_SHARED_SIZE = 128  # of the class embedding that all blocks of a generator share
_START_SIDE = 4


class Architecture(NamedTuple):
    """The networks of one resolution.

    Attributes:
        latent_size: length of a code.
        chunk_size: numbers at the end of a code that each block of the generator is given, behind those that shape
            the first map; 0 where blocks see none of it, and classes have an embedding of each block's own.
        generator: channels of the first map and after each block, in multiples of the width.
        discriminator: channels after each block, likewise.
        halvings: the discriminator's first blocks that halve the map, the others keep it.
        attention_side: side of the map that both networks attend to, in pixels; None for no attention.
        initializer: function of a seed -> the initializer of all kernels.
    """

    latent_size: int
    chunk_size: int
    generator: tuple
    discriminator: tuple
    halvings: int
    attention_side: int | None
    initializer: object


def _narrow(seed):
    return keras.initializers.RandomNormal(0.0, 0.02, seed)


def _orthogonal(seed):
    return keras.initializers.Orthogonal(seed=seed)


ARCHITECTURES = {
    32: Architecture(128, 0, (1, 1, 1, 1), (1, 1, 1, 1), 2, None, _narrow),
    64: Architecture(100, 20, (16, 16, 8, 4, 2), (2, 4, 8, 16, 16), 4, 32, _orthogonal),
    128: Architecture(120, 20, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, 64, _orthogonal),
}


def generator(resolution=32, channels=3, width=256, seed=0, classes=0):
    """Builds the generator: latent codes float32 `[batch, size]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64 or 128.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 256 at 32 px, 80 at 64 px and 96 at 128 px in the papers.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    architecture = ARCHITECTURES[resolution]
    blocks = _Blocks(seed, 0, architecture.initializer)
    first, *rest = (share * width for share in architecture.generator)
    codes = keras.Input([architecture.latent_size], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    start, *chunks = _chunks(codes, architecture.chunk_size, len(rest))
    conditions = _conditions(chunks, labels, blocks) if chunks else [labels] * len(rest)
    units = _START_SIDE**2 * first
    x = tf.reshape(blocks.spectral_dense(start, units, "start"), [-1, _START_SIDE, _START_SIDE, first])
    side = _START_SIDE
    project = blocks.spectral_embedding if chunks else blocks.embedding
    for filters, condition in zip(rest, conditions, strict=True):
        side *= 2
        x = _up_block(x, filters, condition, project, f"up{side}", blocks)
        if side == architecture.attention_side:
            x = self_attention(x, blocks.bare_conv, f"attention{side}")
    x = tf.nn.relu(blocks.batch_norm(x, "rgb_norm"))
    x = blocks.conv(x, channels, 3, "rgb")
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


def discriminator(resolution=32, channels=3, width=256, seed=0, classes=0):
    """Builds the discriminator: images `[batch, side, side, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64 or 128.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 256 at 32 px, 80 at 64 px and 96 at 128 px in the papers.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    architecture = ARCHITECTURES[resolution]
    blocks = _Blocks(seed, 1, architecture.initializer)
    first, *rest = (share * width for share in architecture.discriminator)
    images = keras.Input([resolution, resolution, channels], name="images")
    x = _entry_block(images, first, blocks)
    if x.shape[1] == architecture.attention_side:
        x = self_attention(x, blocks.bare_conv, f"attention{x.shape[1]}")
    for number, filters in enumerate(rest, start=2):
        x = _down_block(x, filters, number <= architecture.halvings, f"block{number}", blocks)
    features = tf.reduce_sum(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2])
    logits = blocks.spectral_dense(features, 1, "logits", dtype="float32")
    if not classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input([classes], name="labels")
    embedding = blocks.spectral_embedding(labels, features.shape[-1], "embedding", dtype="float32")
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
        Two `FeatureSplit`s; nothing is copied. Codes, whose ends all blocks are given, are what else the generator's
        rest takes, where the resolution has such blocks.
    """
    start, (codes, *labels) = generator_model.get_layer("start").output, generator_model.inputs
    sums, (images, *judged_labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    others = [codes, *labels] if ARCHITECTURES[images.shape[1]].chunk_size else labels
    return (
        FeatureSplit(
            keras.Model(generator_model.input, ([start], others)),
            keras.Model([start, *others], generator_model.output),
        ),
        FeatureSplit(
            keras.Model(discriminator_model.input, ([sums], [])),
            keras.Model([sums, *judged_labels], discriminator_model.output),
        ),
    )


def discriminator_blocks(discriminator_model):
    """Lists the layers of each residual block, from the image on: a list of lists of layers, without the head."""
    side = discriminator_model.inputs[0].shape[1]
    architecture = ARCHITECTURES[side]
    blocks = [
        layers_of(discriminator_model, f"block{number}_") for number in range(1, len(architecture.discriminator) + 1)
    ]
    blocks[0] += layers_of(discriminator_model, "attention")
    return blocks


def _check(resolution, channels, width):
    allowed = MODELS["biggan"]
    if resolution not in allowed.resolutions:
        raise ValueError(f"resolution must be one of {allowed.resolutions}; got {resolution}")
    if channels not in allowed.channels:
        raise ValueError(f"channels must be one of {allowed.channels}; got {channels}")
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8; got {width}")


class _Blocks:
    """The layers of one network, each with initial weights from the next of its seeds."""

    def __init__(self, seed, network, initializer):
        self._rng = np.random.default_rng([seed, network])
        self._initializer = initializer

    def _next_seed(self):
        return int(self._rng.integers(2**31))

    def _kernel(self):
        return self._initializer(self._next_seed())

    def _spectral(self, layer, *arguments, **kwargs):
        initializer = self._kernel()
        return layer(*arguments, left_vector_seed=self._next_seed(), kernel_initializer=initializer, **kwargs)

    def embedding(self, x, units, name):
        kernel = self._kernel()
        return keras.layers.Dense(units, use_bias=False, kernel_initializer=kernel, name=name)(x)

    def spectral_embedding(self, x, units, name, dtype=None):
        return self._spectral(SpectralDense, units, use_bias=False, name=name, dtype=dtype)(x)

    def spectral_dense(self, x, units, name, dtype=None):
        return self._spectral(SpectralDense, units, name=name, dtype=dtype)(x)

    def conv(self, x, filters, size, name):
        return self._spectral(SpectralConv2D, filters, size, padding="same", name=name)(x)

    def bare_conv(self, x, filters, size, name):
        return self._spectral(SpectralConv2D, filters, size, padding="same", use_bias=False, name=name)(x)

    def batch_norm(self, x, name):
        return batch_norm(x, "ones", name)


def _chunks(codes, chunk_size, count):
    """Parts a code in what shapes the first map and what each of `count` blocks is given, if anything."""
    if not chunk_size:
        return [codes]
    return tf.split(codes, [codes.shape[-1] - count * chunk_size, *[chunk_size] * count], axis=1)


def _conditions(chunks, labels, blocks):
    """Puts the embedding that all blocks share before each block's chunk of the code."""
    if labels is None:
        return chunks
    shared = blocks.embedding(labels, _SHARED_SIZE, "shared_embedding")
    return [tf.concat([shared, tf.cast(chunk, shared.dtype)], axis=1) for chunk in chunks]


def _up_block(x, filters, condition, project, name, blocks):
    def norm(maps, norm_name):
        if condition is None:
            return blocks.batch_norm(maps, norm_name)
        gain, bias = (project(condition, maps.shape[-1], f"{norm_name}_{part}") for part in ("gain", "bias"))
        return conditional_batch_norm(maps, gain, bias, norm_name)

    main = tf.nn.relu(norm(x, f"{name}_norm1"))
    main = blocks.conv(upsample_nearest(main), filters, 3, f"{name}_conv1")
    main = tf.nn.relu(norm(main, f"{name}_norm2"))
    main = blocks.conv(main, filters, 3, f"{name}_conv2")
    # A 1x1 convolution and the repetition of pixels change places without changing the sums.
    return main + upsample_nearest(blocks.conv(x, filters, 1, f"{name}_shortcut"))


def _entry_block(x, filters, blocks):
    main = tf.nn.relu(blocks.conv(x, filters, 3, "block1_conv1"))
    main = _halve(blocks.conv(main, filters, 3, "block1_conv2"))
    return main + blocks.conv(_halve(x), filters, 1, "block1_shortcut")


def _down_block(x, filters, halves, name, blocks):
    """A block that halves the map, or keeps it and its shortcut where the channels stay the same."""
    main = blocks.conv(tf.nn.relu(x), filters, 3, f"{name}_conv1")
    main = blocks.conv(tf.nn.relu(main), filters, 3, f"{name}_conv2")
    if halves:
        # Averages and a 1x1 convolution change places without changing the sums.
        return _halve(main) + blocks.conv(_halve(x), filters, 1, f"{name}_shortcut")
    if x.shape[-1] == filters:
        return main + x
    return main + blocks.conv(x, filters, 1, f"{name}_shortcut")


def _halve(x):
    return average_pool_to(x, x.shape[1] // 2)
