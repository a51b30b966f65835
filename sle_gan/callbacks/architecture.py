"""The architecture of a search over time: in `architecture.jsonl`, TensorBoard, a plot, and drawn as cells."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.callbacks.metrics import append_row, keep_rows_until
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.alphagan_space import SPACE
from sle_gan.models.generators.alphagan_supernet import shares, strongest
from sle_gan.run import RunFolder, read_rows


class Architecture(StepClock):
    """Writes at the end of each round how much each operation counts, and the genotype of those that count most.

    Args:
        supernet: the generator.
        run: the `RunFolder` that is written to.
        round_steps: steps of a round.
    """

    @needs_keras_2
    def __init__(self, supernet: keras.Model, run: RunFolder, round_steps: int) -> None:
        super().__init__()
        self.supernet = supernet
        self.run = run
        self.round_steps = round_steps

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Drops the rows after the checkpoint, and writes the one of the start."""
        self._writer = tf.summary.create_file_writer(str(self.run.tensorboard), filename_suffix=".architecture")
        keep_rows_until(self.run.architecture_file, int(self.model.steps.numpy()))
        if not read_rows(self.run.architecture_file):
            self._write(int(self.model.steps.numpy()))

    def on_step(self, step: int, logs: Logs) -> None:
        """Writes a row at the end of a round."""
        if step % self.round_steps == 0:
            self._write(step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draws the cells and the plot, and closes the event file."""
        from sle_gan.search.drawing import architecture_plot, cells_figure, save_figure  # loads Matplotlib

        for file in (self.run.cells_picture, self.run.cells_drawing):
            save_figure(cells_figure(strongest(self.supernet)), file)
        save_figure(architecture_plot(read_rows(self.run.architecture_file)), self.run.architecture_plot)
        self._writer.close()

    def _write(self, step: int) -> None:
        counted = shares(self.supernet)
        SPACE.write(self.run.genotype_file, strongest(self.supernet))
        append_row(self.run.architecture_file, {"step": step, "shares": counted})
        with self._writer.as_default(step):
            for place, operations in counted.items():
                for operation, share in operations.items():
                    tf.summary.scalar(f"architecture/{place}/{operation}", share)
