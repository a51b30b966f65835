"""The comparison of runs: what each scored beside what it holds and what it cost in theory.

Scores stand in one column only if they were measured alike: the same network and weights, preprocessing, number of
images, resolution and training images. Runs that differ in their seed alone become one row.
"""

import csv
import io
import statistics
import warnings
from typing import NamedTuple

import matplotlib.figure

from sle_gan.evaluation import PATCH_SCORE
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.report.curves import short_number
from sle_gan.report.page import element, page, picture, table
from sle_gan.report.run_report import score_kind, training_flops
from sle_gan.run import FREE_SETTINGS

# Settings that do not change what is trained. Of those that may change on the way, these do.
_TOLD_APART = {"steps", "data_folder", "generator_weights", "discriminator_weights"}
_NOT_TOLD_APART = (FREE_SETTINGS - _TOLD_APART) | {"seed"}
# What the judge of a training says beside the scores: name, part of the row, and the number in it.
_BY_JUDGE = (("diversity ratio", "diversity", "ratio"), ("near copies", "memorization", "near_copies"))
_FIRST_JUDGE = "efficientnet-lite0"  # of rows that do not name it
_COSTS = {"live parameters": "live parameters of the generator", "training FLOPs": "FLOPs of training, in theory"}


class Mean(NamedTuple):
    """A number of several runs.

    Attributes:
        value: the mean.
        spread: the sample standard deviation; None for one run.
        count: number of runs.
    """

    value: float
    spread: float | None
    count: int

    def __str__(self):
        spread = f" ± {short_number(self.spread)}" if self.spread else ""
        return short_number(self.value) + spread


class Row(NamedTuple):
    """Runs of one configuration.

    Attributes:
        names: of the runs.
        differs: settings in which it differs from other rows, such as `width 32`; empty if in none.
        costs: `Mean`s by name: `step`, `live parameters`, `training FLOPs`; what is not known is not there.
        scores: `Mean`s by column.
    """

    names: list
    differs: str
    costs: dict
    scores: dict

    @property
    def label(self):
        """The names in few words."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} and {len(self.names) - 1} of other seeds"


class Comparison(NamedTuple):
    """Rows, and the columns of scores that they have among them.

    Attributes:
        rows: a list of `Row`.
        columns: what each column of scores is called.
        has_flattering: whether a network of some is part of the loss of their trainings; their names say so.
    """

    rows: list
    columns: list
    has_flattering: bool


def compare(records):
    """Compares runs.

    Args:
        records: `sle_gan.report.record.RunRecord`s, one or more.

    Returns:
        A `Comparison`. Of each kind of score a run's newest counts; its costs are those of its newest score, or of
        its last step if it has none.
    """
    groups = {}
    for record in records:
        groups.setdefault(_configuration(record.settings), []).append(record)
    titles = _titles({key: record for record in records for key in _newest(record)})
    settings = [group[0].settings for group in groups.values()]
    rows = [
        Row(
            names=[record.run.name for record in group],
            differs=_differences(group[0].settings, settings),
            costs=_means([_costs(record) for record in group]),
            scores=_means([{titles[key]: value for key, value in _newest(record).items()} for record in group]),
        )
        for group in groups.values()
    ]
    has_flattering = any(row["party"] for record in records for row in record.scores)
    return Comparison(rows, list(titles.values()), has_flattering)


def text_cells(comparison):
    """Returns the head and the rows of the table for people, as text."""
    costs = [name for name in ("step", *_COSTS) if any(name in row.costs for row in comparison.rows)]
    has_differences = any(row.differs for row in comparison.rows)
    head = ["run", *(["differs in"] if has_differences else []), *costs, *comparison.columns]
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


def to_csv(comparison):
    """Returns the table as CSV: each number, its spread over runs, and how many these are, in columns of their own."""
    numbers = ["step", *_COSTS, *comparison.columns]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["runs", "differs in", *(f"{name}{part}" for name in numbers for part in ("", " spread", " runs"))])
    for row in comparison.rows:
        cells = [(row.costs | row.scores).get(name, ("", "", "")) for name in numbers]
        told = ["" if value is None else value for cell in cells for value in cell]
        writer.writerow([_printable(text) for text in ("; ".join(row.names), row.differs)] + told)
    return lines.getvalue()


def to_html(comparison):
    """Returns the table and the plot, if there is one, as one page that needs nothing but itself: bytes."""
    parts = [element("h1", "Comparison of runs"), table(*text_cells(comparison))]
    notes = (
        "Numbers of several runs are means and standard deviations over their seeds. Scores stand in one column only "
        "if they were measured alike. FLOPs are counted from shapes and live weights and say nothing of time."
    )
    if comparison.has_flattering:
        notes += f" {FLATTERING[0].upper()}{FLATTERING[1:]}."
    parts.append(element("p", notes, class_="soft"))
    plot = quality_plot(comparison)
    if plot is not None:
        parts.append(picture(io.BytesIO(plot), "Scores against live parameters and theoretical FLOPs", widest_px=2000))
    return page("Comparison of runs", *parts)


def quality_plot(comparison):
    """Draws each score against what the runs hold and cost.

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
    figure = matplotlib.figure.Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(columns), len(costs), squeeze=False)
    for axes_of_score, column in zip(grid, columns, strict=True):
        for axes, cost in zip(axes_of_score, costs, strict=True):
            for index, row in enumerate(comparison.rows):
                if column in row.scores and cost in row.costs:
                    _point(axes, row.costs[cost], row.scores[column], index, _plain(row.label))
            axes.set_title(_plain(column), fontsize=8)
            axes.set(xlabel=_COSTS[cost], xscale="log")
            axes.grid(alpha=0.3, which="both")
    named = {}
    for axes in grid.flat:
        named |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(named.values(), named.keys(), loc="outside lower center", fontsize=8)
    encoded = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in a script that the font has not
        figure.savefig(encoded, format="png")
    return encoded.getvalue()


