"""DigGAN: the discriminator should be as steep at reals as at fakes.

Source: Fang, Sun & Schwing 2022, arXiv:2211.14694.
"""

from typing import Any

import tensorflow as tf

from sle_gan.training.regularizers import TINY, Discriminator, Regularizer, input_gradients
from sle_gan.training.terms import JudgedBatch, Logs, LossTerm


def diggan(weight: float, interval_steps: int) -> Regularizer:
    """Returns DigGAN's gap of gradient norms as a `Regularizer`; its weight is not multiplied by the interval.

    Args:
        weight: lambda in the paper: 1000 to 10000 without augmentation, 10 to 1000 with it; all with `SmoothedGap`.
        interval_steps: the discriminator's steps from one computation to the next.
    """
    return Regularizer(
        lambda discriminator, reals, fakes, seed: gradient_gap(discriminator, reals, fakes), weight, interval_steps
    )


class SmoothedGap(LossTerm):
    """DigGAN's gap between norms that are smoothed over time, as the paper's code has it.

    Each norm is half the new one and half the last smoothed one at its place in the batch, from which no gradient
    comes; the first is the new one. So a gradient is half of the new norms', and the gap is of smoothed norms.

    Args:
        weight: lambda in the paper; it is not multiplied by the interval.
        interval_steps: the discriminator's steps from one computation to the next.
        batch_size: images of a step, on all devices together.

    Attributes:
        norms: float32 `[2, batch]`, the last smoothed norms of fakes and of reals, which a resumed run needs; 0 before
            the first.

    Differs: a version of the code assigns the fakes' smoothed norm to the reals; here each keeps its own.
    """

    metric = "penalty"

    def __init__(self, weight: float, interval_steps: int, batch_size: int):
        self.weight = weight
        self.interval_steps = interval_steps
        shape = [2, batch_size]
        self.norms = tf.Variable(
            tf.zeros(shape), trainable=False, name="dig_norms", aggregation=tf.VariableAggregation.SUM
        )

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns the smoothed norms."""
        return {"dig_norms": self.norms}

    def __call__(self, batch: JudgedBatch) -> tuple[tf.Tensor, Logs]:
        """Returns the weighted gap, float32 scalar, 0 between two computations, and logs it; moves the norms.

        Args:
            batch: a share of it, and each device, has places of its own among the norms.
        """
        replicas = tf.distribute.get_replica_context()
        rows = tf.shape(batch.fake.logits)[0]
        place = batch.share.index * replicas.num_replicas_in_sync + replicas.replica_id_in_sync_group
        first = rows * place
        last = self.norms[:, first : first + rows]

        def computed() -> tuple[tf.Tensor, tf.Tensor]:
            norms = gradient_norms(batch.judge, batch.reals, batch.fakes)
            smoothed = 0.5 * norms + 0.5 * tf.where(last > 0.0, last, tf.stop_gradient(norms))
            return self.weight * tf.reduce_mean((smoothed[0] - smoothed[1]) ** 2), tf.stop_gradient(smoothed)

        is_due = batch.step % self.interval_steps == 0
        value, smoothed = tf.cond(is_due, computed, lambda: (tf.zeros([]), last))
        # Not in the branch: devices add up their parts of the change together.
        behind = tf.shape(self.norms)[1] - first - rows
        self.norms.assign_add(tf.pad(smoothed - last, [[0, 0], [first, behind]]))
        return value, {"penalty": value}


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
    of_fakes, of_reals = tf.unstack(gradient_norms(discriminator, reals, fakes))
    return tf.reduce_mean((of_fakes - of_reals) ** 2)


def gradient_norms(
    discriminator: Discriminator, reals: tf.Tensor | list[tf.Tensor], fakes: tf.Tensor | list[tf.Tensor]
) -> tf.Tensor:
    """Returns the gradient norms of `gradient_gap`: float32 `[2, batch]`, of the fakes and of the reals."""
    return tf.stack([tf.sqrt(input_gradients(discriminator, images) + TINY) for images in (fakes, reals)])
