"""Draws sheets of the same seeds over time, which show what training does to the pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.io import batch_at, postprocess_images, seed_inputs

_BATCH_SIZE = 8  # pictures drawn at once


class Samples(StepClock):
    """Draws a sheet of fixed seeds with the averaged generator, every so many steps. Classes take turns.

    Args:
        folder: where the sheets are written, as `step-000500.png`.
        run_name: name of the run, written into the PNG files.
        seeds: seeds of the pictures, in reading order.
        frequency_steps: steps between sheets.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.

    Attributes:
        pictures: uint8 `[count, height, width, channels]`, the pictures of the last sheet; None before the first.
    """

    def __init__(
        self,
        folder: Path,
        run_name: str,
        seeds: Sequence[int],
        frequency_steps: int,
        calibrate: Callable[[int], object],
    ) -> None:
        super().__init__()
        self.folder = folder
        self.run_name = run_name
        self.seeds = seeds
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self.pictures: NDArray[np.uint8] | None = None

    @needs_keras_2
    def set_model(self, model: keras.Model) -> None:
        """Compiles, once, the function that draws a batch."""
        if model is self.model:
            return
        super().set_model(model)
        self._draw = tf.function(lambda inputs: postprocess_images(model(inputs, training=False)))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Draws a sheet with the initial weights, before the first step."""
        if int(self.model.steps.numpy()) == 0:
            self.write_sheet(0)

    def on_step(self, step: int, logs: Logs) -> None:
        """Draws a sheet when it is due."""
        if step % self.frequency_steps == 0:
            self.write_sheet(step)

    def write_sheet(self, step: int) -> None:
        """Draws and writes the sheet of a step.

        Args:
            step: number of generator steps done.
        """
        self.calibrate(step)
        inputs = seed_inputs(self.model.generator, self.seeds)
        firsts = range(0, len(self.seeds), _BATCH_SIZE)
        batches = [self._draw(batch_at(inputs, first, _BATCH_SIZE)) for first in firsts]
        self.pictures = tf.concat(batches, axis=0).numpy()
        sheet = image_sheet(self.pictures)
        text = {"run": self.run_name, "step": str(step), "seeds": ",".join(map(str, self.seeds))}
        write_picture(self.folder / f"step-{step:06d}.png", sheet, text)
