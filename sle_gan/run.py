"""The run folder: everything that one training leaves behind, and from which it resumes.

    runs/00003-fastgan-flowers/
      config.json       the settings as they are now, the versions, the command, the history of all commands
      manifest.json     the images that it trains on
      checkpoints/      networks, averaged generator, optimizers
      best/             the averaged generator where it scored best
      samples/          grids of fixed seeds
      scores/           features of the images, sheets of the generated pictures closest to them
      metrics.jsonl     losses by step; equal for equal runs
      timings.jsonl     images per second and the share of waiting for input by step
      densities.jsonl   of a sparse training: the density of each layer, whenever masks changed; a plot beside it
      tickets/          of a search of tickets: the lottery ticket of each round
      architecture.jsonl  of a search of an architecture: how much each operation counts at the end of each round;
                        architecture.png, a plot; genotype.json, those that count most; cells.png and cells.svg, drawn
      tensorboard/      event files
      networks.json     parameters of the dense networks, and what a step costs in theory
      report.html       all of it to read, in one file
      generator_weights.h5, discriminator_weights.h5

Imports no TensorFlow, so that a wrong name is told within a second.
"""

import contextlib
import datetime
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock

from sle_gan.checkpoint_files import checkpoints_in
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import write_json
from sle_gan.marks import mark_folder
from sle_gan.run_config import RunConfig, read_config
from sle_gan.settings.train import TrainSettings, differing_settings, fits_weights
from sle_gan.shell import shell_line

LET_WRITE = "make it writable, or work on a copy of the run"


class RunFolder:
    """The paths of one run, and what can be read of it without TensorFlow.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.output = self.path  # where what is drawn of it is written, where no other folder is given
        self.config_file = self.path / "config.json"
        self.manifest_file = self.path / "manifest.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.timings_file = self.path / "timings.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.samples = self.path / "samples"
        self.densities_file = self.path / "densities.jsonl"
        self.density_plot = self.path / "densities.png"
        self.tickets = self.path / "tickets"
        self.architecture_file = self.path / "architecture.jsonl"
        self.architecture_plot = self.path / "architecture.png"
        self.genotype_file = self.path / "genotype.json"
        self.cells_picture = self.path / "cells.png"
        self.cells_drawing = self.path / "cells.svg"
        self.scores = self.path / "scores"
        self.tensorboard = self.path / "tensorboard"
        self.networks_file = self.path / "networks.json"
        self.report_file = self.path / "report.html"
        self.generator_weights = self.path / "generator_weights.h5"
        self.discriminator_weights = self.path / "discriminator_weights.h5"
        self.image_cache = self.path / "images.npy"
        self.held_out_cache = self.path / "held_out.npy"
        self.lock_file = self.path / "lock"
        self.holder_file = (
            self.path / "lock-holder"
        )  # not the lock itself, which is emptied, and on Windows closed to others

    def copies_sheet(self, step: int) -> Path:
        """Returns the path of the sheet of the pictures of a step that are closest to training images."""
        return self.scores / f"copies-step-{step:06d}.png"

    def exists(self) -> bool:
        """Returns whether the folder holds a run."""
        return self.config_file.is_file()

    def is_trained(self) -> bool:
        """Returns whether the folder holds a run with a checkpoint: where a start failed there is none."""
        return self.exists() and self.latest_step() is not None

    def config(self) -> RunConfig:
        """Returns the configuration.

        Raises:
            InputError: if there is no run here, or its configuration is not one that this version wrote.
        """
        try:
            return read_config(self.config_file)
        except FileNotFoundError:
            raise InputError(f"{self.path} is no run folder: it has no config.json") from None

    def settings(self) -> TrainSettings:
        """Returns the settings; see `config` for the errors."""
        return self.config().settings

    def latest_step(self) -> int | None:
        """Returns the step of the newest checkpoint, or None."""
        return max(checkpoints_in(self.checkpoints), default=None)

    def way_on(self, more: Sequence[str] = ()) -> str:
        """Says how the run is trained further; see `RunConfig.way_on`.

        Args:
            more: words to be added to the command.
        """
        return self.config().way_on(self.name, self.latest_step() or 0, more)

    def way_on_in_less_memory(self) -> str:
        """Says how the run goes on where its step does not fit into memory."""
        optimization = self.settings().optimization
        size, shares = optimization.batch_size, optimization.accumulate
        more = next((count for count in range(shares + 1, size + 1) if size % count == 0), None)
        if more is None:
            return "a step goes through one image at a time already; begin a run of a smaller --width or --resolution"
        return f"in less of it, {self.way_on(['--change-settings', '--accumulate', str(more)])}"

    def generator_checkpoint(self, step: int | None = None, *, or_newest: bool = False) -> tuple[int, Path]:
        """Finds a checkpoint that holds the averaged generator, among the newest and the best.

        Args:
            step: its step; that of the newest checkpoint if None, or of the newest of the best if there is none.
            or_newest: whether the newest is taken where there is none of the step.

        Returns:
            Its step, and its path as TensorFlow names it.

        Raises:
            InputError: if there is none.
        """
        newest = checkpoints_in(self.checkpoints)
        paths = checkpoints_in(self.best) | newest
        if not paths:
            raise InputError(f"{self.path} has no checkpoint yet; train it first")
        if step is None or (or_newest and step not in paths):
            step = max(newest or paths)
        if step not in paths:
            there = ", ".join(map(str, sorted(paths)))
            raise InputError(f"--step must be one that {self.path} has a checkpoint of: {there}; got {step}")
        return step, paths[step]

    @contextlib.contextmanager
    def locked(self, mend: str = "give another --output-folder") -> Iterator[None]:
        """Holds the folder against other processes; the lock ends with the process, however it ends.

        Args:
            mend: what to do where the folder cannot be written.

        Raises:
            InputError: if another process holds it.
            StorageError: if the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held = filelock.FileLock(self.lock_file).acquire(timeout=0)
        except filelock.Timeout:
            told = (
                self.holder_file.read_text(encoding="utf-8").strip() if self.holder_file.exists() else "another process"
            )
            raise InputError(f"{self.path} is in use by {told}; wait until that has ended") from None
        except OSError as error:
            raise _unwritable(self.path, error, mend) from None
        with held:
            since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            self.holder_file.write_text(f"process {os.getpid()} since {since}\n", encoding="utf-8")
            yield


