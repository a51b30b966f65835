"""Adaptive discriminator augmentation: as much of it as holds the discriminator back from learning images by heart.

Source: Karras et al. 2020, arXiv:2006.06676; the mean sign is r_t of equation 1.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from sle_gan.augment.transforms import PIPES, Pipe

_INTERVAL_STEPS = 4


class AdaptiveAugment(tf.Module):
    """Augments images with a probability that follows the signs of the discriminator's logits of reals.

    A `GAN` is given it twice: as what augments, and among what acts after the optimizers.

    Every four steps the probability goes up by a fixed amount where the mean sign since the last time is above its
    target, and down where it is below.

    Args:
        images_per_step: images that a step of training shows the discriminator, on all replicas together.
        target: of the mean sign of the logits of augmented reals; 0.6 in the paper.
        kimg: thousands of images in which the probability can go from 0 to 1; 500 in the paper.
        pipe: letters of the transforms, out of `sle_gan.augment.transforms.PIPES`.

    Attributes:
        metrics: the names of what it logs.
        probability: float32 scalar, from 0.
        sign_sum: float32 scalar, the sum of the mean signs since it changed last.

    Differs: the probability ends at 1, where the reference lets it grow on.
    """

    metrics: Sequence[str] = ("augment_probability",)

    def __init__(self, images_per_step: int, target: float = 0.6, kimg: float = 500.0, pipe: str = "bgc"):
        super().__init__()
        self.target = target
        self._change = _INTERVAL_STEPS * images_per_step / (1000.0 * kimg)
        self._pipe = Pipe(PIPES[pipe])
        self.probability = _scalar("augment_probability")
        self.sign_sum = _scalar("augment_sign_sum")

    def checkpoint_items(self) -> dict[str, tf.Variable]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"augment_probability": self.probability, "augment_sign_sum": self.sign_sum}

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Augments a batch: see `sle_gan.augment.transforms.Pipe`.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], of static side and channels.
            seed: int32 `[2]`; the same seed and probability augment in the same way.

        Returns:
            The same shape.
        """
        return self._pipe(images, seed, self.probability)

    def after_step(self, outcome: Any) -> dict[str, tf.Tensor]:
        """Observes a step of training, after the optimizers.

        Args:
            outcome: the `sle_gan.training.terms.StepOutcome`.

        Returns:
            What is logged, by name: the probability of this step.
        """
        logs = {"augment_probability": tf.identity(self.probability)}
        self.observe(outcome.step, outcome.logs["real_signs"])
        return logs

    def observe(self, step: tf.Tensor, sign: tf.Tensor) -> None:
        """Takes note of a step, and moves the probability where that is due.

        Args:
            step: int64 scalar, the number of steps before this one.
            sign: float32 scalar in [-1, 1], the mean sign of this step's logits of reals, on this replica.
        """
        sign = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, sign)
        total = self.sign_sum + sign
        moved = self.probability + self._change * tf.sign(total / _INTERVAL_STEPS - self.target)
        # No condition: a replica may not assign to what all of them share inside one.
        due = (step + 1) % _INTERVAL_STEPS == 0
        self.probability.assign(tf.where(due, tf.clip_by_value(moved, 0.0, 1.0), self.probability))
        self.sign_sum.assign(tf.where(due, 0.0, total))


def _scalar(name: str) -> tf.Variable:
    # Every replica computes the same from the mean over all of them, so any one of them is right.
    return tf.Variable(0.0, trainable=False, name=name, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
