"""The comparison of runs: the scores of each, the size of its generator and the theoretical cost of its training.

Scores are in one column only if they were measured in the same way: with the same network and weights, preprocessing,
number of images, resolution and training images. Runs that differ only in their seed become one row.
"""

import csv
import io
import statistics
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation

from sle_gan.errors import InputError
from sle_gan.evaluation import is_patch_score
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.report.curves import short_number
from sle_gan.report.page import Picture, picture, plot, render
from sle_gan.report.record import RunRecord, damage_as_input_error, read_record
from sle_gan.report.run_report import score_conditions, training_flops
from sle_gan.run import find_run
from sle_gan.settings.train import FREE_NAMES

Settings = dict[str, Any]
ScoreKey = tuple[Any, ...]  # (name, conditions, network, SHA-256 of its weights, images)

# Runs that differ only in these settings are compared as one configuration. Most settings that may change when a run is
# resumed do not change what is trained; those in `_CHANGE_THE_TRAINING` do.
_CHANGE_THE_TRAINING = {"steps", "data_folder", "generator_weights", "discriminator_weights"}
_NOT_COMPARED = (FREE_NAMES - _CHANGE_THE_TRAINING) | {"seed"}
# Measured by the training's judge whatever network the scores are of: name, part of the row, the number in that part.
_OF_JUDGE = (("diversity ratio", "diversity", "ratio"), ("near copies", "memorization", "near_copies"))
_FIRST_JUDGE = "efficientnet-lite0"  # of rows that were written before they named it
_WIDEST_SHEET_PX = 760
_COSTS = {"live parameters": "live parameters of the generator", "training FLOPs": "FLOPs of training, in theory"}


@dataclass(frozen=True)
class Mean:
    """The mean of a number over several runs.

    Attributes:
        value: the mean.
        spread: the sample standard deviation; None for one run.
        count: number of runs.
    """

    value: float
    spread: float | None
    count: int

    def __str__(self) -> str:
        spread = f" ± {short_number(self.spread)}" if self.spread else ""
        return short_number(self.value) + spread


class Row(NamedTuple):
    """Runs of one configuration.

    Attributes:
        names: names of the runs.
        differs: settings in which they differ from other rows, such as `width 32`; empty if there are none.
        costs: a `Mean` for each of `step`, `live parameters` and `training FLOPs` that is known.
        scores: `Mean`s by column.
        sheet: the step and the file of the first run's newest sheet of samples; None if there is none.
    """

    names: list[str]
    differs: str
    costs: dict[str, Mean]
    scores: dict[str, Mean]
    sheet: tuple[int, Path] | None

    @property
    def label(self) -> str:
        """A short name for the legend of a plot."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} and {len(self.names) - 1} of other seeds"


class Comparison(NamedTuple):
    """A table of runs.

    Attributes:
        rows: the rows.
        columns: titles of all columns of scores, each with all of its conditions.
        headings: the same titles in the same order, without the conditions that all of them have in common.
        conditions: that all columns have in common, such as `63 reals, 500 fakes, 64 px`; empty if there are none.
        has_flattering: whether some of them are of a network that is part of the training's loss; their titles say so.
    """

    rows: list[Row]
    columns: list[str]
    headings: list[str]
    conditions: str
    has_flattering: bool


class _Column(NamedTuple):
    score: str
    conditions: tuple[str, ...]

    def title(self, left_out: Sequence[str] = ()) -> str:
        conditions = ", ".join(condition for condition in self.conditions if condition not in left_out)
        return f"{self.score} ({conditions})" if conditions else self.score


def compare_runs(runs: Iterable[Path | str], output_folder: Path | str = "runs") -> Comparison:
    """Compares runs: what each scored beside what it holds and what it cost in theory. Loads no TensorFlow.

        >>> import sle_gan
        >>> comparison = sle_gan.compare_runs(["00000-fastgan-flowers"])
        >>> [row.label for row in comparison.rows]
        ['00000-fastgan-flowers']

    Args:
        runs: run folders, or their names; each once.
        output_folder: where runs are looked for by name.

    Returns:
        A `Comparison`; `to_csv`, `to_html` and `quality_plot` of this module write it.

    Raises:
        InputError: a `ValueError`: if a run is not there, given twice, or damaged.
    """
    folders = [find_run(str(run), output_folder) for run in runs]
    if len({run.path.resolve() for run in folders}) < len(folders):
        raise InputError("each run must be given once")
    with damage_as_input_error("one of the runs"):
        return compare([read_record(run) for run in folders])


def compare(records: Iterable[RunRecord]) -> Comparison:
    """Compares runs.

    Args:
        records: `sle_gan.report.record.RunRecord`s, one or more.

    Returns:
        A `Comparison`. Of each kind of score, the newest of a run is taken. Its costs are those at its newest score, or
        at its last step if it has no score.
    """
    records = list(records)
    groups: dict[tuple[tuple[str, str], ...], list[RunRecord]] = {}
    for record in records:
        groups.setdefault(_configuration(record.settings.named()), []).append(record)
    columns = _columns({key: record for record in records for key in _newest(record)})
    settings = [group[0].settings.named() for group in groups.values()]
    rows = [
        Row(
            names=[record.run.name for record in group],
            differs=_differences(group[0].settings.named(), settings),
            costs=_means([_costs(record) for record in group]),
            scores=_means(
                [{columns[key].title(): value for key, value in _newest(record).items()} for record in group]
            ),
            sheet=group[0].sheets[-1] if group[0].sheets else None,
        )
        for group in groups.values()
    ]
    has_flattering = any(row["party"] for record in records for row in record.scores)
    conditions = _common([column.conditions for column in columns.values()])
    return Comparison(
        rows,
        columns=[column.title() for column in columns.values()],
        headings=[column.title(left_out=conditions) for column in columns.values()],
        conditions=", ".join(conditions),
        has_flattering=has_flattering,
    )


def text_cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table, as text for people.

    What all scores have in common stands in `Comparison.conditions`, not in the header.
    """
    costs = [name for name in ("step", *_COSTS) if any(name in row.costs for row in comparison.rows)]
    has_differences = any(row.differs for row in comparison.rows)
    head = ["run", *(["differs in"] if has_differences else []), *costs, *comparison.headings]
    lines = [
        [
            ", ".join(row.names),
            *([row.differs] if has_differences else []),
            *(str(row.costs.get(name, "")) for name in costs),
            *(str(row.scores.get(column, "")) for column in comparison.columns),
        ]
        for row in comparison.rows
    ]
    return head, lines


