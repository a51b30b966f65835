"""DigGAN: the discriminator should be as steep at reals as at fakes.

Source: Fang, Sun & Schwing 2022, arXiv:2211.14694.
"""

import tensorflow as tf

from sle_gan.training.regularizers import TINY, Discriminator, Regularizer, input_gradients


def diggan(weight: float, interval_steps: int) -> Regularizer:
    """Returns DigGAN's gap of gradient norms as a `Regularizer`; its weight is not multiplied by the interval.

    Args:
        weight: lambda in the paper: 1000 to 10000 without augmentation, 10 to 1000 with it.
        interval_steps: the discriminator's steps from one computation to the next.
    """
    return Regularizer(
        lambda discriminator, reals, fakes, seed: gradient_gap(discriminator, reals, fakes), weight, interval_steps
    )


def gradient_gap(
    discriminator: Discriminator, reals: tf.Tensor | list[tf.Tensor], fakes: tf.Tensor | list[tf.Tensor]
) -> tf.Tensor:
    """Returns the mean squared difference of gradient norms at paired real and fake images.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        reals: float32 `[batch, height, width, channels]`, or a list of them in several sizes, augmented.
        fakes: of the shapes of `reals`, augmented; paired by their place in the batch.

    Returns:
        float32 scalar, not yet multiplied by its weight.

    Source: Fang, Sun & Schwing 2022, DigGAN, arXiv:2211.14694.
    """
    norms = [tf.sqrt(input_gradients(discriminator, images) + TINY) for images in (fakes, reals)]
    return tf.reduce_mean((norms[0] - norms[1]) ** 2)
