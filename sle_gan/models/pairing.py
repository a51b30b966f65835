"""Joins a generator and a discriminator, each of any paper, to what training calls.

Generators draw one picture or several of different sizes, discriminators look at one or at several. A generator gives
the pictures that the discriminator looks at. Where it lacks one of them it gives the largest alone, and the
discriminator makes the smaller ones of what it is given: then reals and fakes are brought down in the same way, behind
the same augmentation.
"""

from collections.abc import Iterable

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.frozen import FrozenFirst
from sle_gan.layers.resample import downsample_nearest, side_of
from sle_gan.models import DISCRIMINATORS, GENERATORS, Pair
from sle_gan.models.graph import FeatureSplit, TrainingGraph


@needs_keras_2
def training_graph(pair: Pair, generator: keras.Model, discriminator: keras.Model) -> TrainingGraph:
    """Brings out what training calls of the two networks; their layers are shared, nothing is copied.

    Args:
        pair: names both networks.
        generator: as its row builds it.
        discriminator: as its row builds it, for images of the same side and channels.

    Returns:
        A `TrainingGraph`: latent codes float32 `[batch, size]`, with classes and labels, -> images float32
        `[batch, height, width, channels]` in [-1, 1], the largest first; these, with classes and labels, -> logits
        float32 `[batch, patches]`, or a list of logits and maps.
    """
    drawing = GENERATORS[pair.generator].module().training_graph(generator)
    judging = DISCRIMINATORS[pair.discriminator].module().training_graph(discriminator)
    if not _draws_all(drawing, judging.discriminator):
        judging = judging._replace(discriminator=_of_one_image(judging.discriminator))
    return TrainingGraph(_giving(drawing, judging.discriminator), *judging)


@needs_keras_2
def feature_splits(pair: Pair, generator: keras.Model, discriminator: keras.Model) -> tuple[FeatureSplit, FeatureSplit]:
    """Cuts both networks of a `TrainingGraph` at their features; their layers are shared, nothing is copied.

    Args:
        pair: names both networks.
        generator: as its row builds it.
        discriminator: as its row builds it, for images of the same side and channels.

    Returns:
        The `FeatureSplit`s of the generator and of the discriminator.
    """
    drawing = GENERATORS[pair.generator].module().feature_split(generator)
    judging = DISCRIMINATORS[pair.discriminator].module().feature_split(discriminator)
    if not _draws_all(drawing.rest, judging.first):
        judging = judging._replace(first=_of_one_image(judging.first))
    return drawing._replace(rest=_giving(drawing.rest, judging.first)), judging


@needs_keras_2
def chained_graph(pair: Pair, generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """Brings out what CHAIN's layers are given in the discriminator of a `TrainingGraph`; nothing is copied.

    Args:
        pair: names both networks.
        generator: as its row builds it.
        discriminator: as its row builds it, with CHAIN, for images of the same side and channels.

    Returns:
        A model of what that discriminator takes -> (a list of what each layer is given, a list of what it returns).
    """
    drawing = GENERATORS[pair.generator].module().training_graph(generator)
    judging = DISCRIMINATORS[pair.discriminator].module().chained_graph(discriminator)
    return judging if _draws_all(drawing, judging) else _of_one_image(judging)


@needs_keras_2
def graphs_of_side(
    pair: Pair, generator: keras.Model, discriminator: keras.Model, side: int
) -> tuple[keras.Model, keras.Model]:
    """Brings out what training calls while networks that grow have a side; their layers are shared.

    Args:
        pair: names both networks, which hold all sides.
        generator: as its row builds it.
        discriminator: as its row builds it, for images of the same side and channels.
        side: in pixels, from 4 to the full side.

    Returns:
        A model that draws pictures float32 `[batch, height, width, channels]`, and one that judges them.
    """
    drawing, judging = GENERATORS[pair.generator].module(), DISCRIMINATORS[pair.discriminator].module()
    return drawing.graph_of_side(generator, side), judging.graph_of_side(discriminator, side)


def _sides(tensors: Iterable[tf.Tensor]) -> list[int]:
    """Returns the shorter sides of the images among a model's inputs or outputs; the others are vectors."""
    return [side_of(tensor) for tensor in tensors if tensor.shape.rank == 4]


def _draws_all(drawing: keras.Model, judging: keras.Model) -> bool:
    return set(_sides(judging.inputs)) <= set(_sides(drawing.outputs))


def _giving(drawing: keras.Model, judging: keras.Model) -> keras.Model:
    """Returns a model of the pictures that `judging` looks at, out of all that `drawing` draws."""
    sides = _sides(judging.inputs)
    if sides == _sides(drawing.outputs):
        return drawing
    picture_of = dict(zip(_sides(drawing.outputs), drawing.outputs, strict=True))
    return keras.Model(drawing.inputs, [picture_of[side] for side in sides], name=f"{drawing.name}_as_judged")


def _of_one_image(judging: keras.Model) -> keras.Model:
    """Returns a model of the largest image, with classes and labels, that makes the others of it."""
    if isinstance(judging, FrozenFirst):
        look, see = _of_one_image(judging.look), _of_one_image(judging.see)
        return FrozenFirst(look, judging.judge, see, name=judging.name)
    sides = _sides(judging.inputs)
    image, *labels = (
        keras.Input(tensor.shape[1:], name=tensor.name) for tensor in (judging.inputs[0], *judging.inputs[len(sides) :])
    )
    images = [image, *(downsample_nearest(image, side) for side in sides[1:])]
    return keras.Model([image, *labels], judging([*images, *labels]), name=f"{judging.name}_of_one_image")
