"""What a run has left behind, read for people: rows by kind, sheets of samples, time."""

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

from sle_gan.data.folder import FolderScan, ImageFile, read_manifest
from sle_gan.errors import InputError, SleGanError
from sle_gan.evaluation.judges import is_party
from sle_gan.json_files import read_json
from sle_gan.run import RunFolder, read_rows

_SHEET = re.compile(r"step-(\d+)\.png")


class RunRecord(NamedTuple):
    """A run as its folder tells it; what the folder does not hold is empty.

    Attributes:
        run: the `RunFolder`.
        config: `settings`, `versions` and `command`.
        images: a `FolderScan` of the images that it trains on, or None.
        held_out: paths of the images that it does not train on.
        losses: rows of losses, in order of their steps.
        scores: rows of scores, in order of their steps; all say whether their network is a party.
        health: rows of verdicts, in order of their steps.
        densities: rows of the densities of each layer, in order of their steps.
        timings: rows of the pace, in the order in which they were written.
        networks: parameters and theoretical costs of the dense networks, or an empty dictionary.
        sheets: (step, path) of the sheets of samples, in order of their steps.
    """

    run: RunFolder
    config: dict
    images: FolderScan | None
    held_out: tuple
    losses: list
    scores: list
    health: list
    densities: list
    timings: list
    networks: dict
    sheets: list

    @property
    def settings(self):
        """The resolved settings."""
        return self.config["settings"]

    @property
    def step(self):
        """The last step that anything was written of."""
        rows = [rows[-1]["step"] for rows in (self.losses, self.scores, self.timings) if rows]
        return max(rows + [step for step, _ in self.sheets[-1:]], default=0)

    @property
    def metrics(self):
        """The rows of losses, scores and verdicts together, in order of their steps."""
        return sorted(self.losses + self.scores + self.health, key=lambda row: row["step"])


def read_record(run):
    """Reads a run folder.

    Args:
        run: a `RunFolder` that exists.

    Returns:
        A `RunRecord`.

    Raises:
        InputError: if a file of the run is damaged.
    """
    by_event = {None: [], "scores": [], "health": []}
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
        scores=[{"party": is_party(row.get("network"), config["settings"])} | row for row in by_event["scores"]],
        health=by_event["health"],
        densities=sorted(read_rows(run.densities_file), key=lambda row: row["step"]),
        timings=read_rows(run.timings_file),
        networks=_networks(run.networks_file),
        sheets=_sheets(run.samples),
    )


@contextlib.contextmanager
def damage_told(what):
    """Says of what is made of a run that its files are damaged, where they hold something else than training writes.

    A run may come from elsewhere, and what its rows hold is looked at where it is used.

    Args:
        what: names the run or runs.

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


def seconds_of_training(timings, log_frequency):
    """Adds up the time of training's steps, those that were done again after a kill included.

    Args:
        timings: rows of `timings.jsonl`.
        log_frequency: steps between rows.

    Returns:
        Seconds; loading, and the first step of each start, are not in them.
    """
    seconds, before = 0.0, 0
    for row in timings:
        steps = row["step"] - before if row["step"] > before else log_frequency
        seconds += row["seconds_per_step"] * min(steps, log_frequency)
        before = row["step"]
    return seconds


def _images(run):
    if not run.manifest_file.exists():
        return None, ()
    content = read_manifest(run.manifest_file)
    try:
        images = tuple(ImageFile(**image) for image in content["images"])
        skipped = tuple((path, reason) for path, reason in content.get("skipped", ()))
    except (TypeError, ValueError):
        raise InputError(f"{run.manifest_file} is damaged or of another version") from None
    scan = FolderScan(Path(), images, skipped, content.get("ignored", 0))
    return (scan if images else None), tuple(image["path"] for image in content.get("held_out", ()))


def _networks(file):
    try:
        content = read_json(file)
    except FileNotFoundError:
        return {}
    except InputError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{file} is damaged; delete it")
    return content


def _sheets(folder):
    # A run folder may come from elsewhere: a link would put another file into what is made of it.
    files = [path for path in folder.glob("*.png") if path.is_file() and not path.is_symlink()]
    found = [(match, path) for path in files if (match := _SHEET.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)
