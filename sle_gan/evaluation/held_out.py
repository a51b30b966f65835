"""What the discriminator says of images that it has not seen: the plainest sign that it learns the others by heart."""

import numpy as np
import tensorflow as tf

from sle_gan.layers.batch import count_of
from sle_gan.layers.resample import downsample_nearest
from sle_gan.training.classes import images_among

_MOST_IMAGES = 64
_BATCH_SIZE = 8


class HeldOutLogits:
    """The discriminator's mean logits on held-out images, training images and drawn ones, all measured alike.

    None is augmented, and both networks are at rest: their statistics are read and not moved, so that training goes on
    as if nothing had been measured. The drawn images are those of fixed codes.

    Args:
        gan: a `sle_gan.training.gan.GAN`.
        held_out: uint8 `[count, side, side, channels]`, images that are not trained on.
        images: uint8, as many or more of those that are; the first are used.
        labels: of both, int32 `[count]` each, where there are classes; None without. Drawn images have the classes of
            the training images that are used.
    """

    def __init__(self, gan, held_out, images, labels=None):
        self._count = min(len(held_out), len(images), _MOST_IMAGES)
        reals = zip((held_out, images), *([] if labels is None else [labels]), strict=True)
        reals = [[part[: self._count] for part in parts] for parts in reals]
        self._reals = dict(zip(("held_out_logits", "train_logits"), reals, strict=True))
        self._gan = gan
        self._judge_reals = tf.function(self._logits_of_reals, reduce_retracing=True)
        self._judge_drawn = tf.function(self._logits_of_drawn, reduce_retracing=True)

    def row(self):
        """Judges the images.

        Returns:
            `held_out_logits`, `train_logits` and `drawn_logits`: means over as many images of each; and
            `held_out_below`: the share of all pairs of a held-out and a training image in which the held-out one has
            the lower logit, 1/2 where the discriminator knows neither.
        """
        codes = tf.random.stateless_normal([self._count, *self._gan.generator.inputs[0].shape[1:]], [0, 0])
        _, *labels = self._reals["train_logits"]
        logits = {name: self._logits(self._judge_reals, parts) for name, parts in self._reals.items()}
        logits["drawn_logits"] = self._logits(self._judge_drawn, [codes, *labels])
        held_out, train = logits["held_out_logits"][:, None], logits["train_logits"]
        below = np.mean((held_out < train) + 0.5 * (held_out == train))
        return {name: float(np.mean(values)) for name, values in logits.items()} | {"held_out_below": float(below)}

    def _logits(self, judge, parts):
        firsts = range(0, self._count, _BATCH_SIZE)
        batches = [[part[first : first + _BATCH_SIZE] for part in parts] for first in firsts]
        return np.concatenate([judge(*batch).numpy() for batch in batches]).astype(np.float64)

    def _logits_of_reals(self, images, *labels):
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        sized = [downsample_nearest(images, x.shape[1]) for x in images_among(self._gan.discriminator.inputs)]
        return self._logits_of([*sized, *map(self._one_hot, labels)])

    def _logits_of_drawn(self, codes, *labels):
        labels = list(map(self._one_hot, labels))
        drawn = self._gan.generator([codes, *labels] if labels else codes, training=False)
        return self._logits_of([*tf.nest.flatten(drawn), *labels])

    def _one_hot(self, labels):
        return self._gan.classes.one_hot(labels)

    def _logits_of(self, inputs):
        logits = tf.nest.flatten(self._gan.discriminator(inputs, training=False))[0]
        return tf.reduce_mean(tf.reshape(logits, [count_of(logits), -1]), axis=1)
