"""ADAPT: a discriminator whose density follows how well it and the generator are matched.

Source: ADAPT, NeurIPS 2023: the balance ratio and the relaxed and strict rules.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.sparsity.callback import SparseCallback, is_due
from sle_gan.sparsity.dynamic import explored
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.schedules import BALANCE_MEASUREMENTS, MEASURED_EVERY_STEPS, cosine, first_balanced
from sle_gan.sparsity.selection import keep_largest_of_all, live_count
from sle_gan.training.accumulation import Share, in_turn, mean_over
from sle_gan.training.terms import Logs, StepOutcome

_BALANCED = (0.45, 0.55)
_DENSITY_STEP = 0.05
_FLOOR = 0.05
_EXPLORED_AT_THE_CAP = (0.5, 0.005)  # share of live weights at first and at the end


class BalanceRule(NamedTuple):
    """How far and how often the discriminator's density moves.

    Attributes:
        cap: highest density.
        interval: generator steps between changes, in the paper.
        explores_at_cap: whether the discriminator drops and grows where it would go above the cap.
    """

    cap: float
    interval: int
    explores_at_cap: bool


BALANCE_RULES = {
    "relaxed": BalanceRule(1.0, 1000, explores_at_cap=False),
    "strict": BalanceRule(0.5, 2000, explores_at_cap=True),
}


class BalanceRatio:
    """The balance ratio: how much of its lead over the generator the discriminator loses to one generator step.

    A `GAN` is given it among what acts after the optimizers.

    The mean over the last 100 measurements of (D(after) - D(before)) / (D(real) - D(before)), where D is the mean
    logit, `before` and `after` are images of the same codes before and after the generator's step.
    """

    metrics: Sequence[str] = ()

    def __init__(self) -> None:
        self.ratios = tf.Variable(
            tf.zeros([BALANCE_MEASUREMENTS]),
            trainable=False,
            name="balance_ratios",
            aggregation=tf.VariableAggregation.MEAN,
        )
        self.measured = tf.Variable(
            0,
            trainable=False,
            dtype=tf.int64,
            name="balance_measured",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def checkpoint_items(self) -> dict[str, tf.Variable]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"balance_ratios": self.ratios, "balance_measured": self.measured}

    def after_step(self, outcome: StepOutcome) -> Logs:
        """Measures at every tenth step, and logs nothing."""
        self.observe(outcome.step, functools.partial(_mean_logits, outcome))
        return {}

    def observe(self, step: tf.Tensor, mean_logits: Callable[[], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]) -> None:
        """Measures at every tenth step.

        Several devices compute the logits at every step and use those of each tenth: what they sum up together, as in
        synchronized batch normalization, cannot stand in a branch.

        Args:
            step: number of generator steps done, int64.
            mean_logits: function of nothing -> mean logits of real images, and of images of the same codes before and
                after the generator's step; three float32 scalars.
        """
        due = step % MEASURED_EVERY_STEPS == 0
        zeros = (tf.zeros([]), tf.zeros([]), tf.zeros([]))
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        real, before, after = mean_logits() if several else tf.cond(due, mean_logits, lambda: zeros)
        ratio = tf.math.divide_no_nan(after - before, real - before)
        place = tf.one_hot(self.measured % BALANCE_MEASUREMENTS, BALANCE_MEASUREMENTS) * tf.cast(due, tf.float32)
        self.ratios.assign(self.ratios + place * (ratio - self.ratios))
        self.measured.assign_add(tf.cast(due, tf.int64))

    def read(self) -> float | None:
        """Returns the mean of the last 100 ratios, or None before there are as many: until then nothing is changed."""
        return float(np.mean(self.ratios.numpy())) if int(self.measured.numpy()) >= BALANCE_MEASUREMENTS else None


class BalancedDiscriminator(SparseCallback):
    """Makes the discriminator sparser where it wins too little ground to the generator's steps, denser where too much.

    Below a ratio of 0.45 the generator's steps change little: the discriminator is too strong and 5 % of its weights
    are pruned, the smallest of all layers. Above 0.55 it is too weak and 5 % grow, by the largest gradients.

    Args:
        masks: `Masks` of the discriminator with `track_gradients`.
        ratio: a `BalanceRatio` that the model observes.
        rule: a `BalanceRule`.
        interval: generator steps between changes.
        total_steps: of the training, for the share that changes at the cap.
        optimizer: of the generator, whose steps are counted.

    Raises:
        ValueError: if the masks keep no gradients.
    """

    @needs_keras_2
    def __init__(
        self,
        masks: Masks,
        ratio: BalanceRatio,
        rule: BalanceRule,
        *,
        interval: int,
        total_steps: int,
        optimizer: keras.optimizers.Optimizer,
    ) -> None:
        super().__init__({"discriminator": masks})
        if not masks.tracks_gradients:
            raise ValueError("the discriminator's weights grow by their gradients: Masks need track_gradients=True")
        self.masks = masks
        self.ratio = ratio
        self.rule = rule
        self.interval = interval
        self.total_steps = total_steps
        self.optimizer = optimizer

    def steps_done(self) -> int:
        """Returns the number of steps of the generator's optimizer."""
        return int(self.optimizer.iterations.numpy())

    def waits_for(self) -> str | None:
        """Returns that the density was never looked at, or None."""
        first = first_balanced(self.interval)
        if first < self.total_steps and self.steps_done() >= first:
            return None
        return (
            f"the discriminator's density did not follow the balance: it does from step {first} on, before the last of "
            f"{self.total_steps} steps; train longer"
        )

    def on_steps(self, before: int, step: int) -> None:
        """Changes the density when it is time."""
        if is_due(self.interval, before, step) and step < self.total_steps:
            ratio = self.ratio.read()
            if ratio is not None:
                self.rebalance(ratio)

    def rebalance(self, ratio: float) -> None:
        """Moves the density one step towards balance.

        Args:
            ratio: the balance ratio.
        """
        density = self.masks.density()
        lowest, highest = _BALANCED
        if ratio < lowest:
            self._shrink(max(_FLOOR, density - _DENSITY_STEP))
        elif ratio > highest and density < self.rule.cap:
            self._grow(min(self.rule.cap, density + _DENSITY_STEP))
        elif ratio > highest and self.rule.explores_at_cap:
            share = cosine(*_EXPLORED_AT_THE_CAP, self._step, self.total_steps)
            masks, gradients = self.masks.read(), [np.abs(gradient) for gradient in self.masks.gradients()]
            self.masks.set(explored(self.masks.weights(), masks, gradients, share, crosses_layers=True))

    def _shrink(self, density: float) -> None:
        masks = self.masks.read()
        count = min(live_count(sum(mask.size for mask in masks), density), self.masks.live_weights())
        magnitudes = [
            np.where(mask, np.abs(weight), -1.0) for weight, mask in zip(self.masks.weights(), masks, strict=True)
        ]
        self.masks.set(keep_largest_of_all(magnitudes, count))

    def _grow(self, density: float) -> None:
        masks = self.masks.read()
        count = live_count(sum(mask.size for mask in masks), density)
        # Live weights come before all others.
        scores = [
            np.where(mask, np.inf, np.abs(gradient))
            for mask, gradient in zip(masks, self.masks.gradients(), strict=True)
        ]
        self.masks.set(keep_largest_of_all(scores, count))


def _mean_logits(outcome: StepOutcome) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the mean logits of reals, and of fakes before and after the generator's step."""

    def mean_logit(inputs: list[tf.Tensor]) -> tf.Tensor:
        # Not as in training: that would move the discriminator's statistics. The generator draws as in training,
        # as it did before its step, at the price of one more power iteration of its spectral norms.
        return tf.reduce_mean(tf.nest.flatten(outcome.discriminator(inputs, training=False))[0])

    def measured(share: Share, before: list | None) -> list:
        reals = outcome.draw_reals(share)
        old, new = outcome.fakes[share.index], outcome.draw_fakes(share)
        return [*(before or []), (mean_logit(reals), mean_logit(old), mean_logit(new))]

    return mean_over(in_turn(len(outcome.fakes), measured))
