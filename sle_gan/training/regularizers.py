"""Penalties on a discriminator, which hold it smooth: functions of it and images, added to its loss."""

from collections.abc import Callable

import tensorflow as tf

from sle_gan.training import draws
from sle_gan.training.classes import images_among
from sle_gan.training.terms import JudgedBatch, LossTerm

Discriminator = Callable[[list[tf.Tensor]], tf.Tensor]
Penalty = Callable[[Discriminator, list[tf.Tensor], list[tf.Tensor], tf.Tensor], tf.Tensor]
Sight = Callable[[JudgedBatch], tuple[Discriminator, list[tf.Tensor], list[tf.Tensor]]]

TINY = 1e-12  # inside a square root, whose slope at 0 is infinite


def augmented(batch: JudgedBatch) -> tuple[Discriminator, list[tf.Tensor], list[tf.Tensor]]:
    """Returns the discriminator and what it was given of reals and of fakes."""
    return batch.judge, batch.reals, batch.fakes


def reals_before(batch: JudgedBatch) -> tuple[Discriminator, list[tf.Tensor], list[tf.Tensor]]:
    """Returns a discriminator that augments the batch's reals as for the loss, and these; no fakes for it."""
    return batch.judge_images, batch.images, []


def fakes_before(batch: JudgedBatch) -> tuple[Discriminator, list[tf.Tensor], list[tf.Tensor]]:
    """Returns a discriminator that augments the batch's fakes as for the loss, no reals for it, and the fakes."""
    return batch.judge_drawn, [], batch.drawn


class Regularizer(LossTerm):
    """A penalty on the discriminator, what it weighs, and how often it is computed.

    Args:
        penalty: function of (discriminator, reals, fakes, seed int32 `[2]`) -> float32 scalar; the discriminator
            is a function of a list of images -> logits `[batch, patches]`, reals and fakes are such lists, with
            classes each with its labels at the end.
        weight: what the penalty is multiplied by.
        interval_steps: the discriminator's steps from one computation to the next.
        sight: `augmented`, or another function of the batch -> the discriminator, reals and fakes that it is given.
    """

    metric = "penalty"

    def __init__(self, penalty: Penalty, weight: float, interval_steps: int = 1, *, sight: Sight = augmented):
        self.penalty = penalty
        self.weight = weight
        self.interval_steps = interval_steps
        self.sight = sight

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted penalty: float32 scalar."""
        seed = draws.of_replica(draws.fold(batch.seed, draws.PENALTY))
        return self.weight * self.penalty(*self.sight(batch), seed)


def input_gradients(discriminator: Discriminator, images: tf.Tensor | list[tf.Tensor]) -> tf.Tensor:
    """Differentiates the mean logit of each image with respect to its pixels.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`; the images may be seen by one
            another (batch statistics) but are taken to be judged each for itself.
        images: float32 `[batch, height, width, channels]`, or a list of them in several sizes; what is of another
            rank in the list, such as labels, is handed on.

    Returns:
        The squared norm of each image's gradient over all sizes: float32 `[batch]`, itself differentiable.

    Raises:
        ValueError: if no image is of rank 4.
    """
    pictures = images_among(tf.nest.flatten(images))
    if not pictures:
        raise ValueError(f"images must be of rank 4; got {[part.shape for part in tf.nest.flatten(images)]}")
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pictures)
        total = tf.reduce_sum(tf.reduce_mean(discriminator(images), axis=1))
    gradients = tape.gradient(total, pictures)
    return tf.add_n([tf.reduce_sum(gradient**2, axis=[1, 2, 3]) for gradient in gradients])
