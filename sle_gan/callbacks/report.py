"""Keeps the report of a run up to date while it trains."""

from collections.abc import Callable, Sequence

from sle_gan.callbacks.clock import Logs, StepClock


class Report(StepClock):
    """Rewrites the report whenever there may be something new to see, and at the end of training.

    If the report cannot be written, this prints why, and training goes on.

    Args:
        write: function without arguments that writes the report.
        frequencies_steps: whole numbers; the report is rewritten at all multiples of each.
    """

    def __init__(self, write: Callable[[], object], frequencies_steps: Sequence[int]) -> None:
        super().__init__()
        self.write = write
        self.frequencies_steps = frequencies_steps

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Writes a report of what there is so far."""
        self._write_or_warn()

    def on_step(self, step: int, logs: Logs) -> None:
        """Writes when it is due."""
        if any(step % frequency == 0 for frequency in self.frequencies_steps):
            self._write_or_warn()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Writes the last one."""
        self._write_or_warn()

    def _write_or_warn(self) -> None:
        try:
            self.write()
        except Exception as error:  # of any kind: the training is worth more than its report
            print(f"the report cannot be written ({type(error).__name__}: {error})", flush=True)
