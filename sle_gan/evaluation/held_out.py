"""The discriminator's logits for held-out images, which show whether it memorizes the images that it trains on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.batch import count_of
from sle_gan.layers.resample import downsample_nearest, side_of
from sle_gan.training.classes import images_among
from sle_gan.training.gan import GAN

_MOST_IMAGES = 64
_BATCH_SIZE = 8


class HeldOutLogits:
    """The discriminator's mean logits for held-out, training and drawn images, all measured in the same way.

    Nothing is augmented. Both networks run in inference mode, so no batch statistics change, and training goes on as if
    nothing had been measured. The drawn images are those of fixed latent codes.

    Args:
        gan: a `sle_gan.training.gan.GAN`.
        held_out: uint8 `[count, height, width, channels]`, images that are not trained on.
        images: uint8 `[count, height, width, channels]`, training images; the first are used, as many as are held out,
            64 at most.
        labels: int32 `[count]` of the held-out and of the training images; None without classes. Drawn images have
            the classes of the training images that are used.
    """

    @needs_keras_2
    def __init__(
        self,
        gan: GAN,
        held_out: NDArray[np.uint8],
        images: NDArray[np.uint8],
        labels: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None,
    ) -> None:
        self._count = min(len(held_out), len(images), _MOST_IMAGES)
        images_and_labels = zip((held_out, images), *([] if labels is None else [labels]), strict=True)
        reals = [[part[: self._count] for part in parts] for parts in images_and_labels]
        self._reals = dict(zip(("held_out_logits", "train_logits"), reals, strict=True))
        self._gan = gan
        self._judge_reals = tf.function(self._logits_of_reals, reduce_retracing=True)
        self._judge_drawn = tf.function(self._logits_of_drawn, reduce_retracing=True)

    def row(self) -> dict[str, float]:
        """Measures the logits.

        Returns:
            `held_out_logits`, `train_logits` and `drawn_logits`: means over the same number of images. And
            `held_out_below`: of all pairs of a held-out and a training image, the share in which the held-out image has
            the lower logit. It is 1/2 if the discriminator has memorized nothing.
        """
        codes = tf.random.stateless_normal([self._count, *self._gan.generator.inputs[0].shape[1:]], [0, 0])
        _, *labels = self._reals["train_logits"]
        logits = {name: self._logits(self._judge_reals, parts) for name, parts in self._reals.items()}
        logits["drawn_logits"] = self._logits(self._judge_drawn, [codes, *labels])
        held_out, train = logits["held_out_logits"][:, None], logits["train_logits"]
        below = np.mean((held_out < train) + 0.5 * (held_out == train))
        return {name: float(np.mean(values)) for name, values in logits.items()} | {"held_out_below": float(below)}

    def _logits(
        self, judge: Callable[..., tf.Tensor], parts: Sequence[NDArray[np.generic] | tf.Tensor]
    ) -> NDArray[np.float64]:
        firsts = range(0, self._count, _BATCH_SIZE)
        batches = [[part[first : first + _BATCH_SIZE] for part in parts] for first in firsts]
        return np.concatenate([judge(*batch).numpy() for batch in batches]).astype(np.float64)

    def _logits_of_reals(self, images: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        sized = [downsample_nearest(images, side_of(x)) for x in images_among(self._gan.discriminator.inputs)]
        return self._logits_of([*sized, *map(self._one_hot, labels)])

    def _logits_of_drawn(self, codes: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
        one_hot = list(map(self._one_hot, labels))
        drawn = self._gan.generator([codes, *one_hot] if one_hot else codes, training=False)
        return self._logits_of([*tf.nest.flatten(drawn), *one_hot])

    def _one_hot(self, labels: tf.Tensor) -> tf.Tensor:
        classes: Any = self._gan.classes  # not None, because there are labels
        return classes.one_hot(labels)

    def _logits_of(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        logits = tf.nest.flatten(self._gan.discriminator(inputs, training=False))[0]
        return tf.reduce_mean(tf.reshape(logits, [count_of(logits), -1]), axis=1)
