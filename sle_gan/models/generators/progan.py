"""ProGAN's generator, which holds all sides that it grows through.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018,
arXiv:1710.10196, section 3, table 2, and its code. `docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.equalized import ChannelBias
from sle_gan.layers.growing import FIRST_SIDE, GrownPicture, GrowthLevel, faded, level_of_side
from sle_gan.layers.norm import pixel_norm
from sle_gan.layers.resample import upsample_nearest
from sle_gan.models import GENERATORS, limits_of_width
from sle_gan.models.blocks.progan import VARIANTS, Parts, ProGANLayers, Variant, lowest_faded, sides_to
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.rows import ChannelLimits, check_shape
from sle_gan.models.seeded import GENERATOR


def generator(
    resolution: int = 32,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    limits: ChannelLimits | None = None,
    variant: str = "paper",
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, size]` -> images `[batch, side, side, channels]`.

    The images are in about [-1, 1]; nothing bounds those of the paper's. They show the side that the level of the layer
    `growth` says, enlarged to the full side. With classes there is a second input: one-hot labels float32
    `[batch, classes]`.

    Args:
        resolution: the full side of the images in pixels: 32, 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of side s has min(256 width / s, 8 width) channels, and codes have as many numbers as a map of
            2 px would; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        limits: of the channels of maps, in place of those that follow from the width.
        variant: a name in `sle_gan.models.blocks.progan.VARIANTS`.

    Returns:
        A functional `keras.Model`, whose level is 0.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(GENERATORS["progan"], resolution, channels, width)
    kind, limits = VARIANTS[variant], limits or limits_of_width(width)
    blocks = ProGANLayers(seed, GENERATOR)
    inputs = [keras.Input([limits.at(2)], name="codes"), *([keras.Input([classes], name="labels")] if classes else [])]
    parts: dict[str, keras.layers.Layer] = {
        "map4": _start(inputs, limits.at(FIRST_SIDE), kind, blocks),
        "growth": GrowthLevel(name="growth", dtype="float32"),
        "picture": GrownPicture(resolution, kind.is_bounded, name="picture", dtype="float32"),
    }
    for side in sides_to(resolution):
        if side > FIRST_SIDE:
            parts[f"map{side}"] = _block(side, limits, kind, blocks)
        parts[f"side{side}_rgb"] = blocks.conv_layer(
            channels, 1, f"side{side}_rgb", gain=kind.color_gain, dtype="float32"
        )
    picture = _drawn(parts.__getitem__, parts["map4"](inputs), resolution, resolution, FIRST_SIDE)
    return keras.Model(inputs if classes else inputs[0], picture, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls that does not grow: the generator of its full side alone.

    Args:
        generator_model: as `generator` builds it.
    """
    full_side = generator_model.output_shape[1]
    return _of_side(generator_model, full_side, full_side)


@needs_keras_2
def graph_of_side(generator_model: keras.Model, side: int) -> keras.Model:
    """Returns what training calls while the generator has grown to a side, or that side fades in; nothing is copied.

    Args:
        generator_model: as `generator` builds it; its level says how far the side has faded in.
        side: in pixels, from 4 to the full side.

    Returns:
        A model of what the generator takes -> images float32 `[batch, side, side, channels]`.
    """
    return _of_side(generator_model, side, lowest_faded(side))


@needs_keras_2
def feature_split(generator_model: keras.Model) -> FeatureSplit:
    """Cuts the generator of its full side behind the 4x4 map; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    first_map, full_side = generator_model.get_layer("map4").output, generator_model.output_shape[1]
    features = keras.Input(first_map.shape[1:])
    drawn = _drawn(generator_model.get_layer, features, full_side, full_side, full_side)
    return FeatureSplit(
        keras.Model(generator_model.get_layer("map4").input, ([first_map], [])), keras.Model([features], drawn)
    )


def _of_side(generator_model: keras.Model, side: int, lowest: int) -> keras.Model:
    part, full_side = generator_model.get_layer, generator_model.output_shape[1]
    drawn = _drawn(part, part("map4")(generator_model.inputs), full_side, side, lowest)
    return keras.Model(generator_model.input, drawn, name=f"generator_of_{side}")


def _drawn(part: Parts, x: tf.Tensor, full_side: int, side: int, lowest: int) -> tf.Tensor:
    """Draws a picture of a side, into which those from the lowest on are faded."""
    level, colors = part("growth")(x), None
    for each in sides_to(side):
        if each > FIRST_SIDE:
            x = part(f"map{each}")(upsample_nearest(x))
        if each >= lowest:
            own = part(f"side{each}_rgb")(x)
            colors = (
                own if colors is None else faded(own, upsample_nearest(colors), level, level_of_side(full_side, each))
            )
    return part("picture")([colors, level])


def _start(inputs: list[tf.Tensor], filters: int, kind: Variant, blocks: ProGANLayers) -> keras.Model:
    x = tf.concat(inputs, axis=1) if len(inputs) > 1 else inputs[0]
    x = pixel_norm(x) if kind.normalizes_codes else x
    x = blocks.dense(x, 16 * filters, "start", gain=kind.first_gain, use_bias=False)
    x = kind.normalized(ChannelBias(name="start_bias")(tf.reshape(x, [-1, FIRST_SIDE, FIRST_SIDE, filters])))
    for number in range(1, kind.start_convs + 1):
        x = kind.normalized(blocks.conv(x, filters, 3, f"map4_conv{number}"))
    return keras.Model(inputs, x, name="map4")


def _block(side: int, limits: ChannelLimits, kind: Variant, blocks: ProGANLayers) -> keras.Model:
    x = enlarged = keras.Input([side, side, limits.at(side // 2)])
    for number in (1, 2):
        x = kind.normalized(blocks.conv(x, limits.at(side), 3, f"map{side}_conv{number}"))
    return keras.Model(enlarged, x, name=f"map{side}")
