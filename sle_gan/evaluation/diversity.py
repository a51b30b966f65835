"""The diversity of a set of images: their mean perceptual distance from each other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.picture_shape import PictureShape, Resolution
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.perceptual import unit_length

_BATCH_SIZE = 8  # always, the last batch padded
_ENOUGH_PX = 256


class UnitMaps:
    """The feature maps that the perceptual distance compares, scaled to length 1 at each position.

    Args:
        resolution: side of the images, or another shape of them, 32 px a side or more. Images whose shorter side has
            512 px and more are first averaged over squares of pixels, down to 256 px or a little more.
        network_name: of the network of the maps, one of `sle_gan.evaluation.judges.JUDGES`.

    Attributes:
        map_count: number of maps of an image.

    Source: that of `sle_gan.pretrained.perceptual.PerceptualDistance`.
    """

    def __init__(self, resolution: Resolution | PictureShape, network_name: str) -> None:
        shape = PictureShape.of(resolution)
        images = keras.Input([*shape.size, 3], dtype="uint8")
        x = keras.layers.Rescaling(1 / 127.5, -1, dtype="float32")(images)
        if shape.side >= 2 * _ENOUGH_PX:
            x = keras.layers.AveragePooling2D(shape.side // _ENOUGH_PX, dtype="float32")(x)
        row = NETWORKS[network_name]
        self.map_count = len(row.distance_maps)
        model = keras.Model(images, [unit_length(tap) for tap in row.maps(row.distance_maps)(x)])
        signature = [tf.TensorSpec([_BATCH_SIZE, *shape.size, 3], tf.uint8)]
        self._pass = tf.function(lambda batch: model(batch, training=False), input_signature=signature)

    def __call__(self, images: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float64]]]:
        """Computes the maps of images, batch by batch.

        Args:
            images: uint8 `[count, height, width, 1 or 3]`.

        Yields:
            For each batch a list of float64 `[batch, height, width, channels]`, one for each tap.
        """
        for first in range(0, len(images), _BATCH_SIZE):
            batch = np.asarray(images[first : first + _BATCH_SIZE])
            batch = np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch
            padded = np.pad(batch, [(0, _BATCH_SIZE - len(batch)), (0, 0), (0, 0), (0, 0)])
            yield [tap.numpy()[: len(batch)].astype(np.float64) for tap in self._pass(padded)]


class Diversity:
    """The mean perceptual distance over all pairs of a set of images, without computing the pairs.

    The distance is the squared difference of two maps of length 1. So its mean over all pairs follows from the sum of
    all maps and the sum of their squares. The time grows with the number of images, not of pairs, and only one map for
    each tap is kept in memory.

    Args:
        unit_maps: the `UnitMaps` of the images' shape.

    Attributes:
        count: number of images added so far.
    """

    def __init__(self, unit_maps: UnitMaps) -> None:
        self.count = 0
        self._unit_maps = unit_maps
        self._sums: list[Any] = [0.0] * unit_maps.map_count  # a map for each tap, once images are added
        self._square_sums = [0.0] * unit_maps.map_count

    def add(self, images: NDArray[np.uint8]) -> "Diversity":
        """Adds images to the set.

        Args:
            images: uint8 `[count, height, width, 1 or 3]`.

        Returns:
            Itself.
        """
        self.count += len(images)
        for taps in self._unit_maps(images):
            for number, maps in enumerate(taps):
                self._sums[number] = self._sums[number] + maps.sum(axis=0)
                self._square_sums[number] += np.square(maps).sum()
        return self

    def mean_distance(self) -> float:
        """Returns the mean distance over all pairs: 0 if all images are equal, at most 4.

        Raises:
            InputError: if there are fewer than two images.
        """
        if self.count < 2:
            raise InputError(f"diversity needs two images at least; got {self.count}")
        # The sum over all ordered pairs of |a - b|^2 is 2 n sum |a|^2 - 2 |sum a|^2.
        ordered_pairs = self.count * (self.count - 1)
        distances = [
            2 * (self.count * squares - np.square(total).sum()) / (ordered_pairs * total.shape[0] * total.shape[1])
            for total, squares in zip(self._sums, self._square_sums, strict=True)
        ]
        return max(float(np.mean(distances)), 0.0)
