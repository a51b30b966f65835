"""When masks change: phases of pruning and regrowing, rounds of a ticket search, a share that decays.

Imports no TensorFlow.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

MEASURED_EVERY_STEPS = 10  # steps between measurements of the balance that ADAPT keeps
BALANCE_MEASUREMENTS = 100  # that a balance is the mean of; before there are as many, nothing follows it
FIRST_BALANCED_STEP = MEASURED_EVERY_STEPS * (BALANCE_MEASUREMENTS - 1) + 1
DENSE_RATE = 0.1  # learning rate in dense phases after the warm-up, as a multiple of the base learning rate


class Exploration(NamedTuple):
    """A method's rule of dropping and growing.

    Attributes:
        interval: generator steps between changes, in the paper.
        first_share: of live weights that change at first.
        last_share: that change at the end.
        end: share of training after which nothing changes.
        grows_by_gradient: whether the largest gradients say what grows; otherwise chance does.
        crosses_layers: whether the smallest and the largest are those of all kernels together; otherwise each kernel
            keeps its number of live weights.
    """

    interval: int
    first_share: float
    last_share: float
    end: float
    grows_by_gradient: bool
    crosses_layers: bool


EXPLORATIONS = {
    "set": Exploration(100, 0.3, 0.3, 1.0, grows_by_gradient=False, crosses_layers=False),
    "rigl": Exploration(100, 0.3, 0.0, 0.75, grows_by_gradient=True, crosses_layers=False),
    "stu": Exploration(1000, 0.5, 0.005, 1.0, grows_by_gradient=True, crosses_layers=False),
    "adapt": Exploration(500, 0.5, 0.005, 1.0, grows_by_gradient=True, crosses_layers=True),
}


@dataclass(frozen=True)
class Phase:
    """A part of training in which the masks do not change.

    Attributes:
        index: 0 for the warm-up; odd phases are sparse, even ones are dense.
        start: number of generator steps done when it begins.
        rate: learning rate, as a multiple of the base learning rate.
    """

    index: int
    start: int
    rate: float

    @property
    def is_sparse(self) -> bool:
        """Whether weights are pruned in this phase."""
        return self.index % 2 == 1


class Reconfiguration(NamedTuple):
    """Re-GAN's phases: dense until the warm-up ends, then sparse and dense in turn.

    Attributes:
        warmup: generator steps before the first sparse phase.
        interval: generator steps of each phase after it.

    Source: Saxena et al. 2023 (Re-GAN).
    """

    warmup: int
    interval: int

    def phase_at(self, step: int) -> Phase:
        """Returns the phase of the next step, when `step` steps are done."""
        if step < self.warmup:
            return Phase(0, 0, 1.0)
        index = 1 + (step - self.warmup) // self.interval
        start = self.warmup + (index - 1) * self.interval
        return Phase(index, start, 1.0 if index % 2 else DENSE_RATE)

    def next_change(self, step: int) -> int:
        """Returns the first step after `step` at which a phase ends."""
        return self.warmup if step < self.warmup else self.phase_at(step).start + self.interval

    def timeline(self, total_steps: int) -> list[tuple[Phase, int]]:
        """Lists the phases of a training.

        Args:
            total_steps: generator steps in all.

        Returns:
            List of `(Phase, end)`; the end is a number of generator steps done.
        """
        phases, step = [], 0
        while step < total_steps:
            end = min(self.next_change(step), total_steps)
            phases.append((self.phase_at(step), end))
            step = end
        return phases


def default_reconfiguration(total_steps: int, steps_per_epoch: float) -> Reconfiguration:
    """Chooses phases for a training of any length, in the proportions of the paper's few-shot setting.

    The warm-up is a quarter of the training, and each later phase an eighth (10,000 and 5,000 of 40,000 steps). No
    phase is shorter than an epoch.

    Args:
        total_steps: generator steps in all.
        steps_per_epoch: steps in which all images are shown once; may be a fraction.

    Returns:
        A `Reconfiguration`.
    """
    shortest = max(1, math.ceil(steps_per_epoch))
    return Reconfiguration(max(shortest, total_steps // 4), max(shortest, total_steps // 8))


@dataclass(frozen=True)
class TicketRounds:
    """The rounds of a search for a lottery ticket.

    Attributes:
        count: number of rounds.
        rate: share of the live weights that is pruned at the end of each round, in (0, 1).
        steps: generator steps of the first round.
        rewind_step: step whose weights the later rounds start from, 0 for the initial weights; None for no rewinding.
    """

    count: int
    rate: float
    steps: int
    rewind_step: int | None

    @property
    def total_steps(self) -> int:
        """Generator steps of all rounds."""
        return self.end_of(self.count - 1)

    def end_of(self, round_number: int) -> int:
        """Returns the number of generator steps done when a round ends; rounds are counted from 0."""
        return self.steps + round_number * (self.steps - (self.rewind_step or 0))

    def density_after(self, round_number: int) -> float:
        """Returns the share of weights that live after a round; rounds are counted from 0."""
        return (1.0 - self.rate) ** (round_number + 1)


def first_balanced(interval: int) -> int:
    """Returns the first step at which a density that is looked at every `interval` steps can follow the balance."""
    return math.ceil(FIRST_BALANCED_STEP / interval) * interval


def cosine(first: float, last: float, step: int, end_step: float) -> float:
    """Returns a value that goes from `first` at step 0 to `last` at `end_step` along half a period of a cosine."""
    progress = min(step / end_step, 1.0)
    return last + (first - last) * (1.0 + math.cos(math.pi * progress)) / 2.0