def choose_run(label: str, settings: TrainSettings, *, resume: bool, override: bool, change: bool = False) -> RunFolder:
    """Finds the folder that a training writes to: a run to go on with, or a new one.

    Args:
        label: what a run without a name is called after its number, such as `fastgan-flowers`.
        settings: of the training.
        resume: whether an unfinished run of the same settings goes on.
        override: whether an existing run of this name is to be deleted.
        change: whether a run of other settings goes on with these, if they fit its weights.

    Returns:
        A `RunFolder`; it is trained if the training goes on with it. A run without a checkpoint, whose start failed, is
        replaced.

    Raises:
        InputError: if the name holds something else than a run of these settings, or there is no run to change.
    """
    output_folder, name = Path(settings.run.output_folder), settings.run.name
    if name is None:
        return _numbered_run(output_folder, label, settings, resume=resume, change=change)
    if name in {"", ".", ".."} or Path(name).name != name:
        raise InputError(f"--name must be a plain folder name; got {name!r}")
    run = RunFolder(output_folder / name)
    if not set(_names(run.path)) - {run.lock_file.name, run.holder_file.name}:
        return run
    if not run.exists():
        raise InputError(f"{run.path} exists and is no run folder; give another --name")
    if override or not run.is_trained():
        return run
    if not resume:
        raise InputError(f"{run.path} exists; give another --name, --resume auto, or --override to delete it")
    config = run.config()
    fits, different = fits_weights(config.settings, settings), differing_settings(config.settings, settings)
    if different and not (change and fits):
        mend = "--change-settings to go on with it nevertheless, " if fits else ""
        raise InputError(
            f"{run.path} holds a run of other settings ({different}): the run is {_shape(config.settings)}; give "
            f"{mend}another --name, or --override to delete it; {run.way_on()}"
        )
    return run


def passed_over(run: RunFolder, settings: TrainSettings) -> str | None:
    """Says which unfinished run of the same images a training begins beside, and how that goes on.

    Args:
        run: the new one that the training is to write.
        settings: of the training.

    Returns:
        A line of text on the one that was trained last; None if there is none.
    """
    unfinished = []
    for name in _names(run.path.parent):
        other = RunFolder(run.path.parent / name)
        try:
            config = other.config() if other.path != run.path else None
            began = other.config_file.stat().st_mtime_ns
        except (InputError, OSError):
            continue
        if config is None or config.settings.images.data_folder != settings.images.data_folder:
            continue
        if not config.is_done(other.latest_step() or 0):
            unfinished.append((began, other, config))
    if not unfinished:
        return None
    _, other, config = max(unfinished, key=lambda one: (one[0], one[1].name))
    step = other.latest_step() or 0
    different = differing_settings(config.settings, settings)
    way = other.way_on()
    if different and fits_weights(config.settings, settings):
        way = f"the same command with --name {shell_line(other.name)} --change-settings goes on with it"
    elif not different:
        way = f"the same command with --name {shell_line(other.name)} goes on with it"
    reason = f", with other settings ({different})" if different else ""
    steps = config.settings.optimization.steps
    return f"{other.path} is an unfinished run of the same images, at step {step} of {steps}{reason}; {way}"


