"""FastGAN's discriminator beside heads on a frozen network: two judges, whose gradients at the picture are balanced.

Source: `sle_gan.models.discriminators.fastgan` and `sle_gan.models.discriminators.projected`. Two losses are balanced
by the norms of their gradients as in Esser et al. 2021, arXiv:2012.09841, equation 7.
Differs: at the picture, not at the generator's last layer, so that it costs nothing.
"""

import itertools

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.frozen import BalancedFork, FrozenFirst
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.projected import ProjectedFeatures, head_blocks, judged_by_heads, seen_size
from sle_gan.models.discriminators import fastgan
from sle_gan.models.graph import JudgingGraph
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
    """Builds both discriminators: images `[batch, height, width, channels]` -> logits `[batch, patches]`.

    The images are in [-1, 1]; FastGAN's logits come first. The decoders of FastGAN's are part of the graph. With
    classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels, as the table has it; or width and height such as `384x256`, the
            shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: what all numbers of trained channels are multiples of; 64 in both papers.
        seed: of the initial weights of both.
        classes: number of classes; 0 without.
        features: how the frozen network looks, and what its heads have of the gradient.

    Returns:
        A functional `keras.Model` with the sub-model `own`, which is FastGAN's.

    Raises:
        ValueError: if an argument is not one of those above.
        InputError: if the package of the frozen network's weights is not installed.
    """
    shape = check_shape(DISCRIMINATORS["both"], resolution, channels, width)
    images = keras.Input([*shape.size, channels], name="images")
    labels = [keras.Input([classes], name="labels")] if classes else []
    whole = fastgan.discriminator(resolution, channels, width, seed, classes)
    own = keras.Model(whole.inputs, whole.output, name="own")
    image, seen = BalancedFork(features.share, dtype="float32", name="fork")(images)
    maps = ProjectedFeatures(seen_size(shape, features.side_px), name="features")(seen)
    head_logits = judged_by_heads(maps, labels[0] if labels else None, width, seed)
    logits = tf.concat([own([image, *labels]), head_logits], axis=1)
    return keras.Model([images, *labels] if classes else images, logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Brings out what training calls of both discriminators; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `JudgingGraph`: (image, small image, with classes labels) -> logits and FastGAN's maps, in a model that keeps
        what the frozen network sees; FastGAN's decoders.
    """
    own, fork, features = map(discriminator_model.get_layer, ("own", "fork", "features"))
    trunk, decoders = fastgan.training_graph(own)
    _, *outer_labels = discriminator_model.inputs
    heads = keras.Model([*features.output, *outer_labels], discriminator_model.get_layer("head_logits").output)

    image, small, *labels = inputs = [keras.Input(tensor.shape[1:], name=tensor.name) for tensor in trunk.inputs]
    look = keras.Model(inputs, [image, small, *features(image), *labels], name="look")
    own_image, own_small, seen = fork([image, small])
    see = keras.Model(inputs, [own_image, own_small, *features(seen), *labels], name="see")

    image, small, *others = looked = [keras.Input(tensor.shape[1:]) for tensor in look.outputs]
    own_logits, *maps = trunk([image, small, *others[len(features.output) :]])
    logits = tf.concat([own_logits, heads(others)], axis=1)
    judge = keras.Model(looked, [logits, *maps], name="judges")
    return JudgingGraph(FrozenFirst(look, judge, see, name="both"), decoders)


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each block, from the image on, those of both discriminators together.

    Args:
        discriminator_model: as `discriminator` builds it.
    """
    own = fastgan.discriminator_blocks(discriminator_model.get_layer("own"))
    return [list(a) + list(b) for a, b in itertools.zip_longest(own, head_blocks(discriminator_model), fillvalue=())]