def _configuration(settings):
    return tuple(sorted((name, repr(value)) for name, value in settings.items() if name not in _NOT_TOLD_APART))


def _differences(settings, all_settings):
    names = sorted({name for each in all_settings for name in each} - _NOT_TOLD_APART)
    differing = [name for name in names if len({repr(each.get(name)) for each in all_settings}) > 1]
    return ", ".join(f"{name} {settings[name]}" for name in differing if settings.get(name) is not None)


def _newest(record):
    """Returns the newest value of each score by all that two of them must have in common to be compared."""
    newest = {}
    for row in record.scores:
        scores = {}
        for name, score in row.get("scores", {}).items():
            measured = (score_kind(row), row.get("network"), row.get("weights_sha256"))
            if name.startswith(PATCH_SCORE):
                measured = (score_kind(row, of_network=False), None, None)
            scores[(name, *measured, _images_of(record))] = score.get("value")
        for name, part, value in _BY_JUDGE:
            of_judge = row.get(part, {})
            measured = (score_kind(row, of_network=False), of_judge.get("network", _FIRST_JUDGE), None)
            scores[(name, *measured, _images_of(record))] = of_judge.get(value)
        newest |= {key: value for key, value in scores.items() if value is not None}
    return newest


def _images_of(record):
    """Names the training images: by their bytes, or, where each seed draws its own, by where they are drawn from."""
    settings = record.settings
    shares = (settings.get("data_ratio", 1.0), settings.get("held_out", 0.0))
    if shares != (1.0, 0.0) or record.images is None:
        return (settings.get("data_folder"), *shares)
    return tuple(image.sha256 for image in record.images.images)


def _titles(measured):
    """Names the columns, telling more where less would name two of them alike.

    Args:
        measured: a record that has it, by each key of `_newest`.
    """
    titles = {}
    for key, record in measured.items():
        name, kind, network, weights, _ = key
        short = f"{name} ({kind})" if kind else name
        data = str(record.settings.get("data_folder", "")).rpartition("/")[2]
        by = [f"{network} {str(weights or '')[:8]}".rstrip()] if network else []
        fuller = ", ".join([short, *by, f"images of {data}"])
        is_ambiguous = any(other != key and other[:2] == key[:2] for other in measured)
        title = fuller if is_ambiguous else short
        same = sum(other.startswith(title) for other in titles.values())
        titles[key] = f"{title} [{same + 1}]" if same else title
    return titles


def _costs(record):
    step = record.scores[-1]["step"] if record.scores else record.step
    until = record._replace(losses=[row for row in record.losses if row["step"] <= step])
    last = until.losses[-1] if until.losses else {}
    parameters = last.get("live_parameters", record.networks.get("generator", {}).get("parameters"))
    flops, _ = training_flops(until)
    costs = {"step": step, "live parameters": parameters, "training FLOPs": flops}
    return {name: value for name, value in costs.items() if value is not None}


def _means(of_runs):
    """Returns the `Mean` of each number that at least one of the runs has."""
    means = {}
    for name in dict.fromkeys(name for of_run in of_runs for name in of_run):
        values = [of_run[name] for of_run in of_runs if name in of_run]
        means[name] = Mean(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
    return means


def _point(axes, cost, score, index, label):
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


def _plain(text):
    return _printable(text).replace("$", r"\$")  # or Matplotlib reads formulas


def _printable(text):
    return text.encode("utf-8", "replace").decode()
