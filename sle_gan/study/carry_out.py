"""Carries out a study: checks it, trains and scores what is not done yet, and keeps what failed."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sle_gan.assembly.hours import fit_steps
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.probe import CPU, ask_times
from sle_gan.data.folder import scan
from sle_gan.errors import InputError, SleGanError
from sle_gan.json_files import read_json, write_json
from sle_gan.settings import CommandSettings
from sle_gan.settings.optimization import AUTO
from sle_gan.study.cell import Cell, Measured, cells_of, question_of, read_measured
from sle_gan.study.statistics import SIGNIFICANCE, check_scipy, smallest_p
from sle_gan.study.study_file import Row, Study
from sle_gan.study.workers import Task, Workers, cpu_threads

_LENGTHS = ("steps", "epochs", "hours")


class Lengths:
    """The steps of each row, where a study gives CPU time: timed once, and kept for all seeds.

    Args:
        study: the `Study`.
        folder: of the study.
        tell: function of a line of text.
    """

    def __init__(self, study: Study, folder: Path, tell: Callable[[str], None]) -> None:
        self._study, self._tell = study, tell
        self._file = folder / "lengths.json"
        self._guard = threading.Lock()

    def known(self, row: Row) -> dict[str, Any]:
        """Returns the length of a row as settings by name; none where it is given, or not known yet."""
        entry = self._entries().get(row.folder_name)
        return {"steps": int(entry["steps"])} if entry and entry["of"] == self._key(row) else {}

    def of(self, row: Row, given: dict[str, Any]) -> dict[str, Any]:
        """Returns the length of a row as settings by name; steps are timed where it is not known.

        Args:
            row: of the study.
            given: settings of one of its trainings, by name.
        """
        hours, cores = self._study.settings.cpu_hours, self._study.settings.cores
        if hours is None:
            return {}
        with self._guard:
            if not self.known(row):
                plan = plan_training(given, CommandSettings())
                times = ask_times(plan.settings, CPU, cpu_threads(cores) | {"CUDA_VISIBLE_DEVICES": ""})
                steps, line = fit_steps(plan.settings, hours, times, len(plan.folder.images))
                self._tell(f"{row.name}: {line} of CPU time")
                write_json(self._file, self._entries() | {row.folder_name: {"of": self._key(row), "steps": steps}})
            return self.known(row)

    def _key(self, row: Row) -> str:
        settings = self._study.settings
        return repr((sorted(row.settings.items()), sorted(row.sources.items()), settings.cpu_hours, settings.cores))

    def _entries(self) -> dict[str, Any]:
        if self._study.settings.cpu_hours is None:
            return {}
        try:
            content: dict[str, Any] = read_json(self._file)
            return {name: {"of": str(entry["of"]), "steps": int(entry["steps"])} for name, entry in content.items()}
        except FileNotFoundError:
            return {}
        except (LookupError, TypeError, AttributeError, ValueError):
            raise InputError(f"{self._file} is damaged; delete it, and steps are timed again") from None


class CarriedOut:
    """A study in its folder.

    Args:
        study: the `Study`.
        folder: of its runs and results.
        tell: function of a line of text.

    Attributes:
        cells: the trainings by the names of their runs, in the order in which they begin.
        failures: what trainings failed of, by the names of their runs.
    """

    def __init__(self, study: Study, folder: Path, tell: Callable[[str], None] = print) -> None:
        self.study, self.folder = study, folder
        self.cells = {cell.name: cell for cell in cells_of(study, folder)}
        self.failures: dict[str, str] = {}
        self._tell = tell
        self._lengths = Lengths(study, folder, tell)

    def check(self, *, has_gpus: bool) -> None:
        """Checks what can be checked before anything is trained: libraries, images, settings, runs that are there.

        Args:
            has_gpus: whether the trainings are made on GPUs.

        Raises:
            InputError: if the study cannot be carried out; it names the row.
        """
        check_scipy()
        settings = self.study.settings
        if settings.cpu_hours is not None and has_gpus:
            raise InputError(
                "cpu_hours is for trainings on the CPU; give steps, or hide the GPUs: CUDA_VISIBLE_DEVICES="
            )
        if settings.reference_folder is not None:
            scan(settings.reference_folder)
        of_first_seed = len(self.study.rows)
        for index, cell in enumerate(self.cells.values()):
            if index < of_first_seed or (cell.run.exists() and self.measured(cell) is None):
                try:
                    self._check(cell)
                except InputError as error:
                    raise InputError(f"row {cell.row.name!r}: {error}") from None

    def _check(self, cell: Cell) -> None:
        row = cell.row
        lengths = [name for name in _LENGTHS if row.settings.get(name) is not None]
        if lengths and self.study.settings.cpu_hours is not None:
            raise InputError(f"cpu_hours and {lengths[0]} both say how long to train; give one")
        # What is timed or tried out is no part of the check.
        tried = {"hours"} | ({"batch_size"} if row.settings.get("batch_size") == AUTO else set())
        given = {name: value for name, value in self._given(cell).items() if name not in tried}
        plan = plan_training(given, CommandSettings())
        for evaluation in self.study.evaluations if row.is_shown else ():
            evaluation.network_for(plan.settings)

    def question(self, cell: Cell) -> dict[str, Any]:
        """Returns what the numbers of a training depend on, as `question_of` makes it."""
        return self._question_of(cell, self._given(cell))

    def measured(self, cell: Cell) -> Measured | None:
        """Returns the numbers of a training; None if it is not done as the study asks for it."""
        return read_measured(cell.measured_file, self.question(cell))

    def carry_out(self, workers: Workers) -> None:
        """Trains and scores all that is not done; what fails is kept in `failures`.

        Args:
            workers: that do it.

        Raises:
            InputError: if a run is in use: the workers of a study that was killed end a moment later.
        """
        needs = {
            name: {cell.source(self.study, setting).name for setting in cell.row.sources}
            for name, cell in self.cells.items()
        }
        waiting = {name: cell for name, cell in self.cells.items() if self.measured(cell) is None}
        for cell in waiting.values():
            if cell.run.exists():
                with cell.run.locked():
                    pass
        done = len(self.cells) - len(waiting)
        if done:
            self._tell(f"{done} of {len(self.cells)} trainings are done")
        open_needs = {name: needs[name] & waiting.keys() for name in waiting}
        jobs = {name: partial(self._do, cell, workers) for name, cell in waiting.items()}
        for name in workers.do_all(jobs, open_needs):
            done += 1
            self._tell(f"{done} of {len(self.cells)}: {name}: {self._outcome(self.cells[name])}")

    def _do(self, cell: Cell, workers: Workers) -> None:
        sources = [cell.source(self.study, setting) for setting in cell.row.sources]
        failed = next((source for source in sources if source.name in self.failures), None)
        if failed is not None:
            self.failures[cell.name] = f"it needs {failed.name}, which failed"
            return
        try:
            given = self._given(cell)
            given |= self._lengths.of(cell.row, given)
            task = Task(self._question_of(cell, given), cell.measured_file, cell.log_file)
            failure = workers.do(task)
        except SleGanError as error:
            failure = str(error)
        if failure is not None:
            self.failures[cell.name] = failure

    def _given(self, cell: Cell) -> dict[str, Any]:
        sources = [cell.source(self.study, setting) for setting in cell.row.sources]
        are_there = all(source.measured_file.exists() for source in sources)
        return cell.given(self.study, with_sources=are_there) | self._lengths.known(cell.row)

    def _question_of(self, cell: Cell, given: dict[str, Any]) -> dict[str, Any]:
        evaluations = self.study.evaluations if cell.row.is_shown else ()
        return question_of(given, evaluations, self.study.settings.cores)

    def _outcome(self, cell: Cell) -> str:
        if cell.name in self.failures:
            return f"failed: {self.failures[cell.name]}; see {cell.log_file}"
        measured = self.measured(cell)
        scores = {} if measured is None else measured.scores
        return ", ".join(f"{name} {value:.4g}" for name, value in list(scores.items())[:1]) or "trained"


def weakest_p(study: Study) -> str | None:
    """Says how many seeds the rows could be told apart by at all, where there are too few; None where they suffice."""
    settings, rows = study.settings, len(study.compared_rows)
    paired = settings.permutation == "paired"
    if not rows:
        return None
    smallest = min(1.0, rows * smallest_p(len(settings.seeds), paired=paired))
    if smallest < SIGNIFICANCE:
        return None
    return (
        f"{len(settings.seeds)} seeds cannot tell {rows} {'rows' if rows > 1 else 'row'} from a baseline: p is "
        f"{smallest:.2g} at best, and would have to be below {SIGNIFICANCE}"
    )
