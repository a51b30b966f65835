"""StyleGAN2, as small as the width asks for.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958, with
the settings of "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676. `docs/methods.md`
lists the deviations.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.conditional import projection
from sle_gan.layers.equalized import EqualizedConv2D, EqualizedDense, scaled_leaky_relu
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.layers.modulated import ModulatedConv2D
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.resample import blur_fir, downsample_fir, upsample_fir
from sle_gan.layers.styles import LearnedConstant, PartnerCodes, StyleAverage, StyleMixing
from sle_gan.models import LARGEST_MAPPING, MAPPING_LAYERS, MODELS
from sle_gan.models.graph import FeatureSplit, TrainingGraph, layers_of

LATENT_SIZE = 512
MAPPING_RATE = 0.01  # mappings learn at this share of the rate
CLASS_MAPPING_LAYERS = 8  # from the class to what the discriminator's features are projected on


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


def generator(resolution=256, channels=3, width=64, seed=0, classes=0, mapping_layers=MAPPING_LAYERS):
    """Builds the generator: latent codes float32 `[batch, 512]` -> images `[batch, side, side, channels]`.

    The images are in about [-1, 1]; nothing bounds them. `styles` brings out its parts. With classes it has a second
    input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of side s has min(256 width / s, 8 width) channels, styles 8 width numbers; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        mapping_layers: from codes to styles; 8 in the paper, 2 are enough for few images.

    Returns:
        A functional `keras.Model` with the sub-models `mapping` and `synthesis`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    if mapping_layers not in range(1, LARGEST_MAPPING + 1):
        raise ValueError(f"mapping_layers must be from 1 to {LARGEST_MAPPING}; got {mapping_layers}")
    blocks = _Blocks(seed, 0)
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    mapping = _mapping(mapping_layers, width, classes, blocks)
    partners = PartnerCodes(name="partner_codes", dtype="float32")(codes)
    style, other = (mapping(each if labels is None else [each, labels]) for each in (codes, partners))
    style = StyleAverage(name="style_average", dtype="float32")(style)
    layer_count = 2 * int(math.log2(resolution)) - 2
    mixing = StyleMixing(layer_count, name="style_mixing", dtype="float32")
    synthesis = _synthesis(resolution, channels, width, blocks)
    image = synthesis(mixing([style, other, codes]))
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


