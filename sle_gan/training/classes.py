"""Classes in training: labels beside the images."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class ClassShares:
    """How often each class is among the training images, and labels drawn likewise.

    Args:
        labels: int `[count]`, of the training images, from 0 to below `classes`.
        classes: number of classes.
    """

    def __init__(self, labels: NDArray[np.integer], classes: int) -> None:
        counts = np.bincount(labels, minlength=classes)
        self._classes = classes
        self._bounds = (np.cumsum(counts)[:-1] / counts.sum()).astype(np.float32)

    def one_hot(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns int `[count]` as the networks take it: float32 `[count, classes]`."""
        return tf.one_hot(labels, self._classes)

    def draw(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws labels.

        Args:
            count: number of labels.
            seed: int32 `[2]`.

        Returns:
            One-hot float32 `[count, classes]`.
        """
        places = tf.random.stateless_uniform([count, 1], seed)
        return self.one_hot(tf.reduce_sum(tf.cast(places >= self._bounds, tf.int32), axis=1))


def images_among(inputs: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """Returns those that are images, of rank 4, among what a discriminator is given: its last may be labels."""
    return [tensor for tensor in inputs if tensor.shape.rank == 4]


def labels_among(inputs: Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """Returns a list of the labels, of rank 2, among what a discriminator is given: one or none."""
    return [tensor for tensor in inputs if tensor.shape.rank == 2]
