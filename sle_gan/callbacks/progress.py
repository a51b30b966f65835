"""The progress of training: a bar on a terminal, plain lines elsewhere, and `timings.jsonl`."""

import datetime
import json
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sle_gan.callbacks.clock import StepClock


class TrainingProgress(StepClock):
    """Shows step, losses, images per second, seconds per kimg, the time that is left, and what share input took.

    The pace is that of the steps since the last report; the first report leaves out the first step, which
    also traces the graph. Beside it stands the share of that time for which the steps waited for their input, from 0
    to 1; see `sle_gan.training.feeding`.

    Args:
        file: path of `timings.jsonl`; rows are appended.
        total_steps: step at which training ends.
        batch_size: images in a step.
        frequency_steps: steps between plain lines and rows of timings.
    """

    def __init__(self, file, total_steps, batch_size, frequency_steps):
        super().__init__()
        self.file = file
        self.total_steps = total_steps
        self.batch_size = batch_size
        self.frequency_steps = frequency_steps
        self._bar = None
        self._pace = None

    def on_train_begin(self, logs=None):
        """Starts the bar."""
        self._reported = None
        if sys.stdout.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[told]}"),
            )
            self._bar = Progress(*columns, console=Console(file=sys.stdout))
            steps = int(self.model.steps.numpy())
            self._task = self._bar.add_task("training", total=self.total_steps, completed=steps, told="")
            self._bar.start()

    def on_step(self, step, logs):
        """Reports when it is due; the bar moves at every step."""
        if self._reported is None:
            self._reported = (step, time.monotonic(), self.model.waited_seconds)
        due = step % self.frequency_steps == 0 and step > self._reported[0]
        if due:
            self._measure(step)
        if self._bar is not None:
            told = self._losses(logs) + (f"  {self._pace_text(step)}" if self._pace else "")
            self._bar.update(self._task, completed=step, told=told)
        elif due:
            print(f"step {step}/{self.total_steps}  {self._losses(logs)}  {self._pace_text(step)}", flush=True)

    def stop(self):
        """Gives the terminal back, however training ended."""
        if self._bar is not None:
            self._bar.stop()

    def _measure(self, step):
        now, waited = time.monotonic(), self.model.waited_seconds
        steps, seconds = step - self._reported[0], now - self._reported[1]
        self._waiting = min((waited - self._reported[2]) / seconds, 1.0)  # the clocks are two
        self._reported = (step, now, waited)
        self._pace = steps * self.batch_size / seconds  # images per second
        row = {
            "step": step,
            "time": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "seconds_per_step": seconds / steps,
            "images_per_second": self._pace,
            "waiting_for_input": self._waiting,
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _pace_text(self, step):
        left = datetime.timedelta(seconds=round((self.total_steps - step) * self.batch_size / self._pace))
        pace = f"{self._pace:.1f} images/s  {1000 / self._pace:.0f} s/kimg  {left} left"
        return f"{pace}  {self._waiting:.1%} waiting for input"

    @staticmethod
    def _losses(logs):
        return (
            f"G {logs['generator_loss']:+.3f}  D {logs['discriminator_loss']:.3f}  "
            f"rec {logs['reconstruction_loss']:.3f}"
        )
