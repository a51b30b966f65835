"""Reads what a run has written, for reports: rows by kind, sheets of samples, times."""

import contextlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.folder import FolderScan
from sle_gan.data.manifest import images_in, read_manifest
from sle_gan.errors import InputError, SleGanError
from sle_gan.evaluation.judges import is_party
from sle_gan.json_files import read_json
from sle_gan.run import RunFolder, read_rows
from sle_gan.run_config import RunConfig
from sle_gan.settings import TrainSettings

Row = dict[str, Any]  # of `metrics.jsonl` and its neighbors

_SHEET = re.compile(r"step-(\d+)\.png")


class RunRecord(NamedTuple):
    """A run as read from its folder; what the folder does not hold is empty.

    Attributes:
        run: the `RunFolder`.
        config: its settings, the versions that wrote it, and the command.
        images: a `FolderScan` of the images that it trains on, or None.
        held_out: paths of the images that it does not train on.
        losses: rows of losses, in order of their steps.
        scores: rows of scores, in order of their steps; each says in `party` whether its network is part of
            the training's loss.
        health: rows of verdicts, in order of their steps.
        densities: rows of the densities of each layer, in order of their steps.
        architecture: of a search, rows of how much each operation counts, in order of their steps.
        timings: rows of the pace, in the order in which they were written.
        networks: parameters and theoretical costs of the dense networks, or an empty dictionary.
        sheets: (step, path) of the sheets of samples, in order of their steps.
    """

    run: RunFolder
    config: RunConfig
    images: FolderScan | None
    held_out: tuple[str, ...]
    losses: list[Row]
    scores: list[Row]
    health: list[Row]
    densities: list[Row]
    architecture: list[Row]
    timings: list[Row]
    networks: dict[str, Any]
    sheets: list[tuple[int, Path]]

    @property
    def settings(self) -> TrainSettings:
        """The settings of the run; one that an older version took further than it began with is as long as it is."""
        settings = self.config.settings
        steps = max(settings.optimization.steps, self.step)
        return replace(settings, optimization=replace(settings.optimization, steps=steps))

    @property
    def step(self) -> int:
        """The last step that anything was written at, a checkpoint included."""
        steps: list[int] = [rows[-1]["step"] for rows in (self.losses, self.scores, self.timings) if rows]
        steps.append(self.run.latest_step() or 0)
        return max(steps + [step for step, _ in self.sheets[-1:]])

    @property
    def metrics(self) -> list[Row]:
        """The rows of losses, scores and verdicts together, in order of their steps."""
        return sorted(self.losses + self.scores + self.health, key=lambda row: row["step"])


def read_record(run: RunFolder) -> RunRecord:
    """Reads a run folder.

    Args:
        run: a `RunFolder` that exists.

    Returns:
        A `RunRecord`.

    Raises:
        InputError: if a file of the run is damaged.
    """
    by_event: dict[str | None, list[Row]] = {None: [], "scores": [], "health": []}
    for row in sorted(read_rows(run.metrics_file), key=lambda row: row["step"]):
        by_event.setdefault(row.get("event"), []).append(row)
    config = run.config()
    images, held_out = _images(run)
    return RunRecord(
        run=run,
        config=config,
        images=images,
        held_out=held_out,
        losses=by_event[None],
        scores=[{"party": is_party(row.get("network"), config.settings)} | row for row in by_event["scores"]],
        health=by_event["health"],
        densities=sorted(read_rows(run.densities_file), key=lambda row: row["step"]),
        architecture=sorted(read_rows(run.architecture_file), key=lambda row: row["step"]),
        timings=read_rows(run.timings_file),
        networks=_networks(run.networks_file),
        sheets=sheets_of(run.samples),
    )


@contextlib.contextmanager
def damage_as_input_error(what: object) -> Iterator[None]:
    """Turns errors about the content of a run's files into one `InputError`, which says that a file is damaged.

    A run may come from someone else, and the content of its rows is checked only where it is used.

    Args:
        what: name of the run or runs, for the message.

    Raises:
        InputError: if a value is missing, or no number where one is needed.
    """
    try:
        yield
    except SleGanError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"a file of {what} is damaged or of another version ({reason}); --debug shows where"
        ) from error


def metric_arrays(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Turns rows into columns.

    Args:
        rows: such as `RunRecord.losses`: numbers by name, each row with a whole `step`.

    Returns:
        A dictionary of `step`, int64 `[rows]`, and of every other name in the order in which they come up, float64
        `[rows]`; NaN where a row has no number of that name.

    Raises:
        TypeError: if a value is no number.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    names.pop("step", None)

    def number(value: Any) -> float:
        return math.nan if value is None else float(value)

    columns = {name: np.array([number(row.get(name)) for row in rows], np.float64) for name in names}
    return {"step": np.array([row["step"] for row in rows], np.int64)} | columns


def training_seconds(timings: Sequence[Row], log_frequency: int) -> float:
    """Adds up the time of all training steps, including those that were repeated after a kill.

    Args:
        timings: rows of `timings.jsonl`.
        log_frequency: steps between rows.

    Returns:
        Seconds, without those for loading and for the first step after each start.
    """
    seconds, before = 0.0, 0
    for row in timings:
        steps = row["step"] - before if row["step"] > before else log_frequency
        seconds += row["seconds_per_step"] * min(steps, log_frequency)
        before = row["step"]
    return seconds


def _images(run: RunFolder) -> tuple[FolderScan | None, tuple[str, ...]]:
    if not run.manifest_file.exists():
        return None, ()
    content = read_manifest(run.manifest_file)
    images = images_in(content, run.manifest_file)
    try:
        skipped = tuple((path, reason) for path, reason in content.get("skipped", ()))
    except (TypeError, ValueError):
        raise InputError(f"{run.manifest_file} is damaged or of another version") from None
    scan = FolderScan(Path(), images, skipped, content.get("ignored", 0))
    return (scan if images else None), tuple(image["path"] for image in content.get("held_out", ()))


def _networks(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file)
    except FileNotFoundError:
        return {}
    except InputError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("not_counted", []), list):
        raise InputError(f"{file} is damaged; delete it")
    return content


def sheets_of(folder: Path) -> list[tuple[int, Path]]:
    """Returns (step, path) of the sheets in a folder of samples, in the order of their steps."""
    # A run folder may come from someone else: a link would put another file into the report.
    files = [path for path in folder.glob("*.png") if path.is_file() and not path.is_symlink()]
    sheets = [(match, path) for path in files if (match := _SHEET.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in sheets)
