"""When what happens to the masks: the times that settings of sparsity leave open, and a timeline. No TensorFlow."""

import math
from collections.abc import Mapping
from typing import Any

from sle_gan.errors import InputError
from sle_gan.settings.sparsity import (
    PAPER_BALANCE_INTERVALS,
    PAPER_INTERVALS,
    REWIND_SHARES,
    ReconfigureSettings,
    SparseFromScratchSettings,
    Sparsity,
    TicketSearchSettings,
    resolve_exploration,
)
from sle_gan.sparsity.schedules import (
    EXPLORATIONS,
    MEASURED_EVERY_STEPS,
    Reconfiguration,
    TicketRounds,
    default_reconfiguration,
    first_balanced,
)

_SHORTEST_TRAINING_IN_INTERVALS = 50  # as many changes as the papers make, in a training that is shorter than theirs
_LONGEST_TIMELINE = 10


def resolve_times(values: dict[str, Any], image_count: int | None) -> None:
    """Works out, as generator steps, every time that the method of sparsity leaves open.

    Args:
        values: settings by name, with their defaults; `steps` become those of all rounds for a search of a ticket.
        image_count: number of images, for the phases of pruning.

    Raises:
        ValueError: if `image_count` is needed.
    """
    steps = values["steps"]
    if values.get("reconfigure"):
        if image_count is None:
            raise ValueError("image_count must be given: the phases of pruning follow from it")
        phases = _phases(values, image_count)
        # While networks grow nothing is pruned, and times count from the last phase on.
        values["warmup_steps"] = values.get("grown_step", 0) + phases.warmup
        values["interval_steps"] = phases.interval
    elif values.get("find_ticket"):
        rounds = ticket_rounds(values["ticket_rounds"], values["ticket_rate"], steps, values["rewind_to"])
        values["round_steps"], values["steps"] = steps, rounds.total_steps
    elif values.get("sparse_from_scratch"):
        rule = str(resolve_exploration(values))
        shortest = max(1, steps // _SHORTEST_TRAINING_IN_INTERVALS)
        measured = max(MEASURED_EVERY_STEPS, shortest)
        values |= {
            "exploration": rule,
            "interval_steps": values["exploration_interval"] or min(PAPER_INTERVALS.get(rule, shortest), shortest),
            "balance_interval_steps": min(PAPER_BALANCE_INTERVALS.get(values["balance"], measured), measured),
            "exploration_steps": steps,
        }


def check_times(settings: Sparsity | None, steps: int, *, goes_on: bool = False) -> None:
    """Checks that the masks of a training change before it ends.

    Args:
        settings: of the method; None for a dense training.
        steps: generator steps in all.
        goes_on: whether a run goes on, whose explored share shrinks to 0 at the step that it began with.

    Raises:
        InputError: if a method would do nothing.
    """
    longer = "a new --name with more --steps" if goes_on else "more --steps"
    match settings:
        case ReconfigureSettings() if settings.warmup_steps >= steps:
            raise InputError(
                f"--reconfigure would prune nothing: its first sparse phase begins after step {settings.warmup_steps}, "
                f"and the training ends at {steps}; give more --steps or a lower --reconfigure-warmup"
            )
        case SparseFromScratchSettings() if (settings.exploration_interval or 0) >= (
            last := _last_exploration(settings)
        ):
            raise InputError(
                f"--exploration-interval {settings.exploration_interval} would never change a mask: the last change is "
                f"before step {last:g}; give {longer}, a lower interval, or --exploration off without one"
            )
        case SparseFromScratchSettings() if settings.balance != "off" and (
            (first := first_balanced(settings.balance_interval_steps)) >= settings.exploration_steps
        ):
            raise InputError(
                f"--balance {settings.balance} would never change a density: it follows the balance from step {first} "
                f"on, before the last of {settings.exploration_steps}; give {longer}, or --balance off"
            )


def ticket_rounds(count: int, rate: float, round_steps: int, rewind_to: str) -> TicketRounds:
    """Returns the rounds of a search.

    Args:
        count: number of rounds.
        rate: share of the live weights that is pruned at the end of each, in (0, 1).
        round_steps: generator steps of the first round.
        rewind_to: one of `sle_gan.settings.sparsity.REWIND_SHARES`.
    """
    rewind_share = REWIND_SHARES[rewind_to]
    return TicketRounds(count, rate, round_steps, None if rewind_share is None else round(rewind_share * round_steps))


def sparsity_timeline(settings: Sparsity | None, steps: int) -> list[str]:
    """Says when what happens to the masks.

    Args:
        settings: of the method; None for a dense training.
        steps: generator steps in all.

    Returns:
        Lines of text; none for a dense training.
    """
    match settings:
        case ReconfigureSettings() as sparsity:
            return _phase_lines(sparsity, steps)
        case TicketSearchSettings() as search:
            rounds = ticket_rounds(search.ticket_rounds, search.ticket_rate, search.round_steps, search.rewind_to)
            return [
                f"round {number + 1}: to step {rounds.end_of(number)}, then {rounds.density_after(number):.1%} of the "
                "kernels' weights live"
                for number in range(rounds.count)
            ]
        case SparseFromScratchSettings() as sparsity:
            return _scratch_lines(sparsity)
        case _:
            return []


def _last_exploration(settings: SparseFromScratchSettings) -> float:
    rule = EXPLORATIONS.get(settings.exploration)
    return settings.exploration_steps * (1.0 if rule is None else rule.end)


def _phases(values: Mapping[str, Any], image_count: int) -> Reconfiguration:
    steps_per_epoch = image_count / (values["batch_size"] * values["n_critic"])
    default = default_reconfiguration(values["steps"] - values.get("grown_step", 0), steps_per_epoch)
    unit = steps_per_epoch if values["reconfigure_unit"] == "epochs" else 1
    times = (values["reconfigure_warmup"], values["reconfigure_interval"])
    chosen = (usual if time is None else math.ceil(time * unit) for time, usual in zip(times, default, strict=True))
    return Reconfiguration(*chosen)


def _phase_lines(sparsity: ReconfigureSettings, steps: int) -> list[str]:
    schedule = Reconfiguration(sparsity.warmup_steps, sparsity.interval_steps)
    count = schedule.phase_at(steps - 1).index + 1  # millions, if somebody asks for that
    timeline = schedule.timeline(min(steps, schedule.warmup + _LONGEST_TIMELINE * schedule.interval))
    lines = [
        f"steps {phase.start} to {end}: "
        + (f"sparse, {sparsity.sparsity:.0%} pruned" if phase.is_sparse else "dense")
        + (f", learning rate x {phase.rate}" if phase.rate != 1.0 else "")
        for phase, end in timeline
    ]
    if count > _LONGEST_TIMELINE:
        lines[_LONGEST_TIMELINE:] = [f"and so on, {count} phases to step {steps}"]
    return lines


def _scratch_lines(sparsity: SparseFromScratchSettings) -> list[str]:
    lines = [
        f"{sparsity.generator_density:.0%} of the generator's kernels and {sparsity.discriminator_density:.0%} of the "
        "discriminator's live from the first step"
    ]
    if sparsity.exploration != "off":
        lines.append(f"the generator's masks change every {sparsity.interval_steps} steps ({sparsity.exploration})")
    if sparsity.balance != "off":
        first = first_balanced(sparsity.balance_interval_steps)
        follows = f"the balance every {sparsity.balance_interval_steps} steps, from step {first} on"
        lines.append(f"the discriminator's density follows {follows}")
    return lines
