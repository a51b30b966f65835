"""What training calls of a generator and a discriminator."""

from typing import NamedTuple

import tf_keras as keras


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
