"""The projected discriminator beside a small head on the picture itself, so that colors are judged as they are.

Source: `sle_gan.models.discriminators.projected`; the head on the picture is of this project. The gradients of the two
at the generator's pictures are balanced as in `sle_gan.models.discriminators.both`.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.frozen import BalancedFork, FrozenFirst
from sle_gan.layers.resample import average_pool_to
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.projected import ProjectedFeatures, head_blocks, judged_as_it_is, judged_by_heads, seen_size
from sle_gan.models.graph import JudgingGraph, layers_of
from sle_gan.models.rows import USUAL_FEATURES, FeatureOptions, check_shape
from sle_gan.picture_shape import Resolution

SMALL_SIDE = 32  # the shorter one, of the picture that the head on colors is given, in pixels


def discriminator(
    resolution: Resolution = 256,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    features: FeatureOptions = USUAL_FEATURES,
) -> keras.Model:
    """Builds both: images `[batch, height, width, channels]` in [-1, 1] -> logits `[batch, patches]`.

    The logits of the head on the picture come first. With classes it has a second input: one-hot labels float32
    `[batch, classes]`.

    Args:
        resolution: side of the images in pixels, as the table has it; or width and height such as `384x256`, the
            shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: what all numbers of trained channels are multiples of.
        seed: of the initial weights of the heads.
        classes: number of classes; 0 without.
        features: how the frozen network looks, and what its heads have of the gradient.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
        InputError: if the package of the frozen network's weights is not installed.
    """
    shape = check_shape(DISCRIMINATORS["projected-color"], resolution, channels, width)
    images = keras.Input([*shape.size, channels], name="images")
    labels = [keras.Input([classes], name="labels")] if classes else []
    shown, seen = BalancedFork(features.share, dtype="float32", name="fork")(images)
    small = keras.layers.Activation("linear", dtype="float32", name="small")(average_pool_to(shown, SMALL_SIDE))
    maps = ProjectedFeatures(seen_size(shape, features.side_px), name="features")(seen)
    label = labels[0] if labels else None
    picture_logits = judged_as_it_is(small, label, width, seed)
    logits = tf.concat([picture_logits, judged_by_heads(maps, label, width, seed)], axis=1)
    return keras.Model([images, *labels] if classes else images, logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Brings out what training calls of the discriminator; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `JudgingGraph` whose model keeps what the frozen network sees.
    """
    images, *labels = discriminator_model.inputs
    features, small = (discriminator_model.get_layer(name) for name in ("features", "small"))
    see = keras.Model(discriminator_model.inputs, [small.output, *features.output, *labels], name="see")
    unchanged = [average_pool_to(images, SMALL_SIDE), *features(images), *labels]
    look = keras.Model(discriminator_model.inputs, unchanged, name="look")
    judge = keras.Model([small.output, *features.output, *labels], discriminator_model.output, name="heads")
    return JudgingGraph(FrozenFirst(look, judge, see, name="projected_color"))


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each block, from the image on, those of all heads together: a list of lists of layers.

    Args:
        discriminator_model: as `discriminator` builds it.
    """
    blocks = head_blocks(discriminator_model)
    return [[*layers_of(discriminator_model, f"picture_block{number}"), *block] for number, block in enumerate(blocks)]
