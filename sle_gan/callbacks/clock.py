"""What the callbacks share: the number of generator steps that are done."""

import tf_keras as keras


class StepClock(keras.callbacks.Callback):
    """A callback that counts generator steps from the model's own counter, so that it is right after a resume.

    Subclasses override `on_step`, called when a batch is done with the number of steps done so far.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Reads the counter: the batches of this epoch count on from here."""
        self._steps_before = int(self.model.steps.numpy())

    def on_train_batch_end(self, batch, logs=None):
        """Calls `on_step`."""
        self.on_step(self._steps_before + batch + 1, logs)

    def on_step(self, step, logs):
        """Does what is due at this step.

        Args:
            step: number of generator steps done.
            logs: the losses of this step, by name.
        """