def discriminator(resolution=256, channels=3, width=64, seed=0, classes=0):
    """Builds the residual discriminator: images `[batch, side, side, channels]` -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of side s has min(256 width / s, 8 width) channels; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`. The logit of an image rests on up to three images beside it too.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    blocks = _Blocks(seed, 1)
    images = keras.Input([resolution, resolution, channels], name="images")
    x = scaled_leaky_relu(blocks.conv(images, _count(resolution, width), 1, "rgb"))
    while x.shape[1] > 4:
        x = _down_block(x, _count(x.shape[1] // 2, width), blocks)
    x = MinibatchDeviation(name="minibatch_deviation")(x)
    x = scaled_leaky_relu(blocks.conv(x, _count(4, width), 3, "last_conv"))
    x = tf.reshape(x, [-1, 16 * _count(4, width)])
    x = scaled_leaky_relu(blocks.dense(x, _count(4, width), "last_dense"))
    if not classes:
        return keras.Model(images, blocks.dense(x, 1, "logits", dtype="float32"), name="discriminator")
    labels = keras.Input([classes], name="labels")
    size = _count(4, width)
    embedding = _mapped(_embedded(labels, size, "class", blocks), size, CLASS_MAPPING_LAYERS, "class", blocks)
    logits = projection(blocks.dense(x, size, "logits", dtype="float32"), embedding) / math.sqrt(size)
    return keras.Model([images, labels], logits, name="discriminator")


def training_graph(generator_model, discriminator_model):
    """Returns what training calls: the `TrainingGraph` of the two networks as they are."""
    return TrainingGraph(generator_model, discriminator_model)


def feature_splits(generator_model, discriminator_model):
    """Cuts the generator behind its first convolution, before noise and activation, and the discriminator at its end.

    Args:
        generator_model: as `generator` builds it.
        discriminator_model: as `discriminator` builds it.

    Returns:
        Two `FeatureSplit`s; nothing is copied. The styles of all layers are what else the generator's rest takes.
    """
    synthesis = generator_model.get_layer("synthesis")
    mixed = generator_model.get_layer("style_mixing").output
    first_map = synthesis.get_layer("map4_conv").output
    start = keras.Model(synthesis.input, first_map, name="synthesis_start")(mixed)
    last, (_, *labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    return (
        FeatureSplit(
            keras.Model(generator_model.input, ([start], [mixed])),
            keras.Model([first_map, synthesis.input], synthesis.output),
        ),
        FeatureSplit(
            keras.Model(discriminator_model.input, ([last], [])),
            keras.Model([last, *labels], discriminator_model.output),
        ),
    )


def discriminator_blocks(discriminator_model):
    """Lists the layers of each residual block, from the image on; the first holds the entry too.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A list of lists of layers, without those behind the 4x4 map.
    """
    side = discriminator_model.input_shape[1]
    later = [layers_of(discriminator_model, f"down{side // 2**times}_") for times in range(1, side.bit_length() - 3)]
    return [layers_of(discriminator_model, "rgb", f"down{side}_"), *later]


def styles(generator_model):
    """Brings out the parts of a generator on both sides of its styles; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        `Styles`.
    """
    layer = generator_model.get_layer
    mixing = keras.Model(generator_model.input, layer("style_mixing").output, name="mixing")
    return Styles(layer("mapping"), mixing, layer("synthesis"), layer("style_average").average)


def first_layer_from(side):
    """Returns the index of the first style that maps of `side` pixels take.

    Args:
        side: 4, 8, 16, ...

    Returns:
        0 for 4; the styles before it shape coarser maps alone, but for the picture of the side before.
    """
    return max(0, 2 * int(math.log2(side)) - 5)


def _check(resolution, channels, width):
    allowed = MODELS["stylegan2"]
    if resolution not in allowed.resolutions:
        raise ValueError(f"resolution must be one of {allowed.resolutions}; got {resolution}")
    if channels not in allowed.channels:
        raise ValueError(f"channels must be one of {allowed.channels}; got {channels}")
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8; got {width}")


def _count(side, width):
    return min(256 * width // side, 8 * width)


class _Blocks:
    """The layers of one network, each with initial weights from the next of its seeds."""

    def __init__(self, seed, network):
        self._rng = np.random.default_rng([seed, network])
        self._noises = 0

    def next_seed(self):
        return int(self._rng.integers(2**31))

    def dense(self, x, units, name, **kwargs):
        return EqualizedDense(units, self.next_seed(), name=name, **kwargs)(x)

    def conv(self, x, filters, size, name, **kwargs):
        return EqualizedConv2D(filters, size, self.next_seed(), name=name, **({"padding": "same"} | kwargs))(x)

    def styled_conv(self, x, style, filters, name):
        """Modulated convolution, noise, activation. The bias, which belongs after the noise, commutes with it."""
        scales = self.dense(style, x.shape[-1], f"{name}_style", initial_bias=1.0)
        x = ModulatedConv2D(filters, 3, self.next_seed(), name=name)([x, scales])
        self._noises += 1
        return scaled_leaky_relu(NoiseInjection(self._noises, name=f"{name}_noise")([x, style]))

    def to_rgb(self, x, style, channels, name):
        scales = self.dense(style, x.shape[-1], f"{name}_style", initial_bias=1.0)
        layer = ModulatedConv2D(channels, 1, self.next_seed(), demodulate=False, name=name, dtype="float32")
        return layer([x, scales])


def _mapping(layer_count, width, classes, blocks):
    codes = keras.Input([LATENT_SIZE], name="codes")
    x = _normalized(codes)
    if not classes:
        return keras.Model(codes, _mapped(x, 8 * width, layer_count, "mapping", blocks), name="mapping")
    labels = keras.Input([classes], name="labels")
    x = tf.concat([x, _embedded(labels, 8 * width, "mapping", blocks)], axis=1)
    return keras.Model([codes, labels], _mapped(x, 8 * width, layer_count, "mapping", blocks), name="mapping")


def _mapped(x, units, layer_count, name, blocks):
    for number in range(1, layer_count + 1):
        layer = EqualizedDense(units, blocks.next_seed(), MAPPING_RATE, dtype="float32", name=f"{name}{number}")
        x = scaled_leaky_relu(layer(x))
    return x


def _embedded(labels, units, name, blocks):
    return _normalized(blocks.dense(labels, units, f"{name}_embedding", dtype="float32"))


def _normalized(x):
    return x * tf.math.rsqrt(tf.reduce_mean(x**2, axis=1, keepdims=True) + 1e-8)


def _synthesis(resolution, channels, width, blocks):
    layer_count = 2 * int(math.log2(resolution)) - 2
    all_styles = keras.Input([layer_count, 8 * width], name="styles")
    style_of = tf.unstack(all_styles, axis=1)
    x = LearnedConstant([4, 4, _count(4, width)], blocks.next_seed(), name="start")(style_of[0])
    x = blocks.styled_conv(x, style_of[0], _count(4, width), "map4_conv")
    image = blocks.to_rgb(x, style_of[1], channels, "map4_rgb")
    side, layer = 4, 1
    while side < resolution:
        side *= 2
        x = blocks.styled_conv(upsample_fir(x), style_of[layer], _count(side, width), f"map{side}_conv1")
        x = blocks.styled_conv(x, style_of[layer + 1], _count(side, width), f"map{side}_conv2")
        image = upsample_fir(image) + blocks.to_rgb(x, style_of[layer + 2], channels, f"map{side}_rgb")
        layer += 2
    return keras.Model(all_styles, image, name="synthesis")


def _down_block(x, filters, blocks):
    side, width_in = x.shape[1], x.shape[-1]
    main = scaled_leaky_relu(blocks.conv(x, width_in, 3, f"down{side}_conv1"))
    main = blocks.conv(blur_fir(main), filters, 3, f"down{side}_conv2", strides=2, padding="valid")
    direct = blocks.conv(downsample_fir(x), filters, 1, f"down{side}_direct", use_bias=False)
    return (scaled_leaky_relu(main) + direct) * math.sqrt(0.5)
