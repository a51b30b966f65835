"""The report of the run, kept up to date while it trains."""

from sle_gan.callbacks.clock import StepClock


class Report(StepClock):
    """Rewrites the report whenever there may be something new to see, and at the end of training.

    A report that cannot be written is told and ends nothing.

    Args:
        write: function of nothing that writes the report.
        frequencies_steps: whole numbers; the report is rewritten at the multiples of each.
    """

    def __init__(self, write, frequencies_steps):
        super().__init__()
        self.write = write
        self.frequencies_steps = frequencies_steps

    def on_train_begin(self, logs=None):
        """Writes a report of what there is."""
        self._try()

    def on_step(self, step, logs):
        """Writes when it is due."""
        if any(step % frequency == 0 for frequency in self.frequencies_steps):
            self._try()

    def on_train_end(self, logs=None):
        """Writes the last one."""
        self._try()

    def _try(self):
        try:
            self.write()
        except Exception as error:  # whatever it is, the training is worth more than its report
            print(f"the report cannot be written ({type(error).__name__}: {error})", flush=True)
