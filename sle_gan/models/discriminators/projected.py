"""The projected discriminator: heads on maps of a frozen network, mixed at random.

Source: Sauer et al., "Projected GANs Converge Faster", NeurIPS 2021, arXiv:2111.01007. `docs/methods.md` lists the
deviations.
"""

import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.frozen import FrozenFirst
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.projected import MAP_CHANNELS, ProjectedFeatures, head_blocks, judged_by_heads, seen_size
from sle_gan.models.graph import FeatureSplit, JudgingGraph, split_at
from sle_gan.models.rows import USUAL_FEATURES, FeatureOptions, check_shape
from sle_gan.picture_shape import Resolution


def discriminator(
    resolution: Resolution = 256,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    features: FeatureOptions = USUAL_FEATURES,
) -> keras.Model:
    """Builds the projected discriminator: images `[batch, height, width, channels]` -> logits `[batch, patches]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels, as the table has it; or width and height such as `384x256`, the
            shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of a head's first block, of which those of the others are multiples; 64 in the paper.
        seed: of the initial weights of the heads.
        classes: number of classes; 0 without.
        features: how the frozen network looks.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
        InputError: if the package of the frozen network's weights is not installed.
    """
    shape = check_shape(DISCRIMINATORS["projected"], resolution, channels, width)
    images = keras.Input([*shape.size, channels], name="images")
    labels = [keras.Input([classes], name="labels")] if classes else []
    maps = ProjectedFeatures(seen_size(shape, features.side_px), name="features")(images)
    logits = judged_by_heads(maps, labels[0] if labels else None, width, seed)
    return keras.Model([images, *labels] if classes else images, logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Brings out what training calls of the discriminator; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `JudgingGraph` whose model keeps what the frozen network sees.
    """
    _, *labels = discriminator_model.inputs
    maps = discriminator_model.get_layer("features").output
    look = keras.Model(discriminator_model.inputs, [*maps, *labels], name="look")
    judge = keras.Model([*maps, *labels], discriminator_model.output, name="heads")
    return JudgingGraph(FrozenFirst(look, judge, name="projected"))


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator before the last layers of all heads; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    _, *labels = discriminator_model.inputs
    names = [f"head{number}_logits" for number in range(len(MAP_CHANNELS))]
    features = [discriminator_model.get_layer(name).input for name in names]
    return split_at(discriminator_model, features, [], labels)


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each block, from the image on, those of all heads together: a list of lists of layers.

    Args:
        discriminator_model: as `discriminator` builds it.
    """
    return head_blocks(discriminator_model)
