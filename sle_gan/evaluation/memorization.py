"""Does a generator draw its training images again? FID does not show it.

An image is described by a network's map at 64 px, which one that is not square is stretched to: which shapes are where,
at 8 x 8 positions. A copy that was compressed, shifted by a few hundredths, mirrored or made a little brighter stays
near its original; new pictures of the same kind do not, as the layout differs. The distances between training images
give the scale of what is near.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.data.pictures import image_sheet
from sle_gan.errors import InputError
from sle_gan.evaluation.distances import blocks, squared_distances
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.perceptual import unit_length

NEAR_COPY_RATIO = 0.7
_BATCH_SIZE = 16  # always, the last batch padded
_SIDE_PX = 64
_MOST_CHANNELS = 64
_CLOSEST_PAIRS = 8


class Nearest(NamedTuple):
    """The training image that each of some images is nearest to.

    Attributes:
        ratios: float64 `[count]`, the distance over the median of those from training image to training image.
        indices: int `[count]`, of the training images.
        mirrored: bool `[count]`, whether it is the mirror image that is near.
    """

    ratios: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray

    def near_copies(self) -> np.ndarray:
        """Returns whether each is a near copy: bool `[count]`."""
        return self.ratios < NEAR_COPY_RATIO


class CopyDetector:
    """Finds the training image, or its mirror image, that an image is nearest to.

    Args:
        images: the training images, uint8 `[count, height, width, 1 or 3]`; up to 32 KiB are kept of each.
        network_name: of the network of the maps, one of `sle_gan.evaluation.judges.JUDGES`.

    Attributes:
        near_copies_among_reals: share of the training images that would be near copies of another one: what a
            generator without memory may be expected to show.

    Raises:
        InputError: if no two of the images differ.

    Source: the ratio after Meehan et al. 2020, arXiv:2004.05675.
    Differs: the median of the leave-one-out distances in place of a test against held-out images, which few have.
    """

    def __init__(self, images: np.ndarray, network_name: str) -> None:
        size = images.shape[1:3]
        pixels = keras.Input([*size, 3], dtype="uint8")
        small = tf.image.resize(tf.cast(pixels, tf.float32), [_SIDE_PX, _SIDE_PX], antialias=True)
        row = NETWORKS[network_name]
        maps = unit_length(_with_fewer_channels(row.maps((row.copy_map,))(small / 127.5 - 1.0)))
        model = keras.Model(pixels, keras.layers.Flatten(dtype="float32")(maps))
        signature = [tf.TensorSpec([_BATCH_SIZE, *size, 3], tf.uint8)]
        self._pass = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
        self._reals = self._described(images)
        self._mirrors = self._described(images, mirrored=True)
        self._scale = 1.0
        others = self._nearest(self._reals, leave_one_out=True).ratios
        if not (others > 0).any():
            raise InputError("memorization needs two different training images at least")
        self._scale = float(np.median(others[others > 0]))  # of an image that is there twice 0 says nothing
        self.near_copies_among_reals = float((others / self._scale < NEAR_COPY_RATIO).mean())

    def nearest(self, images: np.ndarray) -> Nearest:
        """Finds the nearest training image of each.

        Args:
            images: uint8 `[count, height, width, 1 or 3]`.

        Returns:
            A `Nearest`.
        """
        return self._nearest(self._described(images))

    def _nearest(self, described: np.ndarray, leave_one_out: bool = False) -> Nearest:
        squares = np.full(len(described), np.inf)
        indices, mirrored = np.zeros(len(described), np.int64), np.zeros(len(described), bool)
        for is_mirror, reals in enumerate((self._reals, self._mirrors)):
            for columns, real_block in blocks(reals):
                for rows, block in blocks(described):
                    found = squared_distances(block, real_block)
                    if leave_one_out and rows == columns:
                        np.fill_diagonal(found, np.inf)
                    best = found.argmin(axis=1)
                    least = found[np.arange(len(block)), best]
                    nearer = least < squares[rows]
                    squares[rows] = np.where(nearer, least, squares[rows])
                    indices[rows] = np.where(nearer, best + columns.start, indices[rows])
                    mirrored[rows] = np.where(nearer, bool(is_mirror), mirrored[rows])
        # Squares below this are what rounding leaves of 0.
        distances = np.sqrt(np.where(squares < 1e-9, 0, squares))
        return Nearest(distances / self._scale, indices, mirrored)

    def _described(self, images: np.ndarray, mirrored: bool = False) -> np.ndarray:
        described: list[np.ndarray] = []
        for first in range(0, len(images), _BATCH_SIZE):
            batch = np.asarray(images[first : first + _BATCH_SIZE])
            batch = batch[:, :, ::-1] if mirrored else batch
            batch = np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch
            padded = np.pad(batch, [(0, _BATCH_SIZE - len(batch)), (0, 0), (0, 0), (0, 0)])
            described.append(self._pass(padded).numpy()[: len(batch)])
        return np.concatenate(described)


def _with_fewer_channels(maps: tf.Tensor) -> tf.Tensor:
    """Returns the means over neighboring channels if there are many: copies are found as well, in less memory."""
    height, width, channels = maps.shape[1:]
    if channels <= _MOST_CHANNELS:
        return maps
    return tf.reduce_mean(tf.reshape(maps, [-1, height, width, _MOST_CHANNELS, channels // _MOST_CHANNELS]), axis=-1)


class Memorization:
    """What a set of generated images remembers, gathered batch by batch; of the images the closest alone are kept.

    Args:
        detector: a `CopyDetector`.
        seeds: the seed that each image, in order, is drawn from.
    """

    def __init__(self, detector: CopyDetector, seeds: Sequence[int]) -> None:
        self._detector = detector
        self._seeds = seeds
        self._ratios: list[float] = []
        # (ratio, number of the image, image, index of the training image, mirrored)
        self._closest: list[tuple[float, int, np.ndarray, int, bool]] = []

    def add(self, images: np.ndarray) -> None:
        """Takes more images in.

        Args:
            images: uint8 `[count, height, width, channels]`.
        """
        found = self._detector.nearest(images)
        for image, ratio, index, mirrored in zip(images, *found, strict=True):
            self._closest.append((float(ratio), len(self._ratios), image, int(index), bool(mirrored)))
            self._ratios.append(float(ratio))
        self._closest = sorted(self._closest, key=lambda pair: pair[:2])[:_CLOSEST_PAIRS]

    def summary(self) -> dict[str, float]:
        """Returns a dictionary of numbers.

        `median_ratio` and `smallest_ratio` of the distance to the nearest training image, over the median of
        those from training image to training image; `near_copies`, the share below `threshold`; and
        `near_copies_among_reals`, the same share of the training images themselves.
        """
        ratios = np.array(self._ratios)
        return {
            "median_ratio": float(np.median(ratios)),
            "smallest_ratio": float(ratios.min()),
            "near_copies": float((ratios < NEAR_COPY_RATIO).mean()),
            "near_copies_among_reals": self._detector.near_copies_among_reals,
            "threshold": NEAR_COPY_RATIO,
        }

    def sheet(self, reals: np.ndarray) -> tuple[np.ndarray, str]:
        """Draws the closest pairs, closest first, four in a row: what was generated, and to its right the original.

        Args:
            reals: the training images, uint8 `[count, height, width, channels]`.

        Returns:
            uint8 `[height, width, channels]`, as `image_sheet`; and the pairs in words, such as
            `seed 12 = mirrored image 3 at 0.41`: seed of the generated image, index of the training image, ratio.
        """
        pairs: list[np.ndarray] = []
        words: list[str] = []
        for ratio, number, image, index, mirrored in self._closest:
            real = reals[index]
            pairs += [image, real[:, ::-1] if mirrored else real]
            words.append(f"seed {self._seeds[number]} = {'mirrored ' if mirrored else ''}image {index} at {ratio:.2f}")
        return image_sheet(np.stack(pairs), columns=min(8, len(pairs))), "; ".join(words)
