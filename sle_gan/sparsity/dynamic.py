"""Sparse from the first step to the last: masks that drop and grow while the number of live weights stays.

Sources: SET, Mocanu et al. 2018; RigL, Evci et al. 2020, arXiv:1911.11134; STU-GAN, Liu et al. 2022; the
generator of ADAPT, 2023 (its discriminator: `sle_gan.sparsity.adapt`).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.sparsity.callback import SparseCallback, is_due
from sle_gan.sparsity.masks import Masks, reset_slots
from sle_gan.sparsity.schedules import Exploration, cosine
from sle_gan.sparsity.selection import Mask, Scores, drop_and_grow, keep_random, live_count


def random_masks(kernels: Mapping[str, tf.Variable], densities: Mapping[str, float], seed: Sequence[int]) -> list[Mask]:
    """Draws masks of given densities.

    Args:
        kernels: variables by name.
        densities: share of each that lives, by name, in [0, 1].
        seed: list of whole numbers.

    Returns:
        List of bool masks with exact counts, in the order of `kernels`.
    """
    return [
        keep_random(
            kernel.shape,
            live_count(kernel.shape.num_elements(), densities[name]),
            np.random.default_rng([*seed, index]),
        )
        for index, (name, kernel) in enumerate(kernels.items())
    ]


class DynamicSparsity(SparseCallback):
    """Drops the smallest weights of each kernel and grows as many others, every so many generator steps.

    Where weights grow by their gradients, the model applies the masks within its training step
    (`GAN.set_update_rules`), and the masks keep that step's dense gradient. A grown weight starts from 0; one that is
    dropped and grown at once keeps its value.

    Args:
        masks: `Masks` of the generator, with `track_gradients` where weights grow by them.
        exploration: an `Exploration`.
        interval: generator steps between changes.
        total_steps: of the training, for the share that changes.
        optimizer: of the masked weights.
        seed: of growth by chance.
        regrow_state: what the optimizer remembers of grown weights: `keep` what it had, or `reset` to nothing.

    Raises:
        ValueError: if weights are to grow by gradients that the masks do not keep.

    Differs: RigL lets a change of masks take the place of that step's update; here the update is made, and the masks
    change after it, as in STU-GAN.
    """

    @needs_keras_2
    def __init__(
        self,
        masks: Masks,
        exploration: Exploration,
        *,
        interval: int,
        total_steps: int,
        optimizer: keras.optimizers.Optimizer,
        seed: int = 0,
        regrow_state: str = "keep",
    ) -> None:
        super().__init__({"generator": masks})
        if exploration.grows_by_gradient and not masks.tracks_gradients:
            raise ValueError("weights that grow by their gradients need Masks with track_gradients=True")
        self.masks = masks
        self.exploration = exploration
        self.interval = interval
        self.end_step = exploration.end * total_steps
        self.optimizer = optimizer
        self.seed = seed
        self.regrow_state = regrow_state

    def optimizer_of(self, network: str) -> keras.optimizers.Optimizer:
        """Returns the optimizer that was given, or the model's."""
        return self.optimizer

    def steps_done(self) -> int:
        """Returns the number of steps of the optimizer."""
        return int(self.optimizer.iterations.numpy())

    def waits_for(self) -> str | None:
        """Returns that no weight has moved yet, or None."""
        if self.interval < self.end_step and self.steps_done() >= self.interval:
            return None
        return (
            f"no mask changed: the first change is after step {self.interval}, where that is before step "
            f"{self.end_step:g}; train longer, or give a lower interval"
        )

    def on_steps(self, before: int, step: int) -> None:
        """Changes the masks when it is time."""
        if is_due(self.interval, before, step) and step < self.end_step:
            share = cosine(self.exploration.first_share, self.exploration.last_share, step, self.end_step)
            self.explore(share)

    def explore(self, share: float) -> None:
        """Drops and grows a share of the live weights.

        Args:
            share: in [0, 1].
        """
        before = self.masks.read()
        scores = self._growth_scores(before)
        after = explored(self.masks.weights(), before, scores, share, crosses_layers=self.exploration.crosses_layers)
        self.masks.set(after)
        if self.regrow_state == "reset":
            grown = [new & ~old for new, old in zip(after, before, strict=True)]
            reset_slots(self.optimizer, self.masks.kernels, grown)

    def _growth_scores(self, masks: Sequence[Mask]) -> list[Scores]:
        if self.exploration.grows_by_gradient:
            return [np.abs(gradient) for gradient in self.masks.gradients()]
        # Chance: a weight that was just dropped does not grow at once, for that would change nothing.
        return [
            np.where(mask, -0.5, np.random.default_rng([self.seed, self._step, index]).random(mask.shape))
            for index, mask in enumerate(masks)
        ]


def explored(
    weights: Sequence[Scores],
    masks: Sequence[Mask],
    growth_scores: Sequence[Scores],
    share: float,
    *,
    crosses_layers: bool,
) -> list[Mask]:
    """Drops and grows a share of the live weights.

    Args:
        weights: list of float arrays, one for each kernel.
        masks: list of bool arrays.
        growth_scores: list of float arrays; see `drop_and_grow`.
        share: of the live weights, in [0, 1].
        crosses_layers: over all kernels together, or within each.

    Returns:
        List of new bool masks with as many live weights, together or each.
    """
    if crosses_layers:
        return drop_and_grow(weights, masks, growth_scores, _changing(share, masks))
    return [
        drop_and_grow([weight], [mask], [scores], _changing(share, [mask]))[0]
        for weight, mask, scores in zip(weights, masks, growth_scores, strict=True)
    ]


def _changing(share: float, masks: Sequence[Mask]) -> int:
    live = sum(int(np.count_nonzero(mask)) for mask in masks)
    return min(math.ceil(share * live), sum(mask.size for mask in masks) - live)
