"""StyleGAN2's generator, as small as the width asks for.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958,
figures 2 and 7, with the settings of "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676.
`docs/methods.md` lists the deviations.
"""

import math
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.equalized import scaled_leaky_relu
from sle_gan.layers.modulated import ModulatedConv2D
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.norm import pixel_norm
from sle_gan.layers.resample import upsample_fir
from sle_gan.layers.styles import LearnedConstant, PartnerCodes, StyleAverage, StyleMixing
from sle_gan.models import GENERATORS, LARGEST_MAPPING, MAPPING_LAYERS, limits_of_width
from sle_gan.models.blocks.stylegan2 import StyleGAN2Layers, embedded, mapped
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.rows import ChannelLimits, check_shape
from sle_gan.models.seeded import GENERATOR
from sle_gan.picture_shape import PictureShape, Resolution

LATENT_SIZE = 512


class Styles(NamedTuple):
    """The parts of a generator on both sides of its styles; they share its layers.

    Attributes:
        mapping: latent codes float32 `[batch, 512]` -> styles float32 `[batch, size]`; with classes of a list of codes
            and labels, as the generator.
        mixing: the same -> styles of all layers, mixed in training.
        synthesis: styles of all layers `[batch, layers, size]` -> images.
        average: float32 `[size]`, the moving average of the styles.
    """

    mapping: keras.Model
    mixing: keras.Model
    synthesis: keras.Model
    average: tf.Variable


