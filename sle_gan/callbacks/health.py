"""Judges the health of the training so far, whenever a sheet of samples is drawn."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.callbacks.metrics import append_row
from sle_gan.callbacks.samples import Samples
from sle_gan.evaluation.health import judge, pixel_diversity
from sle_gan.run import read_rows
from sle_gan.settings import TrainSettings
from sle_gan.settings.advice import Accepts


class Health(StepClock):
    """Adds a row with a verdict to `metrics.jsonl`, and prints the verdict when it changes.

    It judges the rows so far and the pictures of the last sheet. It draws and trains nothing, so equal runs have equal
    verdicts.

    Args:
        file: path of `metrics.jsonl`.
        settings: of the training.
        images: uint8 `[count, height, width, channels]`, training images; some of them are compared with the samples.
        samples: the `sle_gan.callbacks.samples.Samples` of the training, called before this.
        accepts: whether a training like this one takes some changes, which are then suggested.
    """

    def __init__(
        self, file: Path, settings: TrainSettings, images: NDArray[np.uint8], samples: Samples, accepts: Accepts
    ) -> None:
        super().__init__()
        self.file = file
        self.settings = settings
        self.samples = samples
        self.accepts = accepts
        # Evenly spaced over the folder: images that are neighbors there are often alike.
        spaced = images[:: max(1, len(images) // len(samples.seeds))]
        self._diversity_of_images = pixel_diversity(spaced) if len(spaced) > 1 else 0.0

    def on_step(self, step: int, logs: Logs) -> None:
        """Judges if a sheet was drawn at this step."""
        if step % self.samples.frequency_steps:
            return
        rows = read_rows(self.file)
        row = {"step": step, "event": "health"}
        pictures = self.samples.pictures
        if self._diversity_of_images and pictures is not None:
            row["pixel_diversity"] = pixel_diversity(pictures) / self._diversity_of_images
        verdict = judge(sorted([*rows, row], key=lambda row: row["step"]), self.settings, self.accepts)
        append_row(self.file, row | verdict._asdict())
        before = [row["verdict"] for row in rows if row.get("event") == "health"]
        if before[-1:] != [verdict.verdict]:
            hint = f"; try {verdict.suggestion} in the next run" if verdict.suggestion else ""
            print(f"step {step}: {verdict.verdict} ({verdict.evidence[0]}){hint}", flush=True)
