"""Scores during training, in `metrics.jsonl` between the rows of losses, and in TensorBoard."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.callbacks.best import BestGenerators
from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.callbacks.metrics import append_row
from sle_gan.data.pictures import opaque, write_picture
from sle_gan.evaluation.scoring import Scoring, image_seeds
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.io import padded_to, postprocess_images, seed_inputs
from sle_gan.run import RunFolder

_BATCH_SIZE = 8  # pictures drawn at once, always


class Scores(StepClock):
    """Scores the averaged generator every so many steps.

    Place it after `Metrics`, which drops the rows after the checkpoint of an interrupted run. Place it before
    `Checkpoints`, so that a checkpoint never lacks the row of its step. On the CPU equal runs have equal rows.

    Args:
        run: the `RunFolder` that rows and sheets of the closest pairs are written to.
        scoring: a `Scoring` of the training images.
        frequency_steps: steps between scores.
        image_count: number of pictures drawn for each scoring.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.
        background: three numbers in [0, 255]: the color under the transparency of pictures with alpha.
        best: the `BestGenerators` that keeps the generators whose first score is best; or None.
    """

    def __init__(
        self,
        run: RunFolder,
        scoring: Scoring,
        frequency_steps: int,
        image_count: int,
        calibrate: Callable[[int], object],
        background: Sequence[int],
        best: BestGenerators | None = None,
    ) -> None:
        super().__init__()
        self.run = run
        self.scoring = scoring
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self.background = background
        self.best = best
        self._seeds = image_seeds(scoring.seed, image_count)

    @needs_keras_2
    def set_model(self, model: keras.Model) -> None:
        """Compiles, once, the function that draws a batch."""
        if model is self.model:
            return
        super().set_model(model)
        self._writer = tf.summary.create_file_writer(str(self.run.tensorboard))
        self._draw = tf.function(lambda inputs: postprocess_images(model(inputs, training=False)))

    def on_step(self, step: int, logs: Logs) -> None:
        """Scores when it is due."""
        if step % self.frequency_steps == 0:
            self.score(step)

    def score(self, step: int) -> None:
        """Draws, scores, and writes a row.

        Args:
            step: number of generator steps done.

        Raises:
            NotFiniteError: if the losses are not finite; nothing is written.
        """
        self.model.raise_if_not_finite()
        self.calibrate(step)
        start = time.monotonic()
        print(f"step {step}: scoring {len(self._seeds)} pictures with {self.scoring.network.name}", flush=True)
        scored = self.scoring(self._pictures(), self._seeds, lambda done: None)
        append_row(self.run.metrics_file, {"step": step, "event": "scores"} | scored.row)
        self._plot(step, scored.row)
        self.run.scores.mkdir(exist_ok=True)
        text = {"run": self.run.name, "step": str(step), "pairs": scored.sheet_words}
        write_picture(self.run.copies_sheet(step), scored.sheet, text)
        name, first = next(iter(scored.row["scores"].items()))
        if self.best is not None:
            self.best.offer(step, first["value"])
        spread = "" if first["spread"] is None else f", spread {first['spread']:.3g}"
        text_of_first = f"{'flattering ' if scored.row['party'] else ''}{name} {first['value']:.4g}{spread}"
        copies = scored.row["memorization"]["near_copies"]
        print(f"step {step}: {text_of_first}; near copies {copies:.1%}; {time.monotonic() - start:.0f} s", flush=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the event file."""
        self._writer.close()

    def _plot(self, step: int, row: dict[str, Any]) -> None:
        with self._writer.as_default(step):
            for name, score in row["scores"].items():
                tf.summary.scalar(f"scores/{name}", score["value"])
            tf.summary.scalar("scores/near_copies", row["memorization"]["near_copies"])
            if row["diversity"]:
                tf.summary.scalar("scores/diversity_ratio", row["diversity"]["ratio"])

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        for first in range(0, len(self._seeds), _BATCH_SIZE):
            seeds = self._seeds[first : first + _BATCH_SIZE]
            padded = padded_to(seed_inputs(self.model.generator, seeds), _BATCH_SIZE)
            yield opaque(self._draw(padded).numpy()[: len(seeds)], self.background)
