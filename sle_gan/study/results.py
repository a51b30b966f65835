"""What the trainings of a study say of its rows: means, differences to the baseline, and a sentence for each row."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sle_gan.errors import InputError
from sle_gan.evaluation import is_better_higher, is_of_metric
from sle_gan.report.curves import short_number
from sle_gan.study.carry_out import CarriedOut
from sle_gan.study.cell import TRAINING_FLOPS, Cell, Measured
from sle_gan.study.statistics import (
    SIGNIFICANCE,
    Interval,
    bootstrap_interval,
    holm,
    needed_seeds,
    permutation_p,
)
from sle_gan.study.study_file import Row, Study

WITH_SOURCES = "training FLOPs with those of the rows it needs"


class Comparison(NamedTuple):
    """The difference of a row to its baseline, over the seeds that both have.

    Attributes:
        difference: the row's mean minus the baseline's.
        interval: of the difference within a seed; None of one seed.
        p: by permutation.
        corrected_p: for the number of rows, after Holm.
        needed: seeds that would tell them apart, if they differ as much as it seems; None where none are known.
        seeds: number of the seeds.
    """

    difference: float
    interval: Interval | None
    p: float
    corrected_p: float
    needed: int | None
    seeds: int

    @property
    def is_told_apart(self) -> bool:
        """Whether the difference is more than chance."""
        return self.corrected_p < SIGNIFICANCE


class Score(NamedTuple):
    """A score of a row.

    Attributes:
        by_seed: its values.
        mean: of them.
        interval: of the mean; None of one seed.
        comparison: with the baseline; None of a baseline, or where there is nothing to compare.
    """

    by_seed: dict[int, float]
    mean: float
    interval: Interval | None
    comparison: Comparison | None


class RowResult(NamedTuple):
    """What the trainings of a row gave.

    Attributes:
        row: of the study.
        trained: the trainings that were measured.
        scores: by name.
        costs: means by name.
        failures: what trainings failed of, by the names of their runs.
    """

    row: Row
    trained: list[Cell]
    scores: dict[str, Score]
    costs: dict[str, float]
    failures: dict[str, str]


class Results(NamedTuple):
    """What a study gave.

    Attributes:
        study: the `Study`.
        rows: those of the table, in its order.
        score: name of the score that the sentences are about.
        score_names: of all scores.
        floors: means by the names of the scores, between halves of the images.
    """

    study: Study
    rows: list[RowResult]
    score: str
    score_names: list[str]
    floors: dict[str, float]


def results_of(carried_out: CarriedOut) -> Results:
    """Reads what the trainings of a study gave.

    Args:
        carried_out: the study in its folder; trainings that are not done count as not there.

    Raises:
        InputError: if no training of a row of the table is done.
    """
    study = carried_out.study
    measured = {
        name: numbers for name, cell in carried_out.cells.items() if (numbers := carried_out.measured(cell)) is not None
    }
    of_table = [numbers for name, numbers in measured.items() if carried_out.cells[name].row.is_shown]
    names = list(dict.fromkeys(name for numbers in of_table for name in numbers.scores))
    if not names:
        raise InputError(f"no training of the study has been scored in {carried_out.folder}")
    first = study.settings.metrics[0]
    values = {
        name: {row.name: _by_seed(name, row, carried_out, measured) for row in study.rows if row.is_shown}
        for name in names
    }
    scores = {name: _scores(of_rows, study) for name, of_rows in values.items()}
    rows = []
    for row in (row for row in study.rows if row.is_shown):
        cells = {name: cell for name, cell in carried_out.cells.items() if cell.row == row}
        trained = [cell for name, cell in cells.items() if name in measured]
        failures = {name: carried_out.failures[name] for name in cells if name in carried_out.failures}
        of_row = {name: scores[name][row.name] for name in names if row.name in scores[name]}
        rows.append(RowResult(row, trained, of_row, _costs(trained, study, measured), failures))
    floors = {name: [one.floors[name] for one in of_table if name in one.floors] for name in names}
    return Results(
        study,
        rows,
        score=next((name for name in names if is_of_metric(name, first)), names[0]),
        score_names=names,
        floors={name: statistics.fmean(of_name) for name, of_name in floors.items() if of_name},
    )


def sentence(result: RowResult, results: Results) -> str:
    """Says in a sentence what the trainings of a row tell.

    Args:
        result: of the row.
        results: of the study.
    """
    row, name = result.row, results.score
    score = result.scores.get(name)
    if score is None:
        failures = f": {next(iter(result.failures.values()))}" if result.failures else ""
        return f"{row.name} has no numbers{failures}."
    if row.baseline == row.name:
        return f"{row.name} is a baseline: {name} {describe_mean(score.mean, score.interval)}, {_seeds(score.by_seed)}."
    if score.comparison is None:
        return f"{row.name} cannot be compared: {row.baseline} has no numbers of the same seeds."
    return f"{row.name} {_describe_comparison(score.comparison, name, row.baseline)}."


def _describe_comparison(comparison: Comparison, name: str, baseline: str) -> str:
    difference, interval = comparison.difference, comparison.interval
    if interval is None:
        return f"differs from {baseline} by {short_number(difference)} in {name}, and one seed tells nothing"
    seeds, p = f"{comparison.seeds} seeds", f"p = {comparison.corrected_p:.2g} after Holm's correction"
    if comparison.is_told_apart:
        is_better = (difference > 0) == is_better_higher(name)
        size = interval if difference > 0 else Interval(-interval.high, -interval.low)
        by = describe_mean(abs(difference), size)
        word, way = "better" if is_better else "worse", "higher" if difference > 0 else "lower"
        return f"is {word} than {baseline}: {name} is {way} by {by}, {p}, {seeds}"
    needed = "more than 1,000" if comparison.needed is None else f"about {comparison.needed:,}"
    return (
        f"is not told apart from {baseline} by {seeds}: {name} differs by {describe_mean(difference, interval)}, {p}; "
        f"{needed} seeds would be needed if they differ as much as it seems"
    )


def describe_mean(mean: float, interval: Interval | None) -> str:
    """Returns a mean with its interval in parentheses, if it has one."""
    if interval is None:
        return short_number(mean)
    return f"{short_number(mean)} ({short_number(interval.low)} to {short_number(interval.high)})"


def _seeds(by_seed: Mapping[int, float]) -> str:
    return f"{len(by_seed)} seed{'' if len(by_seed) == 1 else 's'}"


def _by_seed(name: str, row: Row, carried_out: CarriedOut, measured: Mapping[str, Measured]) -> dict[int, float]:
    cells = [cell for cell in carried_out.cells.values() if cell.row == row and cell.name in measured]
    return {cell.seed: measured[cell.name].scores[name] for cell in cells if name in measured[cell.name].scores}


def _scores(of_rows: Mapping[str, dict[int, float]], study: Study) -> dict[str, Score]:
    """Returns a score of all rows that have it, by their names."""
    paired = study.settings.permutation == "paired"
    pairs = {}
    for row in study.compared_rows:
        common = [seed for seed in of_rows[row.name] if seed in of_rows[row.baseline]]
        if common:
            pairs[row.name] = tuple([of_rows[name][seed] for seed in common] for name in (row.name, row.baseline))
    p_values = {name: permutation_p(*pair, paired=paired) if len(pair[0]) > 1 else 1.0 for name, pair in pairs.items()}
    corrected = holm(p_values)
    comparisons = {
        name: Comparison(
            statistics.fmean(ones) - statistics.fmean(others),
            bootstrap_interval([one - other for one, other in zip(ones, others, strict=True)]),
            p_values[name],
            corrected[name],
            needed_seeds(ones, others, len(pairs), paired=paired),
            len(ones),
        )
        for name, (ones, others) in pairs.items()
    }
    return {
        name: Score(
            values, statistics.fmean(values.values()), bootstrap_interval([*values.values()]), comparisons.get(name)
        )
        for name, values in of_rows.items()
        if values
    }


def _costs(trained: Sequence[Cell], study: Study, measured: Mapping[str, Measured]) -> dict[str, float]:
    of_cells = []
    for cell in trained:
        costs = dict(measured[cell.name].costs)
        if cell.row.sources and (flops := _flops_with_sources(cell, study, measured)) is not None:
            costs[WITH_SOURCES] = flops
        of_cells.append(costs)
    names = dict.fromkeys(name for costs in of_cells for name in costs)
    return {name: statistics.fmean(costs[name] for costs in of_cells if name in costs) for name in names}


def _flops_with_sources(cell: Cell, study: Study, measured: Mapping[str, Measured]) -> float | None:
    own = measured[cell.name].costs.get(TRAINING_FLOPS) if cell.name in measured else None
    sources = {source.name: source for source in (cell.source(study, setting) for setting in cell.row.sources)}
    parts = [own, *(_flops_with_sources(source, study, measured) for source in sources.values())]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
