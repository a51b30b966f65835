"""What training calls of a generator and a discriminator, whole and cut at their features."""

from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2


class JudgingGraph(NamedTuple):
    """The parts of a discriminator that training calls; they share their layers with it.

    Attributes:
        discriminator: images of one or several sizes, the largest first, with classes and labels -> logits, or a list
            of logits and maps.
        decoders: (maps, quadrants int32 `[batch]`) -> reconstructions of the images; None without any.
    """

    discriminator: keras.Model
    decoders: keras.Model | None = None


class TrainingGraph(NamedTuple):
    """The parts of two networks that training calls; they share their layers with the networks.

    Attributes:
        generator: latent codes -> image, or a list of images of several sizes.
        discriminator: as many images -> logits, or a list of logits and maps.
        decoders: (maps, quadrants int32 `[batch]`) -> reconstructions of the images; None without any.
    """

    generator: keras.Model
    discriminator: keras.Model
    decoders: keras.Model | None = None


class FeatureSplit(NamedTuple):
    """A network as training calls it, cut in two at its features; both parts share the network's layers.

    Attributes:
        first: what the network takes -> (features, others), both lists. A generator's others are what else its rest
            takes, with classes its labels too; a discriminator's are the maps that it returns beside its logits.
        rest: a generator's features and others in one list -> its pictures; a discriminator's features, with classes
            and its labels behind them -> its logits.
    """

    first: keras.Model
    rest: keras.Model


@needs_keras_2
def split_at(
    network: keras.Model, features: list[tf.Tensor], others: list[tf.Tensor], taken_too: list[tf.Tensor]
) -> FeatureSplit:
    """Cuts a functional network at tensors in it; nothing is copied.

    Args:
        network: the network.
        features: tensors of the network.
        others: what its first part returns beside them.
        taken_too: what its rest takes beside them.
    """
    return FeatureSplit(
        keras.Model(network.input, (features, others)), keras.Model([*features, *taken_too], network.output)
    )


@needs_keras_2
def layers_of(network: keras.Model, *prefixes: str) -> list[keras.layers.Layer]:
    """Returns the layers of a network that hold weights and whose names begin with one of the prefixes."""
    return [layer for layer in network.layers if layer.weights and layer.name.startswith(prefixes)]
