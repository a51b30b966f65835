"""A training of a study: a row with a seed, in a run folder of its own, and the numbers that are taken from it.

The numbers lie in a file that says what they were measured of, so that what is finished is not begun again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.assembly.evaluate_run import Evaluation, evaluate_run
from sle_gan.assembly.generator_cost import generator_cost
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.references import TRAINING_SPLIT
from sle_gan.assembly.training import train_plan
from sle_gan.errors import InputError
from sle_gan.evaluation import is_of_metric
from sle_gan.json_files import read_json, write_json
from sle_gan.report.record import RunRecord, damage_as_input_error, read_record, training_seconds
from sle_gan.report.run_report import training_flops
from sle_gan.run import RunFolder
from sle_gan.settings import CommandSettings
from sle_gan.settings.devices import FLOAT32
from sle_gan.settings.words import as_command
from sle_gan.study.study_file import Row, Study

TRAINING_FLOPS, MINUTES = "training FLOPs", "minutes"
LIVE_PARAMETERS, PICTURE_FLOPS, WEIGHTS_BYTES = "live parameters", "FLOPs of a picture", "weights, bytes gzipped"


class Cell(NamedTuple):
    """A training of a study.

    Attributes:
        row: whose settings it has.
        seed: of the training.
        folder: of the study.
    """

    row: Row
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """The name of the run."""
        return f"{self.row.folder_name}-seed{self.seed}"

    @property
    def run(self) -> RunFolder:
        """The run folder."""
        return RunFolder(self.folder / self.name)

    @property
    def measured_file(self) -> Path:
        """The file of the numbers."""
        return self.folder / "measured" / f"{self.name}.json"

    @property
    def log_file(self) -> Path:
        """The file of what the training prints."""
        return self.folder / "logs" / f"{self.name}.log"

    def source(self, study: Study, setting: str) -> "Cell":
        """Returns the training of the same seed that a setting takes its value from."""
        (row,) = (row for row in study.rows if row.name == self.row.sources[setting])
        return self._replace(row=row)

    def given(self, study: Study, *, with_sources: bool = True) -> dict[str, Any]:
        """Returns the settings of the training by name.

        Args:
            study: that it is of.
            with_sources: whether those are among them that take what other rows have trained, which is there.

        Raises:
            InputError: if the search of its ticket has no such round.
        """
        own = {"output_folder": str(self.folder), "name": self.name, "seed": self.seed}
        # No trial of precisions: other trainings share the cores, and rows are to differ by what the file says alone.
        given = {"mixed_precision": FLOAT32} | self.row.settings | own
        if with_sources:
            return given | {setting: self._taken(study, setting) for setting in self.row.sources}
        return {name: value for name, value in given.items() if name != "ticket_masks"}  # which need the ticket

    def _taken(self, study: Study, setting: str) -> str:
        run = self.source(study, setting).run
        if setting != "ticket":
            return str(run.path)
        number = self.row.ticket_round
        tickets = sorted(run.tickets.glob("ticket-*.safetensors" if number is None else f"ticket-{number:02d}-*"))
        if not tickets:
            raise InputError(f"row {self.row.name!r} takes the ticket of round {number}, which {run.path} has none of")
        return str(tickets[-1])


class Measured(NamedTuple):
    """The numbers of a training.

    Attributes:
        step: of the generator that was measured.
        scores: by name; of a row that is not shown there are none.
        floors: of scores that have one, between halves of the images.
        costs: by name.
    """

    step: int
    scores: dict[str, float]
    floors: dict[str, float]
    costs: dict[str, float]


def cells_of(study: Study, folder: Path) -> list[Cell]:
    """Lists the trainings of a study: all rows of a seed before those of the next."""
    return [Cell(row, seed, folder) for seed in study.settings.seeds for row in study.rows]


def question_of(given: Mapping[str, Any], evaluations: Sequence[Evaluation], cores: int) -> dict[str, Any]:
    """Returns, as JSON has it, what the numbers of a training depend on: other ones answer another question."""
    asked = [asdict(one) for one in evaluations]
    question: dict[str, Any] = json.loads(json.dumps({"settings": given, "evaluations": asked, "cores": cores}))
    return question


def read_measured(file: Path, question: Mapping[str, Any] | None = None) -> Measured | None:
    """Reads the numbers of a training.

    Args:
        file: that `train_and_measure` wrote.
        question: that they are to answer; any if None.

    Returns:
        None if they are not there, or answer another question.

    Raises:
        InputError: if the file is damaged.
    """
    try:
        content = read_json(file)
    except FileNotFoundError:
        return None
    try:
        if question is not None and content["question"] != question:
            return None
        parts = ({name: float(value) for name, value in content[part].items()} for part in Measured._fields[1:])
        return Measured(int(content["step"]), *parts)
    except (LookupError, TypeError, AttributeError, ValueError):
        raise InputError(f"{file} is damaged; delete it, and the same command measures again") from None


def train_and_measure(question: Mapping[str, Any], measured_file: Path) -> int:
    """Trains, or goes on with a training, scores it, and writes the numbers.

    Args:
        question: as `question_of` makes it.
        measured_file: that is written when all is done.

    Returns:
        The exit code: 0, or 128 and the number of the signal that ended the training.

    Raises:
        InputError: if the settings, the images or the run cannot be used.
        TrainingError: if the training fails for good.
        StorageError: if the disk is full or cannot be written.
    """
    given = question["settings"]
    plan = plan_training(given, CommandSettings())
    for line in plan.describe():
        print(line)
    code = train_plan(plan, as_command(given))
    if code:
        return code
    run, rows = plan.run, []
    for asked in question["evaluations"]:
        evaluation = Evaluation(**{**asked, "metrics": tuple(asked["metrics"])})
        network = evaluation.network_for(plan.settings)
        rows.append(_measured_row(run, evaluation, network) or evaluate_run(run, evaluation))
    with damage_as_input_error(run.path):
        record = read_record(run)
        scores = {name: score for row in rows for name, score in row["scores"].items()}
        content = {
            "question": question,
            "step": run.latest_step(),
            "scores": {name: score["value"] for name, score in scores.items()} | _near_copies(rows),
            "floors": {name: score["floor"] for name, score in scores.items() if score["floor"] is not None},
            "costs": _costs(record, is_scored=bool(rows)),
        }
    measured_file.parent.mkdir(parents=True, exist_ok=True)
    write_json(measured_file, content)
    return 0


def _measured_row(run: RunFolder, evaluation: Evaluation, network: str) -> dict[str, Any] | None:
    """Returns the row of scores that a process left which was ended before it had measured everything."""
    wanted = {
        "step": run.latest_step(),
        "network": network,
        "mode": evaluation.mode,
        "fakes": evaluation.number_of_images,
        "seed": evaluation.seed,
    }
    for row in reversed(read_record(run).scores):
        of_training_images = row.get("split", TRAINING_SPLIT) == TRAINING_SPLIT
        is_same = all(row.get(name) == value for name, value in wanted.items())
        has_all = all(_is_measured(metric, row) for metric in evaluation.metrics)
        if is_same and has_all and of_training_images == (evaluation.reference_folder is None):
            return row
    return None


def _is_measured(metric: str, row: Mapping[str, Any]) -> bool:
    return any(is_of_metric(name, metric) for name in row["scores"]) or (metric == "diversity" and row["diversity"])


def _near_copies(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {"near_copies": rows[0]["memorization"]["near_copies"]} if rows else {}


def _costs(record: RunRecord, *, is_scored: bool) -> dict[str, float]:
    flops, _ = training_flops(record)
    costs = {MINUTES: training_seconds(record.timings, record.settings.run.log_frequency) / 60}
    costs |= {TRAINING_FLOPS: flops} if flops is not None else {}
    if not is_scored:
        return costs
    cost = generator_cost(record.run)
    sizes = {LIVE_PARAMETERS: cost.live_parameters, PICTURE_FLOPS: cost.flops, WEIGHTS_BYTES: cost.sizes.sparse_gzip}
    return costs | sizes
