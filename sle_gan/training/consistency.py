"""Balanced consistency: the discriminator should judge an image and the same image moved alike.

Source: Zhao et al. 2021, "Improved Consistency Regularization for GANs", arXiv:2002.04724, algorithm 1.
"""

import tensorflow as tf

from sle_gan.augment.transforms import Pipe
from sle_gan.training.regularizers import Discriminator, Regularizer

_MOVES = Pipe(["flip", "whole-shift"])


def consistency(weight: float) -> Regularizer:
    """Returns balanced consistency as a `Regularizer`, due at every step.

    Args:
        weight: of the squared differences for reals and for fakes alike; 10 in the paper.
    """
    return Regularizer(inconsistency, weight)


def inconsistency(
    discriminator: Discriminator, reals: list[tf.Tensor], fakes: list[tf.Tensor], seed: tf.Tensor
) -> tf.Tensor:
    """Returns the mean squared difference of the logits of images and of their moved copies, for reals and for fakes.

    Half of the copies are mirrored, and all are shifted by whole pixels, up to an eighth of the side.

    Args:
        discriminator: function of a list of images -> float32 logits `[batch, patches]`.
        reals: list of float32 `[batch, height, width, channels]` in several sizes, which are moved alike; what is of
            another rank in the list, such as labels, is handed on.
        fakes: a list likewise.
        seed: int32 `[2]`, of the moves.

    Returns:
        float32 scalar, not yet multiplied by its weight.
    """
    total = 0.0
    for use, images in enumerate((reals, fakes)):
        own_seed = tf.random.experimental.stateless_fold_in(seed, use)
        moved = [_MOVES(part, own_seed, tf.constant(1.0)) if part.shape.rank == 4 else part for part in images]
        total += tf.reduce_mean((discriminator(images) - discriminator(moved)) ** 2)
    return total
