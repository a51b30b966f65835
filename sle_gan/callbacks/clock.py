"""The base of the callbacks: it counts the generator steps that are done."""

from typing import Any

import tf_keras as keras

Logs = dict[str, Any]  # losses by name, as Keras passes them to callbacks


class StepClock(keras.callbacks.Callback):
    """A callback that counts generator steps from the model's own counter, so that it is right after a resume.

    Subclasses override `on_step`. It is called after each batch, with the number of steps done so far.
    """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Reads the model's counter; the batches of this epoch are counted from there."""
        self._steps_before = int(self.model.steps.numpy())

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls `on_step`."""
        self.on_step(self._steps_before + batch + 1, logs or {})

    def on_step(self, step: int, logs: Logs) -> None:
        """Does what is due at this step.

        Args:
            step: number of generator steps done.
            logs: the losses of this step, by name.
        """
