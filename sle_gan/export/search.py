"""Searches the code whose picture is closest to a given one, by gradient descent through the generator.

Source: Karras et al. 2020, arXiv:1912.04958, appendix D. Differs: the perceptual distance is that of this package, the
mean squared difference of pixels is added, several starts are searched at once, and noise is not optimized.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.export.trained import TrainedGenerator
from sle_gan.models.io import DRAWN_BATCH, postprocess_images
from sle_gan.pretrained.perceptual import PerceptualDistance

_TRIED_FOR_EACH = 32  # random codes, of which a start is the best
_RATE = 0.1  # of Adam
_RAMP_UP, _RAMP_DOWN = 0.05, 0.25  # shares of the search
_PIXEL_WEIGHT = 0.5
_LENGTH_WEIGHT = 0.1


class Found(NamedTuple):
    """The end of a search.

    Attributes:
        code: float32 `[size]`: a latent code, or a style where the generator draws by way of styles.
        picture: uint8 `[height, width, channels]`, drawn of it.
        distance: perceptual distance of the picture from the target.
        pixel_distance: mean squared difference of their pixels in [-1, 1].
    """

    code: NDArray[np.float32]
    picture: NDArray[np.uint8]
    distance: float
    pixel_distance: float


def search_code(
    trained: TrainedGenerator,
    target: NDArray[np.uint8],
    starts: int,
    steps: int,
    seed: int,
    watch: Callable[[int, NDArray[np.uint8]], None] = lambda step, picture: None,
) -> Found:
    """Searches from several starts at once, and returns the best end.

    A start is the best of 32 random codes, or of their styles where the generator draws by way of them. Codes are held
    near the length that random ones have, or the search would leave what the generator knows.

    Args:
        trained: the `TrainedGenerator`; with a truncation if its styles are searched.
        target: uint8 `[height, width, channels]`, of the generator's size.
        starts: how many searches.
        steps: of each.
        seed: of the random codes.
        watch: called at each step with its number and the picture of the search that is the best there, uint8
            `[height, width, channels]`.
    """
    search = _Search(trained, target)
    codes = tf.Variable(search.starts(starts, seed))
    optimizer = keras.optimizers.Adam(_RATE, beta_1=0.9, beta_2=0.999)
    for step in range(steps):
        optimizer.learning_rate.assign(_RATE * _ramp(step / steps))
        gradients, losses, pictures = search.gradients(codes.value())
        watch(step, pictures[int(tf.argmin(losses))].numpy())
        optimizer.apply_gradients([(gradients, codes)])
    distances, pixel_distances, pictures = search.judged(codes.value())
    best = int(tf.argmin(distances + _PIXEL_WEIGHT * pixel_distances))
    ends = codes[best].numpy(), pictures[best].numpy()
    return Found(*ends, float(distances[best]), float(pixel_distances[best]))


class _Search:
    def __init__(self, trained: TrainedGenerator, target: NDArray[np.uint8]) -> None:
        self._trained = trained
        self._target = tf.cast(target, tf.float32)[None] / 127.5 - 1.0
        self._distance = PerceptualDistance()
        self._in_styles = trained.truncation is not None
        self.gradients = tf.function(self._gradients)
        self.judged = tf.function(self._judged)

    def starts(self, count: int, seed: int) -> NDArray[np.float32]:
        """Returns the codes that searches begin from, float32 `[count, size]`."""
        seeds = np.random.default_rng(seed).integers(2**31, size=[count, _TRIED_FOR_EACH])
        codes = self._trained.codes(seeds.ravel().tolist())
        batches = [codes[first : first + DRAWN_BATCH] for first in range(0, len(codes), DRAWN_BATCH)]
        distances = np.concatenate([self.judged(tf.constant(batch))[0].numpy() for batch in batches])
        best = distances.reshape(seeds.shape).argmin(axis=1)
        return codes.reshape(*seeds.shape, -1)[np.arange(count), best]

    def _gradients(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(codes)
            distances, pixel_distances, pictures = self._judged(codes)
            losses = distances + _PIXEL_WEIGHT * pixel_distances
            kept = 0.0 if self._in_styles else tf.square(tf.reduce_mean(tf.square(codes), axis=1) - 1.0)
            total = tf.reduce_sum(losses + _LENGTH_WEIGHT * kept)
        return tape.gradient(total, codes), losses, pictures

    def _judged(self, codes: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        images = tf.cast(self._trained.images_of(codes), tf.float32)
        target = tf.repeat(self._target, len(images), axis=0)
        pixel_distances = tf.reduce_mean(tf.square(images - target), axis=[1, 2, 3])
        return self._distance(images, target), pixel_distances, postprocess_images(images, tf.uint8)


def _ramp(share: float) -> float:
    """Returns the share of the rate at a share of the search: up at the beginning, down by a cosine at the end."""
    down = min(1.0, (1.0 - share) / _RAMP_DOWN)
    return min(1.0, share / _RAMP_UP + 0.01) * (0.5 - 0.5 * math.cos(math.pi * down))