def generator(
    resolution: Resolution = 256,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    mapping_layers: int = MAPPING_LAYERS,
    limits: ChannelLimits | None = None,
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 512]` -> images `[batch, height, width, channels]`.

    The images are in about [-1, 1]; nothing bounds them. `styles` brings out its parts. With classes it has a second
    input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64, 128, 256, 512 or 1024; or width and height such as
            `384x256`, the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of shorter side s has min(256 width / s, 8 width) channels, styles 8 width numbers; 64 in the
            paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        mapping_layers: from codes to styles; 8 in the paper, 2 are enough for few images.
        limits: of the channels of maps, in place of those that follow from the width.

    Returns:
        A functional `keras.Model` with the sub-models `mapping` and `synthesis`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    shape = check_shape(GENERATORS["stylegan2"], resolution, channels, width)
    if mapping_layers not in range(1, LARGEST_MAPPING + 1):
        raise ValueError(f"mapping_layers must be from 1 to {LARGEST_MAPPING}; got {mapping_layers}")
    blocks = _Layers(seed, GENERATOR)
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    mapping = _mapping(mapping_layers, width, classes, blocks)
    partners = PartnerCodes(name="partner_codes", dtype="float32")(codes)
    style, other = (mapping(each if labels is None else [each, labels]) for each in (codes, partners))
    style = StyleAverage(name="style_average", dtype="float32")(style)
    layer_count = 2 * int(math.log2(shape.side)) - 2
    mixing = StyleMixing(layer_count, name="style_mixing", dtype="float32")
    synthesis = _synthesis(shape, channels, 8 * width, limits or limits_of_width(width), blocks)
    image = synthesis(mixing([style, other, codes]))
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls: the generator as it is."""
    return generator_model


@needs_keras_2
def feature_split(generator_model: keras.Model) -> FeatureSplit:
    """Cuts the generator behind its first convolution, before noise and activation; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A `FeatureSplit`. The styles of all layers are what else its rest takes.
    """
    synthesis = generator_model.get_layer("synthesis")
    mixed = generator_model.get_layer("style_mixing").output
    first_map = synthesis.get_layer("map4_conv").output
    start = keras.Model(synthesis.input, first_map, name="synthesis_start")(mixed)
    return FeatureSplit(
        keras.Model(generator_model.input, ([start], [mixed])),
        keras.Model([first_map, synthesis.input], synthesis.output),
    )


@needs_keras_2
def styles(generator_model: keras.Model) -> Styles:
    """Brings out the parts of a generator on both sides of its styles; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        `Styles`.
    """
    layer = generator_model.get_layer
    mixing = keras.Model(generator_model.input, layer("style_mixing").output, name="mixing")
    return Styles(layer("mapping"), mixing, layer("synthesis"), layer("style_average").average)


@needs_keras_2
def style_scales(generator_model: keras.Model) -> keras.Model:
    """Brings out what styles are made into first: the scales of the channels of all layers; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A model of styles of all layers `[batch, layers, size]` -> scales float32 `[batch, channels of all layers]`.
    """
    synthesis = generator_model.get_layer("synthesis")
    scales = [layer.output for layer in synthesis.layers if layer.name.endswith("_style")]
    return keras.Model(synthesis.input, tf.concat(scales, axis=1))


def first_layer_from(side: int) -> int:
    """Returns the index of the first style that maps of `side` pixels take.

    Args:
        side: 4, 8, 16, ...

    Returns:
        0 for 4; the styles before it shape coarser maps alone, but for the picture of the side before.
    """
    return max(0, 2 * int(math.log2(side)) - 5)


class _Layers(StyleGAN2Layers):
    """The generator's own layers."""

    def __init__(self, seed: int, network: int) -> None:
        super().__init__(seed, network)
        self._noises = 0

    def styled_conv(self, x: tf.Tensor, style: tf.Tensor, filters: int, name: str) -> tf.Tensor:
        """Modulated convolution, noise, activation. The bias, which belongs after the noise, commutes with it."""
        scales = self.dense(style, x.shape[-1], f"{name}_style", initial_bias=1.0)
        x = ModulatedConv2D(filters, 3, self.next_seed(), name=name)([x, scales])
        self._noises += 1
        return scaled_leaky_relu(NoiseInjection(self._noises, name=f"{name}_noise")([x, style]))

    def to_rgb(self, x: tf.Tensor, style: tf.Tensor, channels: int, name: str) -> tf.Tensor:
        scales = self.dense(style, x.shape[-1], f"{name}_style", initial_bias=1.0)
        layer = ModulatedConv2D(channels, 1, self.next_seed(), demodulate=False, name=name, dtype="float32")
        return layer([x, scales])


def _mapping(layer_count: int, width: int, classes: int, blocks: _Layers) -> keras.Model:
    codes = keras.Input([LATENT_SIZE], name="codes")
    x = pixel_norm(codes)
    if not classes:
        return keras.Model(codes, mapped(x, 8 * width, layer_count, "mapping", blocks), name="mapping")
    labels = keras.Input([classes], name="labels")
    x = tf.concat([x, embedded(labels, 8 * width, "mapping", blocks)], axis=1)
    return keras.Model([codes, labels], mapped(x, 8 * width, layer_count, "mapping", blocks), name="mapping")


def _synthesis(
    shape: PictureShape, channels: int, style_size: int, limits: ChannelLimits, blocks: _Layers
) -> keras.Model:
    layer_count = 2 * int(math.log2(shape.side)) - 2
    all_styles = keras.Input([layer_count, style_size], name="styles")
    style_of = tf.unstack(all_styles, axis=1)
    x = LearnedConstant([*shape.of_side(4).size, limits.at(4)], blocks.next_seed(), name="start")(style_of[0])
    x = blocks.styled_conv(x, style_of[0], limits.at(4), "map4_conv")
    image = blocks.to_rgb(x, style_of[1], channels, "map4_rgb")
    side, layer = 4, 1
    while side < shape.side:
        side *= 2
        x = blocks.styled_conv(upsample_fir(x), style_of[layer], limits.at(side), f"map{side}_conv1")
        x = blocks.styled_conv(x, style_of[layer + 1], limits.at(side), f"map{side}_conv2")
        image = upsample_fir(image) + blocks.to_rgb(x, style_of[layer + 2], channels, f"map{side}_rgb")
        layer += 2
    return keras.Model(all_styles, image, name="synthesis")
