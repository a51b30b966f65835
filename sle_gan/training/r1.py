"""R1 and R2: the discriminator should be flat at real images, and at generated ones.

Source: Mescheder et al. 2018, arXiv:1801.04406. Both together are those of Huang et al. 2024, arXiv:2501.05441.
"""

import tensorflow as tf

from sle_gan.training.regularizers import (
    Discriminator,
    Regularizer,
    augmented,
    fakes_before,
    input_gradients,
    reals_before,
)


def r1(gamma: float, interval_steps: int, before_augmentation: bool = False) -> Regularizer:
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
        sight=reals_before if before_augmentation else augmented,
    )


def r2(gamma: float, interval_steps: int, before_augmentation: bool = False) -> Regularizer:
    """Returns R2, which is R1 at the fakes, as the `Regularizer` of weight `gamma`, computed as lazily as R1.

    Args:
        gamma: the weight.
        interval_steps: the discriminator's steps from one computation to the next.
        before_augmentation: whether the slope is that at the pictures before they are augmented.

    Source: Huang et al. 2024, arXiv:2501.05441, where it is beside R1 at every step, of the same weight.
    """
    return Regularizer(
        lambda discriminator, reals, fakes, seed: r1_penalty(discriminator, fakes),
        gamma * interval_steps,
        interval_steps,
        sight=fakes_before if before_augmentation else augmented,
    )


def r1_penalty(discriminator: Discriminator, images: tf.Tensor | list[tf.Tensor]) -> tf.Tensor:
    """Returns half the mean squared gradient norm of the discriminator at images.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        images: float32 `[batch, height, width, channels]` in [-1, 1], or a list of them in several sizes.

    Returns:
        float32 scalar, not yet multiplied by its weight.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9.
    """
    return 0.5 * tf.reduce_mean(input_gradients(discriminator, images))
