"""The gradient penalty: between reals and fakes the discriminator should have a slope of 1, or of another number.

Source: Gulrajani et al. 2017, arXiv:1704.00028; another slope: Karras et al. 2018, arXiv:1710.10196, appendix A.1.
"""

import tensorflow as tf

from sle_gan.layers.batch import count_of
from sle_gan.training.regularizers import TINY, Discriminator, input_gradients


def gradient_penalty(
    discriminator: Discriminator,
    reals: tf.Tensor | list[tf.Tensor],
    fakes: tf.Tensor | list[tf.Tensor],
    seed: tf.Tensor,
    target: float = 1.0,
) -> tf.Tensor:
    """Returns the mean squared distance of gradient norms from a target, between pairs of a real and a fake image.

    Args:
        discriminator: function of images -> float32 logits `[batch, patches]`.
        reals: float32 `[batch, height, width, channels]`, or a list of them in several sizes.
        fakes: of the shapes of `reals`. Where labels follow the images, those of the reals hold between the two.
        seed: int32 `[2]`, of the place between the two of each pair, the same for all sizes.
        target: the slope that is asked for.

    Returns:
        float32 scalar, in units of the target, not yet multiplied by its weight.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    """
    shares = tf.random.stateless_uniform([count_of(tf.nest.flatten(reals)[0]), 1, 1, 1], seed)

    def mixed(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return real + shares * (fake - real) if real.shape.rank == 4 else real

    between = tf.nest.map_structure(mixed, reals, fakes)
    slopes = tf.sqrt(input_gradients(discriminator, between) + TINY)
    return tf.reduce_mean((slopes - target) ** 2) / target**2