def to_csv(comparison: Comparison) -> str:
    """Returns the table as CSV: for each number a column for its mean, its spread and its number of runs."""
    numbers = ["step", *_COSTS, *comparison.columns]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["runs", "differs in", *(f"{name}{part}" for name in numbers for part in ("", " spread", " runs"))])
    for row in comparison.rows:
        means = row.costs | row.scores
        cells = [_csv_cells(means[name]) if name in means else [""] * 3 for name in numbers]
        texts = [_printable(text) for text in ("; ".join(row.names), row.differs)]
        writer.writerow([*texts, *(cell for of_mean in cells for cell in of_mean)])
    return lines.getvalue()


def to_html(comparison: Comparison) -> bytes:
    """Returns a self-contained HTML page, as bytes: the table, the newest sheets, and the plot, if there is one."""
    label = "Scores against live parameters and theoretical FLOPs"
    head, lines = text_cells(comparison)
    return render(
        "comparison.html",
        count=sum(len(row.names) for row in comparison.rows),
        conditions=comparison.conditions,
        head=head,
        lines=lines,
        flattering=FLATTERING if comparison.has_flattering else None,
        sheets=[_sheet(row.names[0], *row.sheet) for row in comparison.rows if row.sheet is not None],
        plot=plot(lambda: quality_plot(comparison), label, f"{label}; the numbers stand in the table"),
    ).encode()


def _sheet(name: str, step: int, file: Path) -> Picture:
    return picture(file, f"{name}, step {step:,}", f"Samples of {name}", widest_px=_WIDEST_SHEET_PX)


def quality_plot(comparison: Comparison) -> bytes | None:
    """Plots each score against the parameters and the cost of the runs.

    Args:
        comparison: a `Comparison`.

    Returns:
        The bytes of a PNG: a row of axes for each column of scores, with a point for each row of the table; or None
        if no run has both a score and a cost.
    """
    columns = [
        column for column in comparison.columns if any(column in row.scores and row.costs for row in comparison.rows)
    ]
    costs = [name for name in _COSTS if any(name in row.costs and row.scores for row in comparison.rows)]
    if not columns or not costs:
        return None
    size = (5.5 * len(costs), 3.4 * len(columns) + 0.3 * len(comparison.rows))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(columns), len(costs), squeeze=False)
    for axes_of_score, column in zip(grid, columns, strict=True):
        for axes, cost in zip(axes_of_score, costs, strict=True):
            for index, row in enumerate(comparison.rows):
                if column in row.scores and cost in row.costs:
                    _point(axes, row.costs[cost], row.scores[column], index, plain_text(row.label))
            axes.set_title(plain_text(column), fontsize=8)
            axes.set(xlabel=_COSTS[cost], xscale="log")
            axes.xaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(0.7, 0.3)))  # or labels overlap
            axes.grid(alpha=0.3, which="both")
    handles: dict[str, Any] = {}
    for axes in grid.flat:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", fontsize=8)
    encoded = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from font"
        )  # a name in a script that the font does not have
        figure.savefig(encoded, format="png")
    return encoded.getvalue()


