"""When masks change: phases of pruning and regrowing, rounds of a ticket search, the shrinking share that explores.

Imports no TensorFlow.
"""

import math
from typing import NamedTuple

MEASURED_EVERY_STEPS = 10  # the balance of ADAPT
DENSE_RATE = 0.1  # of the base learning rate, in dense phases after the warm-up


class Phase(NamedTuple):
    """A stretch of training in which the masks stay.

    Attributes:
        index: 0 for the warm-up; odd phases are sparse, even ones dense.
        start: generator steps done when it begins.
        rate: what the base learning rate is multiplied by.
    """

    index: int
    start: int
    rate: float

    @property
    def is_sparse(self):
        """Whether weights are pruned."""
        return self.index % 2 == 1


class Reconfiguration(NamedTuple):
    """Re-GAN's phases: dense to the end of the warm-up, then sparse and dense in turn.

    Attributes:
        warmup: generator steps before the first sparse phase.
        interval: generator steps of each phase after it.

    Source: Saxena et al. 2023 (Re-GAN).
    """

    warmup: int
    interval: int

    def phase_at(self, step):
        """Returns the phase of the step that follows `step` steps done."""
        if step < self.warmup:
            return Phase(0, 0, 1.0)
        index = 1 + (step - self.warmup) // self.interval
        start = self.warmup + (index - 1) * self.interval
        return Phase(index, start, 1.0 if index % 2 else DENSE_RATE)

    def next_change(self, step):
        """Returns the first step above `step` at which a phase ends."""
        return self.warmup if step < self.warmup else self.phase_at(step).start + self.interval

    def timeline(self, total_steps):
        """Lists the phases of a training.

        Args:
            total_steps: generator steps in all.

        Returns:
            List of `(Phase, end)`, the end in generator steps.
        """
        phases, step = [], 0
        while step < total_steps:
            end = min(self.next_change(step), total_steps)
            phases.append((self.phase_at(step), end))
            step = end
        return phases


def default_reconfiguration(total_steps, steps_per_epoch):
    """Chooses phases for a training's length in the proportions of the paper's few-shot setting.

    That is a quarter for the warm-up and eighths after it (10,000 and 5,000 of 40,000 steps), but no phase shorter
    than a pass over the images.

    Args:
        total_steps: generator steps in all.
        steps_per_epoch: steps of a pass over the images, which may be a fraction.

    Returns:
        A `Reconfiguration`.
    """
    shortest = max(1, math.ceil(steps_per_epoch))
    return Reconfiguration(max(shortest, total_steps // 4), max(shortest, total_steps // 8))


class TicketRounds(NamedTuple):
    """The rounds of a search.

    Attributes:
        count: number of rounds.
        rate: share of the live weights that is pruned at the end of each, in (0, 1).
        steps: generator steps of the first round.
        rewind_step: step that the others go back to, 0 for the initial weights; None for pruning without rewinding.
    """

    count: int
    rate: float
    steps: int
    rewind_step: int | None

    @property
    def total_steps(self):
        """Generator steps of all rounds."""
        return self.end_of(self.count - 1)

    def end_of(self, round_number):
        """Returns the number of generator steps done where a round, counted from 0, ends."""
        return self.steps + round_number * (self.steps - (self.rewind_step or 0))

    def density_after(self, round_number):
        """Returns the share of weights that live after a round."""
        return (1.0 - self.rate) ** (round_number + 1)


def cosine(first, last, step, end_step):
    """Returns a value that goes from `first` at step 0 to `last` at `end_step` along half a cosine."""
    progress = min(step / end_step, 1.0)
    return last + (first - last) * (1.0 + math.cos(math.pi * progress)) / 2.0
