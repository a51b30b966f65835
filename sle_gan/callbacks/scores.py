"""Scores over the time of training: rows in `metrics.jsonl` between those of the losses, and TensorBoard."""

import time

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.callbacks.metrics import append_row
from sle_gan.data.pictures import opaque, write_picture
from sle_gan.evaluation.scoring import image_seeds
from sle_gan.models.io import padded_to, postprocess_images, seed_inputs

_BATCH_SIZE = 8  # pictures drawn at once, always


class Scores(StepClock):
    """Scores the averaged generator every so many steps.

    Place it behind `Metrics`, which drops the rows of an interrupted run that lie behind its checkpoint, and before
    `Checkpoints`, so that a checkpoint never lacks the row of its step. On the CPU equal runs have equal rows.

    Args:
        run: the `RunFolder`: rows, sheets of the closest pairs and the features of the training images are its.
        scoring: a `Scoring` of the training images.
        frequency_steps: steps between scores.
        image_count: pictures drawn for each.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.
        background: three numbers in [0, 255], under the transparency of pictures with alpha.
        best: the `BestGenerators` that is offered each, by its first score; or None.
    """

    def __init__(self, run, scoring, frequency_steps, image_count, calibrate, background, best=None):
        super().__init__()
        self.run = run
        self.scoring = scoring
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self.background = background
        self.best = best
        self._seeds = image_seeds(scoring.seed, image_count)

    def set_model(self, model):
        """Compiles the drawing of one batch, once."""
        if model is self.model:
            return
        super().set_model(model)
        self._writer = tf.summary.create_file_writer(str(self.run.tensorboard))
        self._draw = tf.function(lambda inputs: postprocess_images(model(inputs, training=False)))

    def on_step(self, step, logs):
        """Scores when it is due."""
        if step % self.frequency_steps == 0:
            self.score(step)

    def score(self, step):
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
        write_picture(self.run.scores / f"copies-step-{step:06d}.png", scored.sheet, text)
        name, first = next(iter(scored.row["scores"].items()))
        if self.best is not None:
            self.best.offer(step, first["value"])
        told = "flattering " if scored.row["party"] else ""
        told += f"{name} {first['value']:.4g}" + ("" if first["spread"] is None else f", spread {first['spread']:.3g}")
        copies = scored.row["memorization"]["near_copies"]
        print(f"step {step}: {told}; near copies {copies:.1%}; {time.monotonic() - start:.0f} s", flush=True)

    def on_train_end(self, logs=None):
        """Closes the event file."""
        self._writer.close()

    def _plot(self, step, row):
        with self._writer.as_default(step):
            for name, score in row["scores"].items():
                tf.summary.scalar(f"scores/{name}", score["value"])
            tf.summary.scalar("scores/near_copies", row["memorization"]["near_copies"])
            if row["diversity"]:
                tf.summary.scalar("scores/diversity_ratio", row["diversity"]["ratio"])

    def _pictures(self):
        for first in range(0, len(self._seeds), _BATCH_SIZE):
            seeds = self._seeds[first : first + _BATCH_SIZE]
            padded = padded_to(seed_inputs(self.model.generator, seeds), _BATCH_SIZE)
            yield opaque(self._draw(padded).numpy()[: len(seeds)], self.background)
