"""What a study writes: a table for people, for other programs and for the web, a plot, and all numbers."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sle_gan.json_files import replaced
from sle_gan.marks import SOFTWARE
from sle_gan.report.comparison import plain_text
from sle_gan.report.curves import short_number
from sle_gan.report.page import Picture, picture, plot, render
from sle_gan.report.record import sheets_of
from sle_gan.study.carry_out import CarriedOut
from sle_gan.study.cell import LIVE_PARAMETERS, MINUTES, PICTURE_FLOPS, TRAINING_FLOPS, WEIGHTS_BYTES
from sle_gan.study.results import WITH_SOURCES, Results, RowResult, Score, describe_mean, sentence
from sle_gan.study.statistics import LEVEL

TABLE, ALL_NUMBERS, MARKDOWN, PLOT, PAGE = "table.csv", "trainings.csv", "table.md", "plot.png", "study.html"
_WIDEST_SHEET_PX = 480
_NOTE = (
    f"Means over seeds, with bootstrap intervals of {LEVEL:.0%} in parentheses. A difference is that of a row to its "
    "baseline, its interval that of the differences within a seed, and p is by permutation, corrected over the rows "
    "after Holm. FLOPs are counted from shapes and live weights and say nothing of time."
)
_MEASURES = (
    "mean",
    "low",
    "high",
    "difference",
    "difference low",
    "difference high",
    "p",
    "corrected p",
    "needed seeds",
)
_Cells = tuple[list[str], list[list[str]]]


def write_results(carried_out: CarriedOut, results: Results) -> list[Path]:
    """Writes the tables, the plot and the page into the folder of a study, each whole or not at all.

    Args:
        carried_out: the study in its folder.
        results: of the study.

    Returns:
        The files.

    Raises:
        OSError: if they cannot be written.
    """
    contents = {
        TABLE: table_csv(results).encode(),
        ALL_NUMBERS: trainings_csv(carried_out, results).encode(),
        MARKDOWN: to_markdown(*table_cells(results)).encode(),
        PLOT: _plot_file(results),
        PAGE: results_page(results),
    }
    files = [carried_out.folder / name for name in contents]
    for file, content in zip(files, contents.values(), strict=True):
        with replaced(file) as temporary:
            temporary.write_bytes(content)
    return files


def table_cells(results: Results) -> _Cells:
    """Makes the table for people.

    Args:
        results: of a study.

    Returns:
        The header, and a line of cells for each row of the study.
    """
    by_name = {one.row.name: one for one in results.rows}
    has_sources = any(WITH_SOURCES in one.costs for one in results.rows)
    head = ["row", "seeds", results.score, "difference", "p", *(["p, Holm"] if len(by_name) > 2 else [])]
    head += [LIVE_PARAMETERS, "training FLOPs / baseline", *(["with the rows it needs"] if has_sources else [])]
    head += ["minutes", "FLOPs of a picture, M", "weights, MB gzipped"]
    lines = []
    for one in results.rows:
        score, base = one.scores.get(results.score), by_name[one.row.baseline].costs.get(TRAINING_FLOPS)
        lines.append([one.row.name, *_score_cells(score, is_corrected=len(by_name) > 2)])
        lines[-1] += [_number(one, LIVE_PARAMETERS, 1, ",.0f"), _number(one, TRAINING_FLOPS, base, ".2f")]
        lines[-1] += [_number(one, WITH_SOURCES, base, ".2f")] if has_sources else []
        lines[-1] += [_number(one, MINUTES, 1, ".1f"), _number(one, PICTURE_FLOPS, 1e6, ".0f")]
        lines[-1] += [_number(one, WEIGHTS_BYTES, 1e6, ".2f")]
    return head, lines


def _score_cells(score: Score | None, *, is_corrected: bool) -> list[str]:
    if score is None:
        return ["0", "", "", "", *([""] if is_corrected else [])]
    cells = [str(len(score.by_seed)), describe_mean(score.mean, score.interval)]
    one = score.comparison
    if one is None:
        return [*cells, "", "", *([""] if is_corrected else [])]
    cells += [describe_mean(one.difference, one.interval), f"{one.p:.2g}"]
    return [*cells, *([f"{one.corrected_p:.2g}"] if is_corrected else [])]


def _number(result: RowResult, name: str, unit: float | None, how: str) -> str:
    return format(result.costs[name] / unit, how) if unit and name in result.costs else ""


def to_markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Returns a table of cells as Markdown."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *lines))


def table_csv(results: Results) -> str:
    """Returns all means and comparisons as CSV: a line for each row and score; what there is not is empty."""
    lines = [["row", "baseline", "score", "seeds", *_MEASURES]]
    for one in results.rows:
        for name, score in one.scores.items():
            numbers: list[float | None] = [score.mean, *(score.interval or (None, None))]
            compared = score.comparison
            if compared is not None:
                numbers += [compared.difference, *(compared.interval or (None, None))]
                numbers += [compared.p, compared.corrected_p, compared.needed]
            numbers += [None] * (len(_MEASURES) - len(numbers))
            lines.append([one.row.name, one.row.baseline, name, str(len(score.by_seed)), *map(_text, numbers)])
    return _csv(lines)


def trainings_csv(carried_out: CarriedOut, results: Results) -> str:
    """Returns the numbers of each training as CSV: its scores and costs."""
    rows = [
        (cell, measured)
        for one in results.rows
        for cell in one.trained
        if (measured := carried_out.measured(cell)) is not None
    ]
    costs = list(dict.fromkeys(name for _, measured in rows for name in measured.costs))
    lines = [["row", "seed", "run", "step", *results.score_names, *costs]]
    for cell, measured in rows:
        numbers = [measured.scores.get(name) for name in results.score_names] + [
            measured.costs.get(name) for name in costs
        ]
        lines.append([cell.row.name, str(cell.seed), cell.name, str(measured.step), *map(_text, numbers)])
    return _csv(lines)


def _text(number: float | None) -> str:
    return "" if number is None else repr(number)


def _csv(lines: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(lines)
    return written.getvalue()


def results_page(results: Results) -> bytes:
    """Returns a self-contained page of HTML: sentences, tables, the plot, and a sheet of each row.

    Args:
        results: of a study.
    """
    settings = results.study.settings
    against = f"the images of {settings.reference_folder}" if settings.reference_folder else "the training images"
    label = "Each training and the mean of each row, with its interval"
    return render(
        "study.html",
        name=results.study.name,
        how=f"{len(settings.seeds)} seeds, {settings.number_of_images:,} pictures of each training, scored against "
        f"{against}; p by {settings.permutation} permutation.",
        sentences=[sentence(one, results) for one in results.rows],
        failures=[f"{name}: {why}" for one in results.rows for name, why in one.failures.items()],
        rows=table_cells(results),
        note=_NOTE,
        plot=plot(lambda: _plot_file(results), label, f"{label}; the numbers stand in the table"),
        sheets=list(_sheets(results.rows)),
        all_scores=_all_scores(results),
    ).encode()


def _sheets(rows: Iterable[RowResult]) -> Iterator[Picture]:
    for one in rows:
        for cell in one.trained[:1]:
            for step, sheet in sheets_of(cell.run.samples)[-1:]:
                label = f"{one.row.name}: seed {cell.seed}, step {step:,}"
                yield picture(sheet, label, f"Samples of {one.row.name}", widest_px=_WIDEST_SHEET_PX)


def _all_scores(results: Results) -> _Cells:
    lines = [
        [name, one.row.name, *_score_cells(one.scores.get(name), is_corrected=True), _floor(results, name)]
        for name in results.score_names
        for one in results.rows
    ]
    return ["score", "row", "seeds", "mean", "difference", "p", "p, Holm", "halves of the images"], lines


def _floor(results: Results, name: str) -> str:
    return short_number(results.floors[name]) if name in results.floors else ""


def _plot_file(results: Results) -> bytes:
    encoded = io.BytesIO()
    results_plot(results).savefig(encoded, format="png", metadata={"Software": SOFTWARE})
    return encoded.getvalue()


def results_plot(results: Results) -> Figure:
    """Plots the score of each training and the mean of each row: by rows, and against what a row costs.

    Args:
        results: of a study.

    Returns:
        A Matplotlib figure.
    """
    costs = [
        (name, label)
        for name, label in (
            (LIVE_PARAMETERS, "live parameters of the generator"),
            (TRAINING_FLOPS, "training FLOPs, in theory"),
        )
        if len({one.costs[name] for one in results.rows if name in one.costs}) > 1
    ]
    height = 1.6 + 0.45 * len(results.rows)
    figure = Figure(figsize=(6 + 5 * len(costs), max(height, 4.5 if costs else 0)), dpi=100, layout="constrained")
    of_rows, *of_costs = figure.subplots(1, 1 + len(costs), squeeze=False)[0]
    _plot_rows(of_rows, results)
    for axes, (name, label) in zip(of_costs, costs, strict=True):
        for index, one in enumerate(results.rows):
            if name in one.costs and results.score in one.scores:
                score = one.scores[results.score]
                axes.errorbar(
                    one.costs[name], score.mean, yerr=_arms(score), fmt="o", capsize=3, color=f"C{index % 10}"
                )
        axes.set(xlabel=label, ylabel=results.score)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    return figure


def _plot_rows(axes: Axes, results: Results) -> None:
    for index, one in enumerate(results.rows):
        if results.score in one.scores:
            score = one.scores[results.score]
            color, arms = f"C{index % 10}", _arms(score)
            axes.errorbar(score.mean, index, xerr=arms, fmt="D", capsize=4, color=color)
            axes.plot([*score.by_seed.values()], [index + 0.22] * len(score.by_seed), ".", color=color, alpha=0.7)
    if results.score in results.floors:
        axes.axvline(results.floors[results.score], color="grey", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(results.rows)), [plain_text(one.row.name) for one in results.rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{results.score}\n(dots: seeds; dotted: between halves of the images)", fontsize=9)
    axes.grid(alpha=0.3, axis="x")


def _arms(score: Score) -> list[list[float]] | None:
    if score.interval is None or math.isnan(score.mean):
        return None
    return [[score.mean - score.interval.low], [score.interval.high - score.mean]]
