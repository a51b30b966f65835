"""The density of each layer over time, in `densities.jsonl`, TensorBoard and a plot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import tensorflow as tf

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.callbacks.metrics import append_row, keep_rows_until
from sle_gan.marks import SOFTWARE
from sle_gan.sparsity.record import SparsityRecord


class Densities(StepClock):
    """Writes the density of every layer whenever masks have changed, and plots it at the end of training.

    Args:
        record: a `sle_gan.sparsity.record.SparsityRecord`.
        file: path of `densities.jsonl`; rows are appended.
        plot: path of the PNG.
        tensorboard: folder of the event files.
    """

    def __init__(self, record: SparsityRecord, file: Path, plot: Path, tensorboard: Path) -> None:
        super().__init__()
        self.record = record
        self.file = file
        self.plot = plot
        self.tensorboard = tensorboard

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Drops the rows after the checkpoint, and adds one if the masks differ from those of the last row."""
        self._writer = tf.summary.create_file_writer(str(self.tensorboard), filename_suffix=".densities")
        step = int(self.model.steps.numpy())
        keep_rows_until(self.file, step)
        rows = self._rows()
        if not rows or rows[-1] != {"step": rows[-1]["step"]} | self.record.layer_densities():
            self._write(step)
        self._seen = self._changes()

    def on_step(self, step: int, logs: Logs) -> None:
        """Writes a row if masks have changed."""
        if self._changes() != self._seen:
            self._seen = self._changes()
            self._write(step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Writes the plot and closes the event file."""
        figure = density_plot(self._rows(), int(self.model.steps.numpy()))
        figure.savefig(self.plot, metadata={"Software": SOFTWARE})
        self._writer.close()

    def _rows(self) -> list[dict[str, Any]]:
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        return [json.loads(line) for line in lines]

    def _changes(self) -> list[int]:
        return [masks.changes for masks in self.record.masks.values()]

    def _write(self, step: int) -> None:
        self.record.follow(step)
        layers = self.record.layer_densities()
        append_row(self.file, {"step": step} | layers)
        with self._writer.as_default(step):
            for network, densities in layers.items():
                tf.summary.scalar(f"density/{network}", self.record.masks[network].density())
                for layer, density in densities.items():
                    tf.summary.scalar(f"density/{network}/{layer}", density)


def density_plot(rows: Sequence[dict[str, Any]], end_step: int) -> matplotlib.figure.Figure:
    """Plots the densities of each network's layers over time, and at the end.

    Args:
        rows: rows of `densities.jsonl`: `step`, and for each network a dictionary of densities by layer.
        end_step: last step of training.

    Returns:
        A Matplotlib figure.
    """
    networks = [name for name in rows[-1] if name != "step"]
    figure = matplotlib.figure.Figure(figsize=(10, 4 * len(networks)), dpi=100, layout="constrained")
    axes = figure.subplots(len(networks), 2, squeeze=False, width_ratios=(2, 1))
    steps = [row["step"] for row in rows] + [end_step]
    for (over_time, at_end), network in zip(axes, networks, strict=True):
        layers = list(rows[-1][network])
        for layer in layers:
            values = [row[network][layer] for row in rows]
            over_time.step(steps, [*values, values[-1]], where="post", linewidth=0.8, alpha=0.7)
        over_time.set(title=f"{network}: density of each layer", xlabel="generator steps", ylabel="live share")
        over_time.set_ylim(0, 1.05)
        over_time.grid(alpha=0.3)
        at_end.barh(layers, [rows[-1][network][layer] for layer in layers])
        at_end.set(title=f"at step {end_step}", xlabel="live share", xlim=(0, 1.05))
        at_end.tick_params(axis="y", labelsize=6)
        at_end.invert_yaxis()
    return figure
