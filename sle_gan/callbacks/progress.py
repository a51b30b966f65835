"""The progress of training: a bar on a terminal, plain lines elsewhere, and `timings.jsonl`."""

import datetime
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sle_gan.callbacks.clock import Logs, StepClock


class _Report(NamedTuple):
    """When the pace was last measured: steps done, the clock, and the seconds waited for input so far."""

    step: int
    time: float
    waited: float


class TrainingProgress(StepClock):
    """Shows step, losses, images per second, seconds per kimg, the time left, and the share of time spent on input.

    The pace is measured over the steps since the last report. The first report leaves out the first step, which also
    traces the graph. The last number is the share of that time, in [0, 1], in which steps waited for their input; see
    `sle_gan.training.feeding`.

    Args:
        file: path of `timings.jsonl`; rows are appended.
        total_steps: step at which training ends.
        images_at: function of a number of steps -> the images that they show.
        frequency_steps: steps between rows of timings, and between plain lines.
    """

    def __init__(self, file: Path, total_steps: int, images_at: Callable[[int], int], frequency_steps: int) -> None:
        super().__init__()
        self.file = file
        self.total_steps = total_steps
        self.images_at = images_at
        self.frequency_steps = frequency_steps
        self._bar: Progress | None = None
        self._pace = 0.0  # images per second; 0 before the first report
        self._reported: _Report | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts the bar."""
        self._reported = None
        if sys.stdout.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Progress(*columns, console=Console(file=sys.stdout))
            steps = int(self.model.steps.numpy())
            self._task = self._bar.add_task("training", total=self.total_steps, completed=steps, text="")
            self._bar.start()

    def on_step(self, step: int, logs: Logs) -> None:
        """Reports when it is due; updates the bar at every step."""
        now = _Report(step, time.monotonic(), self.model.waited_seconds)
        before = self._reported or now
        due = step % self.frequency_steps == 0 and step > before.step
        if due:
            self._measure(before, now)
        if due or self._reported is None:
            self._reported = now
        if self._bar is not None:
            text = self._losses(logs) + (f"  {self._pace_text(step)}" if self._pace else "")
            self._bar.update(self._task, completed=step, text=text)
        elif due:
            print(f"step {step}/{self.total_steps}  {self._losses(logs)}  {self._pace_text(step)}", flush=True)

    def stop(self) -> None:
        """Removes the bar from the terminal; call it however training ended."""
        if self._bar is not None:
            self._bar.stop()

    def _measure(self, before: _Report, now: _Report) -> None:
        steps, seconds = now.step - before.step, now.time - before.time
        self._waiting = min((now.waited - before.waited) / seconds, 1.0)  # two clocks may disagree
        self._pace = (self.images_at(now.step) - self.images_at(before.step)) / seconds
        row = {
            "step": now.step,
            "time": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "seconds_per_step": seconds / steps,
            "images_per_second": self._pace,
            "waiting_for_input": self._waiting,
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _pace_text(self, step: int) -> str:
        images_left = self.images_at(self.total_steps) - self.images_at(step)
        left = datetime.timedelta(seconds=round(images_left / self._pace))
        pace = f"{self._pace:.1f} images/s  {1000 / self._pace:.0f} s/kimg  {left} left"
        return f"{pace}  {self._waiting:.1%} waiting for input"

    @staticmethod
    def _losses(logs: Logs) -> str:
        return (
            f"G {logs['generator_loss']:+.3f}  D {logs['discriminator_loss']:.3f}  "
            f"rec {logs['reconstruction_loss']:.3f}"
        )