def _shape(settings: TrainSettings) -> str:
    return f"{settings.network.model} {settings.images.resolution} of {settings.images.channels} channels"


def start_run(run: RunFolder, config: RunConfig, manifest: dict[str, Any] | None) -> None:
    """Fills a run folder with its configuration and manifest; what was there before is deleted.

    Args:
        run: the `RunFolder`, locked.
        config: what it was asked to be.
        manifest: the images, as `sle_gan.data.manifest.manifest` makes it; None of a run that no images are known of.

    Raises:
        StorageError: if the folder cannot be written.
    """
    try:
        for path in run.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in {run.lock_file, run.holder_file}:
                path.unlink()
        mark_folder(run.path)
        write_json(run.config_file, config.to_json())
        if manifest is not None:
            write_json(run.manifest_file, manifest)
        for folder in (run.checkpoints, run.samples):
            folder.mkdir()
    except OSError as error:
        raise _unwritable(run.path, error) from None


def check_writable(output_folder: Path | str, flag: str = "--output-folder") -> None:
    """Makes sure, before anything costly begins, that a folder can be written, or made where it is to be.

    Args:
        output_folder: the folder; it is not made.
        flag: that another folder is given by.

    Raises:
        StorageError: if it cannot.
    """
    folder = Path(output_folder).absolute()
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    probe = there / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(folder, error, f"give another {flag}") from None


def find_run(text: Path | str, output_folder: Path | str) -> RunFolder:
    """Finds a run by its folder or its name.

    Args:
        text: a run folder, or the name of one in `output_folder`.
        output_folder: where runs lie.

    Returns:
        A `RunFolder` that exists.

    Raises:
        InputError: if there is none.
    """
    output_folder = Path(output_folder).expanduser()
    for path in (Path(text).expanduser(), output_folder / text):
        if RunFolder(path).exists():
            return RunFolder(path)
    there = [name for name in _names(output_folder) if RunFolder(output_folder / name).exists()]
    known = f"; there are {', '.join(sorted(there)[-5:])}" if there else ""
    raise InputError(f"no run {text!r}, neither as a folder nor in {output_folder}{known}")


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Reads a file of JSON lines, such as `metrics.jsonl`; a torn last line is left out.

    Args:
        file: path; it need not exist.

    Returns:
        A list of dictionaries, each with a whole `step`.

    Raises:
        InputError: if a whole line is damaged.
    """
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    rows = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not line.endswith("\n"):
            break
        try:
            row = json.loads(line)
            whole = isinstance(row, dict) and isinstance(row["step"], int)
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if not whole:
            raise InputError(f"line {number} of {file} is damaged; delete it")
        rows.append(row)
    return rows


def _numbered_run(output_folder: Path, label: str, settings: TrainSettings, *, resume: bool, change: bool) -> RunFolder:
    numbered = {}
    for name in _names(output_folder):
        match = re.match(r"(\d{5})-", name)
        if match:
            numbered[int(match[1])] = name
    for number in sorted(numbered, reverse=True) if resume else ():
        run = RunFolder(output_folder / numbered[number])
        if run.name == f"{number:05d}-{label}" and run.exists() and _unfinished(run, settings, change=change):
            return run
    if change:
        raise InputError(
            f"--change-settings goes on with an unfinished run, and {output_folder} has none of {label} whose weights "
            "these settings fit; give the --name of a run, or leave the flag out"
        )
    return RunFolder(output_folder / f"{max(numbered, default=-1) + 1:05d}-{label}")


def _unfinished(run: RunFolder, settings: TrainSettings, *, change: bool) -> bool:
    try:
        old = run.settings()
    except InputError:
        return False  # a damaged run of this label is left alone
    fits = fits_weights(old, settings) if change else not differing_settings(old, settings)
    return fits and (run.latest_step() or 0) < settings.optimization.steps


def _unwritable(folder: Path, error: OSError, mend: str = "give another --output-folder") -> StorageError:
    return StorageError(f"{folder} cannot be written ({error.strerror}); {mend}")


def _names(folder: Path | str) -> list[str]:
    folder = Path(folder)
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []
