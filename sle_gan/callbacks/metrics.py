"""The losses over time, in `metrics.jsonl` and TensorBoard; losses that are not finite end the training."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.json_files import replaced
from sle_gan.run import read_rows


class Metrics(StepClock):
    """Writes the means of the losses since the last row, every so many steps.

    `metrics.jsonl` is equal for equal runs, so it holds no times; those are in `timings.jsonl`.

    Args:
        file: path of `metrics.jsonl`; rows are appended.
        tensorboard: folder of the event files.
        frequency_steps: steps between rows.
        extra: function of the step -> further values of a row, by name.

    Raises:
        NotFiniteError: if a mean or a weight is not finite; no row is written then.
    """

    def __init__(
        self, file: Path, tensorboard: Path, frequency_steps: int, extra: Callable[[int], dict[str, Any]]
    ) -> None:
        super().__init__()
        self.file = file
        self.frequency_steps = frequency_steps
        self.tensorboard = tensorboard
        self.extra = extra

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Drops the rows after the checkpoint that the run goes on from."""
        keep_rows_until(self.file, int(self.model.steps.numpy()))
        self._writer = tf.summary.create_file_writer(str(self.tensorboard))

    def on_step(self, step: int, logs: Logs) -> None:
        """Writes a row when it is due."""
        if step % self.frequency_steps:
            return
        self.model.raise_if_not_finite()
        # A part of a search that no step since the last row belongs to has no mean.
        means = [mean for mean in self.model.loss_means if mean.count]
        row = {"step": step} | {mean.name: float(mean.result()) for mean in means}
        row |= self.extra(step)
        for mean in self.model.loss_means:
            mean.reset_state()
        append_row(self.file, row)
        with self._writer.as_default(step):
            for name, value in row.items():
                tf.summary.scalar(name, value)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the event file."""
        self._writer.close()


def append_row(file: Path, row: dict[str, Any]) -> None:
    """Adds a line to a file of JSON lines and flushes it to the disk.

    Args:
        file: path; it need not exist.
        row: a dictionary with the `step`. Rows of losses have no `event`; for other rows it is their kind, such as
            `scores`.
    """
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps(row) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def keep_rows_until(file: Path, step: float) -> None:
    """Drops the rows after a step from a file of JSON lines, wherever they are, and an incomplete last line.

    Args:
        file: path; it need not exist.
        step: the last step whose row is kept.

    Raises:
        InputError: if another line is damaged.
    """
    if not file.exists():
        return
    rows = read_rows(file)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    with replaced(file) as temporary:
        kept = (line for line, row in zip(lines, rows, strict=False) if row["step"] <= step)
        temporary.write_text("".join(kept), encoding="utf-8")
