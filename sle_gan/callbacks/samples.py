"""Sheets of the same seeds over time: what training does to the pictures."""

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.models.io import batch_at, postprocess_images, seed_inputs

_BATCH_SIZE = 8  # pictures drawn at once


class Samples(StepClock):
    """Draws a sheet of fixed seeds with the averaged generator, every so many steps; of the classes in turn.

    Args:
        folder: where the sheets are written, as `step-000500.png`.
        run_name: name of the run, kept in the pictures.
        seeds: seeds of the pictures, in reading order.
        frequency_steps: steps between sheets.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.

    Attributes:
        pictures: uint8 `[count, side, side, channels]`, those of the last sheet; None before the first.
    """

    def __init__(self, folder, run_name, seeds, frequency_steps, calibrate):
        super().__init__()
        self.folder = folder
        self.run_name = run_name
        self.seeds = seeds
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self.pictures = None

    def set_model(self, model):
        """Compiles the drawing of one batch, once."""
        if model is self.model:
            return
        super().set_model(model)
        self._draw = tf.function(lambda inputs: postprocess_images(model(inputs, training=False)))

    def on_train_begin(self, logs=None):
        """Draws the sheet of the networks as they were initialized."""
        if int(self.model.steps.numpy()) == 0:
            self.write_sheet(0)

    def on_step(self, step, logs):
        """Draws a sheet when it is due."""
        if step % self.frequency_steps == 0:
            self.write_sheet(step)

    def write_sheet(self, step):
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
