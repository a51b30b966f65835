"""AutoGAN's generator: three cells that a search has found, or those of a file.

Source: Gong et al., "AutoGAN: Neural Architecture Search for Generative Adversarial Networks", ICCV 2019,
arXiv:1908.03835, and its code. `docs/methods.md` lists the deviations.
"""

import math
from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.norm import instance_norm
from sle_gan.layers.resample import upsample_bilinear, upsample_nearest
from sle_gan.models import GENERATORS
from sle_gan.models.autogan_genotypes import Cell, genotype_of
from sle_gan.models.blocks.sngan import SNGANLayers
from sle_gan.models.graph import FeatureSplit, split_at
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR

LATENT_SIZE = 128

_RESAMPLED = {"bilinear": upsample_bilinear, "nearest": upsample_nearest}


def generator(
    resolution: int = 32,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    genotype: str = "a",
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 128]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48 or 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a quarter of the channels of all maps; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        genotype: `a`, `b`, `c`, or the numbers of another, as `in_numbers` of `autogan_genotypes.py` writes them.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(GENERATORS["autogan"], resolution, channels, width)
    cells = genotype_of(genotype)
    blocks = _Layers(seed, GENERATOR)
    filters, side = 4 * width, resolution // 2 ** len(cells)
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    told = codes if labels is None else tf.concat([codes, labels], axis=1)
    x = tf.reshape(blocks.dense(told, side * side * filters, "start"), [-1, side, side, filters])
    skips: list[tf.Tensor] = []
    for number, cell in enumerate(cells, start=1):
        x, skip = _cell(x, cell, skips, labels, f"cell{number}", blocks)
        skips.append(skip)
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
    is_told_later = any(layer.name.endswith("_gain") for layer in generator_model.layers)
    later = labels if is_told_later else []  # classes enter behind the first layer only where batches are normalized
    return split_at(generator_model, [start], later, later)


class _Layers(SNGANLayers):
    """SNGAN's layers, with a first layer that begins as PyTorch's do, and what cells are made of."""

    def dense(self, x: tf.Tensor, units: int, name: str) -> tf.Tensor:
        bound = 1.0 / math.sqrt(x.shape[-1])
        kernel, bias = (keras.initializers.RandomUniform(-bound, bound, seed=self.next_seed()) for _ in range(2))
        return keras.layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, name=name)(x)

    def normalized(self, x: tf.Tensor, cell: Cell, labels: tf.Tensor | None, name: str) -> tf.Tensor:
        """Normalizes as a cell does."""
        if cell.norm == "batch":
            return self.norm(x, labels, name)
        return instance_norm(x) if cell.norm == "instance" else x

    def up(self, x: tf.Tensor, factor: int, cell: Cell, name: str) -> tf.Tensor:
        """Enlarges a map `factor` times, as a cell does."""
        if cell.up in _RESAMPLED:
            return _RESAMPLED[cell.up](x, factor)
        for time in range(1, factor.bit_length()):
            options = {"strides": 2, "kernel_initializer": self.xavier(), "name": f"{name}_double{time}"}
            x = keras.layers.Conv2DTranspose(x.shape[-1], 2, **options)(x)
        return x

    def projected(self, x: tf.Tensor, factor: int, cell: Cell, name: str) -> tf.Tensor:
        """Enlarges a map `factor` times, as a cell does, and applies a 1x1 convolution."""
        if cell.up in _RESAMPLED:
            # Weighted means of pixels and a 1x1 convolution change places without changing the sums.
            return self.up(self.conv(x, x.shape[-1], 1, name), factor, cell, name)
        return self.conv(self.up(x, factor, cell, name), x.shape[-1], 1, name)


def _cell(
    x: tf.Tensor, cell: Cell, skips: list[tf.Tensor], labels: tf.Tensor | None, name: str, blocks: _Layers
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies a cell; returns its map, and the map that it hands to later cells."""
    filters, side = x.shape[-1], 2 * x.shape[1]

    def convolved(x: tf.Tensor, number: int, prepare: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        def active(x: tf.Tensor) -> tf.Tensor:
            return tf.nn.relu(blocks.normalized(x, cell, labels, f"{name}_norm{number}"))

        if cell.activation == "before":
            return blocks.conv(prepare(active(x)), filters, 3, f"{name}_conv{number}")
        return active(blocks.conv(prepare(x), filters, 3, f"{name}_conv{number}"))

    h = convolved(x, 1, lambda x: blocks.up(x, 2, cell, f"{name}_up"))
    for one in cell.skips:
        h += blocks.projected(skips[one - 1], side // skips[one - 1].shape[1], cell, f"{name}_skip{one}")
    # The released code adds in place: what a cell hands on holds what it was given.
    out = convolved(h, 2, lambda x: x)
    if cell.shortcut:
        out += blocks.projected(x, 2, cell, f"{name}_shortcut")
    return out, h
