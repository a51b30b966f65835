"""What holds a discriminator smooth: functions of a discriminator and images, added to its loss."""

from collections.abc import Callable

import tensorflow as tf

from sle_gan.layers.batch import count_of
from sle_gan.training import draws
from sle_gan.training.classes import images_among
from sle_gan.training.terms import JudgedBatch, LossTerm

Discriminator = Callable[[list[tf.Tensor]], tf.Tensor]
Penalty = Callable[[Discriminator, list[tf.Tensor], list[tf.Tensor], tf.Tensor], tf.Tensor]

_TINY = 1e-12  # inside a square root, whose slope at 0 is infinite


class Regularizer(LossTerm):
    """A penalty on the discriminator, what it weighs, and how often it is computed.

    Args:
        penalty: function of (discriminator, reals, fakes, seed int32 `[2]`) -> float32 scalar; the discriminator
            is a function of a list of images -> logits `[batch, patches]`, reals and fakes are such lists, with
            classes each with its labels at the end.
        weight: what the penalty is multiplied by.
        interval_steps: the discriminator's steps from one computation to the next.
        before_augmentation: whether the reals that it is given are the images of the batch, in a list of their one
            size, with a discriminator that augments them as for the loss; otherwise they are augmented already.
    """

    metric = "penalty"

    def __init__(self, penalty: Penalty, weight: float, interval_steps: int = 1, *, before_augmentation: bool = False):
        self.penalty = penalty
        self.weight = weight
        self.interval_steps = interval_steps
        self.before_augmentation = before_augmentation

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted penalty: float32 scalar."""
        judged = (batch.judge_images, batch.images) if self.before_augmentation else (batch.judge, batch.reals)
        seed = draws.of_replica(draws.fold(batch.seed, draws.PENALTY))
        return self.weight * self.penalty(*judged, batch.fakes, seed)


def input_gradients(discriminator, images):
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


def r1_penalty(discriminator, images):
    """Returns half the mean squared gradient norm of the discriminator at real images.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        images: float32 `[batch, height, width, channels]` in [-1, 1], or a list of them in several sizes.

    Returns:
        float32 scalar, not yet multiplied by its weight.

    Source: Mescheder et al. 2018, arXiv:1801.04406, R1.
    """
    return 0.5 * tf.reduce_mean(input_gradients(discriminator, images))


def gradient_penalty(discriminator, reals, fakes, seed):
    """Returns the mean squared distance of gradient norms from 1, between pairs of a real and a fake image.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        reals: float32 `[batch, height, width, channels]`, or a list of them in several sizes.
        fakes: of the shapes of `reals`. Where labels follow the images, those of the reals hold between the two.
        seed: int32 `[2]`, of the place between the two of each pair, the same for all sizes.

    Returns:
        float32 scalar, not yet multiplied by its weight.

    Source: Gulrajani et al. 2017, arXiv:1704.00028.
    """
    shares = tf.random.stateless_uniform([count_of(tf.nest.flatten(reals)[0]), 1, 1, 1], seed)

    def mixed(real, fake):
        return real + shares * (fake - real) if real.shape.rank == 4 else real

    between = tf.nest.map_structure(mixed, reals, fakes)
    return tf.reduce_mean((tf.sqrt(input_gradients(discriminator, between) + _TINY) - 1.0) ** 2)


def gradient_gap(discriminator, reals, fakes):
    """Returns the mean squared difference of gradient norms at paired real and fake images.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        reals: float32 `[batch, height, width, channels]`, or a list of them in several sizes, augmented.
        fakes: of the shapes of `reals`, augmented; paired by their place in the batch.

    Returns:
        float32 scalar, not yet multiplied by its weight.

    Source: Fang, Sun & Schwing 2022, DigGAN, arXiv:2211.14694.
    """
    norms = [tf.sqrt(input_gradients(discriminator, images) + _TINY) for images in (fakes, reals)]
    return tf.reduce_mean((norms[0] - norms[1]) ** 2)


def r1(gamma, interval_steps, before_augmentation=False):
    """Returns R1 as the `Regularizer` of weight `gamma`, computed lazily.

    The weight is multiplied by the interval, so that the mean over the steps is that of R1 at every step.

    Args:
        gamma: the weight.
        interval_steps: the discriminator's steps from one computation to the next.
        before_augmentation: whether the slope is that at the images before they are augmented.

    Source: lazy regularization is Karras et al. 2020, arXiv:1912.04958, appendix B.
    """
    return Regularizer(
        lambda discriminator, reals, fakes, seed: r1_penalty(discriminator, reals),
        gamma * interval_steps,
        interval_steps,
        before_augmentation=before_augmentation,
    )


def diggan(weight, interval_steps):
    """Returns DigGAN's gap of gradient norms as a `Regularizer`; its weight is not multiplied by the interval.

    Args:
        weight: lambda in the paper: 1000 to 10000 without augmentation, 10 to 1000 with it.
        interval_steps: the discriminator's steps from one computation to the next.
    """
    return Regularizer(
        lambda discriminator, reals, fakes, seed: gradient_gap(discriminator, reals, fakes), weight, interval_steps
    )