def plain_text(text: str) -> str:
    """Returns text as Matplotlib shows it letter by letter."""
    return _printable(text).replace("$", r"\$")  # Matplotlib reads text between dollars as a formula


def _csv_cells(mean: Mean) -> list[float | str]:
    return [mean.value, "" if mean.spread is None else mean.spread, mean.count]


def _configuration(settings: Settings) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in settings.items() if name not in _NOT_COMPARED))


def _differences(settings: Settings, all_settings: Sequence[Settings]) -> str:
    names = sorted({name for each in all_settings for name in each} - _NOT_COMPARED)
    differing = [name for name in names if len({repr(each[name]) for each in all_settings if name in each}) > 1]
    return ", ".join(f"{name} {settings[name]}" for name in differing if settings.get(name) is not None)


def _newest(record: RunRecord) -> dict[ScoreKey, float]:
    """Returns the newest value of each score. Its key is all that two scores must have in common to be compared."""
    newest: dict[ScoreKey, float] = {}
    for row in record.scores:
        of_network = (score_conditions(row), row.get("network"), row.get("weights_sha256"))
        of_judge, images = score_conditions(row, of_network=False), _image_identity(record)
        scores: dict[ScoreKey, float | None] = {}
        for name, score in row.get("scores", {}).items():
            key = (name, of_judge, None, None, images) if is_patch_score(name) else (name, *of_network, images)
            scores[key] = score.get("value")
        for name, part, number in _OF_JUDGE:
            judged = row.get(part, {})
            scores[name, of_judge, judged.get("network", _FIRST_JUDGE), None, images] = judged.get(number)
        newest |= {key: value for key, value in scores.items() if value is not None}
    return newest


def _image_identity(record: RunRecord) -> tuple[Any, ...]:
    """Identifies the training images: by their SHA-256, or, if each seed draws others, by what they are drawn from."""
    settings = record.settings.images
    shares = (settings.data_ratio, settings.held_out)
    if shares != (1.0, 0.0) or record.images is None:
        return (settings.data_folder, *shares)
    return tuple(image.sha256 for image in record.images.images)


def _columns(measured: Mapping[ScoreKey, RunRecord]) -> dict[ScoreKey, _Column]:
    """Names the columns, with more conditions where two would have the same title.

    Args:
        measured: for each key of `_newest`, a record that has this score.
    """
    columns: dict[ScoreKey, _Column] = {}
    alike: Counter[_Column] = Counter()
    for key, record in measured.items():
        name, conditions, network, weights, _ = key
        column = _Column(name, conditions)
        if any(other != key and other[:2] == key[:2] for other in measured):
            by = [f"{network} {str(weights or '')[:8]}".rstrip()] if network else []
            folder_name = record.settings.images.data_folder.rpartition("/")[2]
            column = _Column(name, (*conditions, *by, f"images of {folder_name}"))
            alike[column] += 1
            if alike[column] > 1:  # other images in a folder of the same name
                column = _Column(name, (*column.conditions, f"[{alike[column]}]"))
        columns[key] = column
    return columns


def _common(of_columns: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the conditions that all columns have, in the order of the first."""
    first = of_columns[0] if of_columns else ()
    return tuple(condition for condition in first if all(condition in each for each in of_columns))


def _costs(record: RunRecord) -> dict[str, float]:
    step = record.scores[-1]["step"] if record.scores else record.step
    until = record._replace(losses=[row for row in record.losses if row["step"] <= step])
    last = until.losses[-1] if until.losses else {}
    parameters = last.get("live_parameters", record.networks.get("generator", {}).get("parameters"))
    flops, _ = training_flops(until)
    costs: dict[str, float | None] = {"step": step, "live parameters": parameters, "training FLOPs": flops}
    return {name: value for name, value in costs.items() if value is not None}


def _means(of_runs: Sequence[Mapping[str, float]]) -> dict[str, Mean]:
    """Returns the `Mean` of each number that at least one of the runs has."""
    means = {}
    for name in dict.fromkeys(name for of_run in of_runs for name in of_run):
        values = [of_run[name] for of_run in of_runs if name in of_run]
        means[name] = Mean(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
    return means


def _point(axes: Axes, cost: Mean, score: Mean, index: int, label: str) -> None:
    markers = "osD^vP*X"
    axes.errorbar(
        cost.value,
        score.value,
        xerr=cost.spread,
        yerr=score.spread,
        fmt=markers[index % len(markers)],
        capsize=3,
        color=f"C{index % 10}",
        label=label,
    )


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
