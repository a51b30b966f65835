"""Steered heads: noise on what a frozen network sees, as much as holds its heads back from telling all reals.

The rule is that of adaptive augmentation, Karras et al. 2020, arXiv:2006.06676; noise on what a discriminator is given
is that of Sønderby et al. 2017, arXiv:1610.04490, here on features.
"""

from collections.abc import Sequence

import tensorflow as tf

from sle_gan.layers.noise import SteeredNoise
from sle_gan.training.terms import JudgedBatch, Logs, LossTerm, StepOutcome

_CHANGE_PER_STEP = 0.02
_MOST = 10.0


class HeadSteering(LossTerm):
    """Moves the level of `SteeredNoise` by the mean sign of the heads' logits of reals.

    A `GAN` is given it twice: among the terms of the discriminator's loss, to which it adds nothing, and among what
    acts after the optimizers. At each step the level goes up by 0.02 where the mean sign is above its target, and down
    where it is below, between 0 and 10.

    Args:
        noise: of the heads; its level is kept with the discriminator's weights.
        head_logits: number of the heads' logits of an image, the last of all.
        target: of the mean sign, from 0 to 1; 1 for no noise.

    Attributes:
        metrics: the names of what it logs after a step.
    """

    metric = "head_signs"
    metrics: Sequence[str] = ("head_noise",)

    def __init__(self, noise: SteeredNoise, head_logits: int, target: float):
        self._noise = noise
        self._head_logits = head_logits
        self._target = target

    def __call__(self, batch: JudgedBatch) -> tuple[tf.Tensor, Logs]:
        """Returns 0, and what is logged: the mean sign of the heads' logits of reals."""
        signs = tf.sign(batch.real.logits[:, -self._head_logits :])
        return tf.zeros([]), {self.metric: tf.reduce_mean(signs)}

    def after_step(self, outcome: StepOutcome) -> Logs:
        """Moves the level, and returns that of this step.

        Args:
            outcome: of the step.
        """
        level = self._noise.level
        logs = {"head_noise": tf.identity(level)}
        sign = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, outcome.logs[self.metric])
        moved = level + _CHANGE_PER_STEP * tf.sign(sign - self._target)
        level.assign(tf.clip_by_value(moved, 0.0, _MOST))
        return logs
