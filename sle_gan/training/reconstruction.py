"""The reconstruction term of FastGAN's discriminator: decoders must redraw the real images from its maps.

Source: Liu et al. 2021, arXiv:2101.04775, equation 2.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.batch import count_of
from sle_gan.layers.resample import crop_quadrant, downsample_nearest, side_of
from sle_gan.training import draws
from sle_gan.training.terms import JudgedReals, LossTerm


class Reconstruction(LossTerm):
    """The summed distance between real images and what the decoders make of the discriminator's maps.

    Args:
        decoders: model of ([maps ..., quadrant int32 `[batch]`]) -> three pictures: of the last map, of the
            small branch's, and of one quadrant of the 16x16 map.
        distance: function of (pictures, references), both float32 `[batch, height, width, channels]` in [-1, 1],
            -> float32 `[batch]`.
    """

    metric = "reconstruction_loss"
    separate = True

    @needs_keras_2
    def __init__(self, decoders: keras.Model, distance: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]):
        self.decoders = decoders
        self.distance = distance

    @property
    def trained_variables(self) -> Sequence[tf.Variable]:
        """The decoders' weights."""
        return self.decoders.trainable_variables

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns the decoders."""
        return {"decoders": self.decoders}

    def value(self, batch: JudgedReals) -> tf.Tensor:
        """Returns the distance of the batch, or of a share as many times as there are shares: float32 scalar."""
        # It is a sum over the images, not a mean.
        return batch.share.whole(
            self.total_distance(batch.reals[0], batch.real.maps, draws.fold(batch.seed, draws.QUADRANT))
        )

    def total_distance(self, images: tf.Tensor, maps: Sequence[tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Returns the distance, summed over the batch and the three pictures.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], as the discriminator saw them.
            maps: the discriminator's maps of these images.
            seed: int32 `[2]`, of the quadrant that is redrawn, one for the batch.

        Returns:
            float32 scalar.
        """
        quadrant = tf.random.stateless_uniform([], seed, 0, 4, tf.int32)
        quadrants = tf.fill([count_of(images)], quadrant)
        pictures = self.decoders([*maps, quadrants], training=True)
        side = side_of(pictures[0])
        whole = downsample_nearest(images, side)
        part = downsample_nearest(crop_quadrant(images, quadrants), side)
        distances = self.distance(tf.concat(pictures, axis=0), tf.concat([whole, whole, part], axis=0))
        return tf.reduce_sum(distances)


def mean_absolute_difference(pictures: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
    """Returns the mean absolute difference of each pair: float32 `[batch]`, in [0, 2] for images in [-1, 1]."""
    return tf.reduce_mean(tf.abs(pictures - references), axis=[1, 2, 3])
