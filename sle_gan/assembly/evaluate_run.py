"""The scores of a run's pictures against its training images, and the row that tells them.

The run, its images and the network's weights are checked before TensorFlow is imported.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sle_gan.assembly.references import TRAINING_SPLIT, ReferenceImages, read_reference_images
from sle_gan.data.pictures import opaque, write_picture
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES, METRICS, check_metrics
from sle_gan.evaluation.download import inception_weights
from sle_gan.evaluation.judges import describe_network, judge_of
from sle_gan.evaluation.pace import tell_pace
from sle_gan.export.drawing import plan_drawing
from sle_gan.pretrained import MODES, NETWORKS
from sle_gan.run import LET_WRITE, RunFolder
from sle_gan.settings import TrainSettings

_BATCH_SIZE = 8
AUTO = "auto"
NETWORK_CHOICES = (AUTO, *NETWORKS)


@dataclass(frozen=True)
class Evaluation:
    """How a run is scored.

    Attributes:
        metrics: some of `sle_gan.evaluation.METRICS`: `fid`, `kid`, `prdc` (precision, recall, density and coverage),
            `is` (the Inception Score), `swd` (the sliced Wasserstein distance, without a network), `diversity`.
        network: one of `sle_gan.pretrained.NETWORKS`, whose features are compared; `auto`: the first that is no part
            of the run's loss.
        mode: one of `sle_gan.evaluation.MODES`, how images are resized for it.
        number_of_images: drawn and scored, six or more.
        seed: of the pictures and of the subsets, from 0 to 2**31 - 1.
        inception_weights: file of the 2015 Inception's weights; the cache folder's, or fetched, if None.
        reference_folder: images to score against, such as a test split; the training images if None.

    Raises:
        InputError: if one is none of these.
    """

    metrics: tuple[str, ...] = ("fid", "kid", "prdc", "swd", "diversity")
    network: str = AUTO
    mode: str = "legacy"
    number_of_images: int = 1000
    seed: int = 0
    inception_weights: Path | str | None = None
    reference_folder: Path | str | None = None

    def __post_init__(self) -> None:
        if not self.metrics or not set(self.metrics) <= set(METRICS):
            raise InputError(f"--metrics must be some of {','.join(METRICS)}; got {self.metrics!r}")
        for flag, value, choices in (("network", self.network, NETWORK_CHOICES), ("mode", self.mode, MODES)):
            if value not in choices:
                raise InputError(f"--{flag} must be one of {', '.join(choices)}; got {value!r}")
        if self.number_of_images < FEWEST_IMAGES:
            raise InputError(
                f"--number-of-images must be a whole number from {FEWEST_IMAGES}; got {self.number_of_images}"
            )
        if not 0 <= self.seed < 2**31:
            raise InputError(f"--seed must be a whole number from 0 to {2**31 - 1}; got {self.seed}")
        if self.inception_weights and self.network != "inception":
            raise InputError("--inception-weights needs --network inception")

    def network_for(self, settings: TrainSettings) -> str:
        """Returns the name of the network that scores a run.

        Args:
            settings: of the run.

        Raises:
            InputError: if one of the metrics cannot be measured with it.
        """
        network = judge_of(settings) if self.network == AUTO else self.network
        check_metrics(network, self.metrics)
        return network


def evaluate_run(
    run: RunFolder,
    evaluation: Evaluation,
    step: int | None = None,
    data_folder: Path | str | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Scores the averaged generator of a run, and adds a row to its `metrics.jsonl`.

    The sheet of the pictures that are closest to training images is `run.copies_sheet(step)`.

    Args:
        run: the `RunFolder`; it is locked meanwhile.
        evaluation: the `Evaluation`.
        step: of the checkpoint; the newest if None.
        data_folder: where the training images are now, if they were moved.
        tell: function of a line of text, called while it goes on.

    Returns:
        The row: `step`, `event` and what `sle_gan.evaluation.scoring.Scored.row` holds.

    Raises:
        InputError: if there is no such checkpoint, or the images or the network's weights are not there.
        StorageError: if the run cannot be written.
    """
    drawing = plan_drawing(run, step)
    settings = run.settings()
    network_name = evaluation.network_for(settings)
    weights = inception_weights(evaluation.inception_weights, tell) if network_name == "inception" else None
    with run.locked(LET_WRITE):
        reals = ReferenceImages(*read_training_images(run, data_folder), TRAINING_SPLIT)
        others = evaluation.reference_folder
        against = reals if others is None else read_reference_images(others, settings.images, tell)
        tell(
            f"scoring {run.name} at step {drawing.step} against {len(against.images)} "
            f"{'training' if others is None else 'reference'} images with "
            f"{describe_network(network_name, settings)}; loading TensorFlow"
        )
        trained = drawing.trained
        from sle_gan.callbacks.metrics import append_row, keep_rows_until
        from sle_gan.evaluation.scoring import Reference, Scoring, features_file_name, image_seeds

        network = NETWORKS[network_name].module().feature_network(weights)
        mode, metrics, seed = evaluation.mode, evaluation.metrics, evaluation.seed
        features_file = run.scores / features_file_name(against.manifest, settings.images, network, mode)
        reference = Reference(against.images, against.split, features_file)
        scoring = Scoring(network, mode, metrics, reals.images, settings, seed, reference)
        seeds = image_seeds(seed, evaluation.number_of_images)
        drawn = _batches(trained.draw_seeds(seeds))
        batches = (opaque(batch, settings.images.background_rgb) for batch in drawn)
        scored = scoring(batches, seeds, tell_pace(len(seeds), tell))
        keep_rows_until(run.metrics_file, math.inf)  # a line that a killed training left torn
        row = {"step": drawing.step, "event": "scores"} | scored.row
        append_row(run.metrics_file, row)
        run.scores.mkdir(exist_ok=True)
        origin = {"run": run.name, "step": str(drawing.step), "pairs": scored.sheet_words}
        sheet = run.copies_sheet(drawing.step)
        sheet.parent.mkdir(exist_ok=True)  # which only the features of a network would have made
        write_picture(sheet, scored.sheet, origin)
    return row


def _batches(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    batch = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == _BATCH_SIZE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
