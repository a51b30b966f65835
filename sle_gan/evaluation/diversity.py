"""How different the images of a set are from each other, as the perceptual distance has it."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import InputError
from sle_gan.evaluation import NETWORKS
from sle_gan.evaluation.features import unit_length

_BATCH_SIZE = 8  # always, the last batch padded
_ENOUGH_PX = 256


class UnitMaps:
    """The maps behind the perceptual distance, of length 1 at each position.

    Args:
        side_px: side of the images, 32 or more. From 512 px on means of k x k pixels are judged, at 256 px or a
            little more.
        network: name of the network of the maps, one of `sle_gan.evaluation.judges.JUDGES`.

    Attributes:
        map_count: number of maps of an image.

    Source: as `sle_gan.evaluation.features.PerceptualDistance`.
    """

    def __init__(self, side_px, network):
        images = keras.Input([side_px, side_px, 3], dtype="uint8")
        x = keras.layers.Rescaling(1 / 127.5, -1, dtype="float32")(images)
        if side_px >= 2 * _ENOUGH_PX:
            x = keras.layers.AveragePooling2D(side_px // _ENOUGH_PX, dtype="float32")(x)
        row = NETWORKS[network]
        self.map_count = len(row.distance_maps)
        model = keras.Model(images, [unit_length(tap) for tap in row.maps(row.distance_maps)(x)])
        signature = [tf.TensorSpec([_BATCH_SIZE, side_px, side_px, 3], tf.uint8)]
        self._pass = tf.function(lambda batch: model(batch, training=False), input_signature=signature)

    def __call__(self, images):
        """Walks through images.

        Args:
            images: uint8 `[count, side_px, side_px, 1 or 3]`.

        Yields:
            For each batch a list of float64 `[batch, height, width, channels]`, one for each tap.
        """
        for first in range(0, len(images), _BATCH_SIZE):
            batch = np.asarray(images[first : first + _BATCH_SIZE])
            batch = np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch
            padded = np.pad(batch, [(0, _BATCH_SIZE - len(batch)), (0, 0), (0, 0), (0, 0)])
            yield [tap.numpy()[: len(batch)].astype(np.float64) for tap in self._pass(padded)]


class Diversity:
    """The mean perceptual distance over all pairs of a set of images, without going through the pairs.

    A distance is a squared difference of unit-length maps, so its mean over all pairs follows from the mean map and
    the mean square: the work grows with the images and not with the pairs, and one map of each tap is held.

    Args:
        unit_maps: the `UnitMaps` of the images' side.

    Attributes:
        count: images so far.
    """

    def __init__(self, unit_maps):
        self.count = 0
        self._unit_maps = unit_maps
        self._sums = [0.0] * unit_maps.map_count
        self._square_sums = [0.0] * unit_maps.map_count

    def add(self, images):
        """Takes more images in.

        Args:
            images: uint8 `[count, side_px, side_px, 1 or 3]`.

        Returns:
            Itself.
        """
        self.count += len(images)
        for taps in self._unit_maps(images):
            for number, maps in enumerate(taps):
                self._sums[number] = self._sums[number] + maps.sum(axis=0)
                self._square_sums[number] += np.square(maps).sum()
        return self

    def mean_distance(self):
        """Returns the mean distance over all pairs: float, 0 for equal images, at most 4.

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
