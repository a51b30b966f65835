"""ProGAN's discriminator, which holds all sides that it grows through.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018,
arXiv:1710.10196, section 3, table 2, and its code. `docs/methods.md` lists the deviations.
"""

import math

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.conditional import projection
from sle_gan.layers.growing import FIRST_SIDE, GrowthLevel, faded, level_of_side
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.layers.resample import average_pool_to
from sle_gan.models import DISCRIMINATORS, limits_of_width
from sle_gan.models.blocks.progan import VARIANTS, Parts, ProGANLayers, Variant, lowest_faded, sides_to
from sle_gan.models.graph import FeatureSplit, JudgingGraph
from sle_gan.models.rows import ChannelLimits, check_shape
from sle_gan.models.seeded import DISCRIMINATOR


def discriminator(
    resolution: int = 32,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    limits: ChannelLimits | None = None,
    variant: str = "paper",
) -> keras.Model:
    """Builds the discriminator: images `[batch, side, side, channels]` -> logits `[batch, 1]`.

    It looks at images of the side that the level of the layer `growth` says, as squares of pixels are averaged to. With
    classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: the full side of the images in pixels: 32, 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of side s has min(256 width / s, 8 width) channels; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        limits: of the channels of maps, in place of those that follow from the width.
        variant: a name in `sle_gan.models.blocks.progan.VARIANTS`.

    Returns:
        A functional `keras.Model`, whose level is 0. The logit of an image rests on images beside it too.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(DISCRIMINATORS["progan"], resolution, channels, width)
    kind, limits = VARIANTS[variant], limits or limits_of_width(width)
    blocks = ProGANLayers(seed, DISCRIMINATOR)
    images = keras.Input([resolution, resolution, channels], name="images")
    parts: dict[str, keras.layers.Layer] = {"growth": GrowthLevel(name="growth", dtype="float32")}
    for side in reversed(sides_to(resolution)):
        parts[f"side{side}"] = _entry(side, channels, limits, kind, blocks)
        if side > FIRST_SIDE:
            parts[f"map{side}"] = _block(side, limits, kind, blocks)
    parts["map4"] = _end(limits, kind, blocks)
    features = _seen(parts.__getitem__, images, resolution, resolution, FIRST_SIDE)
    logits = blocks.dense(features, 1, "logits", gain=kind.color_gain, dtype="float32")
    if not classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input([classes], name="labels")
    embedding = blocks.dense(labels, features.shape[-1], "embedding", gain=1.0, use_bias=False, dtype="float32")
    logits += projection(tf.cast(features, tf.float32), embedding) / math.sqrt(features.shape[-1])
    return keras.Model([images, labels], logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Returns what training calls that does not grow: the discriminator of its full side alone.

    Args:
        discriminator_model: as `discriminator` builds it.
    """
    full_side = discriminator_model.inputs[0].shape[1]
    return JudgingGraph(_of_side(discriminator_model, full_side, full_side))


@needs_keras_2
def graph_of_side(discriminator_model: keras.Model, side: int) -> keras.Model:
    """Returns what training calls while the networks have grown to a side, or that side fades in; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it; its level says how far the side has faded in.
        side: in pixels, from 4 to the full side.

    Returns:
        A model of images float32 `[batch, side, side, channels]`, with classes and labels, -> logits.
    """
    return _of_side(discriminator_model, side, lowest_faded(side))


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator of its full side before its last layer; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    (images, *labels), last = discriminator_model.inputs, discriminator_model.get_layer("logits").input
    full_side = images.shape[1]
    return FeatureSplit(
        keras.Model([images, *labels], ([_seen(discriminator_model.get_layer, images, *3 * [full_side])], [])),
        keras.Model([last, *labels], discriminator_model.output),
    )


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the parts of each side, from the full one on, without those of the 4x4 map.

    Args:
        discriminator_model: as `discriminator` builds it.
    """
    part, sides = discriminator_model.get_layer, sides_to(discriminator_model.inputs[0].shape[1])
    return [[part(f"side{side}"), part(f"map{side}")] for side in reversed(sides[1:])]


def _of_side(discriminator_model: keras.Model, side: int, lowest: int) -> keras.Model:
    whole, *labels = discriminator_model.inputs
    part, full_side = discriminator_model.get_layer, whole.shape[1]
    images = keras.Input([side, side, whole.shape[-1]], name="images")
    judge = keras.Model([part("logits").input, *labels], discriminator_model.output)
    features = _seen(part, images, full_side, side, lowest)
    inputs = [images, *labels] if labels else images
    return keras.Model(inputs, judge([features, *labels]), name=f"discriminator_of_{side}")


def _seen(part: Parts, images: tf.Tensor, full_side: int, side: int, lowest: int) -> tf.Tensor:
    """Returns what the last layer is given of images of a side, into which those from the lowest on are faded."""
    level, x = part("growth")(images), part(f"side{side}")(images)
    for each in reversed(sides_to(side)[1:]):
        x = part(f"map{each}")(x)
        if each // 2 >= lowest:
            images = average_pool_to(images, each // 2)
            x = faded(x, part(f"side{each // 2}")(images), level, level_of_side(full_side, each))
    return part("map4")(x)


def _entry(side: int, channels: int, limits: ChannelLimits, kind: Variant, blocks: ProGANLayers) -> keras.Model:
    images = keras.Input([side, side, channels])
    x = blocks.conv(images, limits.at(side), 1, f"side{side}_rgb")
    return keras.Model(images, kind.activated(x) if kind.entry_is_activated else x, name=f"side{side}")


def _block(side: int, limits: ChannelLimits, kind: Variant, blocks: ProGANLayers) -> keras.Model:
    x = features = keras.Input([side, side, limits.at(side)])
    for number, filters in enumerate((limits.at(side), limits.at(side // 2)), start=1):
        x = kind.judged(blocks.conv(x, filters, 3, f"map{side}_conv{number}"))
    return keras.Model(features, average_pool_to(x, side // 2), name=f"map{side}")


def _end(limits: ChannelLimits, kind: Variant, blocks: ProGANLayers) -> keras.Model:
    filters, size = limits.at(FIRST_SIDE), limits.at(2)
    features = keras.Input([FIRST_SIDE, FIRST_SIDE, filters])
    x = MinibatchDeviation(kind.deviation_is_of_batch, name="deviation")(features)
    x = kind.judged(blocks.conv(x, filters, 3, "last_conv"))
    if kind.ends_with_conv:
        x = blocks.conv(x, size, FIRST_SIDE, "last", padding="valid")
    else:
        x = blocks.dense(tf.reshape(x, [-1, FIRST_SIDE**2 * filters]), size, "last")
    return keras.Model(features, tf.reshape(kind.judged(x), [-1, size]), name="map4")
