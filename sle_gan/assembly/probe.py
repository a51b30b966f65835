"""Asks for measurements of a training step, which are made in a process of their own. Imports no TensorFlow.

A process that had measured would train otherwise than one that had not: the order of sums in a compiled step depends on
what was built before it.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.errors import InputError, TrainingError
from sle_gan.settings import TrainSettings
from sle_gan.settings.nested import to_nested

TIMED_STEPS = 5
WALL, CPU = "wall", "cpu"  # clocks

_PROBE = "sle_gan.assembly.step_probe"


class StepTimes(NamedTuple):
    """What a training takes on this machine.

    Attributes:
        start_seconds: from the start of the process until the first step is made.
        step_seconds: of a later step, the median of several.
    """

    start_seconds: float
    step_seconds: float


class MemoryTrials(contextlib.AbstractContextManager["MemoryTrials"]):
    """Measures what steps hold in memory, in a process beside this one.

    The process is used again for a larger batch, without loading TensorFlow and tracing the step again; for a smaller
    one another begins, for the most that a process held at a time never falls. The system may end it, as it does with
    one that takes too much memory.
    """

    def __init__(self) -> None:
        self._process: _Process | None = None
        self._largest = 0  # batch size that the process was asked of

    def __call__(self, settings: TrainSettings | None) -> dict[str, int | None]:
        """Measures a step.

        Args:
            settings: the resolved settings, of one training but for their batch sizes; None to be told of the devices
                alone.

        Returns:
            A dictionary of `gpus`, their number, and `peak_bytes`: the most that a GPU, or without one the process,
            held at a time; None where it did not get as much.

        Raises:
            InputError: if the settings cannot be used.
            TrainingError: if the steps failed for another reason than memory.
        """
        size = 0 if settings is None else settings.optimization.batch_size
        if size <= self._largest:
            self._end()
        if self._process is None:
            self._process = _Process("a trial of --batch-size auto", "--batch-size as a number")
        self._largest = size
        answer = self._process.ask(settings, 0)
        if answer is None or not answer["goes_on"]:
            self._end()
        return answer or {"gpus": 0, "peak_bytes": None}

    def __exit__(self, *error: object) -> None:
        """Ends the process."""
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process, self._largest = None, 0


def ask_times(settings: TrainSettings, clock: str = WALL, environment: Mapping[str, str] | None = None) -> StepTimes:
    """Times some steps.

    Args:
        settings: the resolved settings.
        clock: `wall`, or `cpu` for the time of all cores together.
        environment: variables that the process has besides, such as the number of its threads.

    Raises:
        InputError: if the settings cannot be used.
        TrainingError: if the memory does not suffice, or the steps failed for another reason.
    """
    process = _Process("timing a step", "--steps", environment)
    try:
        answer = process.ask(settings, TIMED_STEPS, clock)
    finally:
        process.end()
    if answer is None or answer["times"] is None:
        raise TrainingError("out of memory; give a smaller --batch-size, --width or --resolution")
    return StepTimes(*answer["times"])


def process_environment() -> dict[str, str]:
    """Returns the environment in which a process of its own finds this package."""
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class _Process:
    """A process that measures steps: see `sle_gan.assembly.step_probe`.

    Args:
        what: is measured, for errors.
        instead: what may be given instead of measuring.
        environment: variables that it has besides.
    """

    def __init__(self, what: str, instead: str, environment: Mapping[str, str] | None = None) -> None:
        self._what, self._instead = what, instead
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  (`end` closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _PROBE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env=process_environment() | dict(environment or {}),
        )

    def ask(self, settings: TrainSettings | None, timed_steps: int, clock: str = WALL) -> dict[str, Any] | None:
        """Returns the answer; None where the system ended the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            request = {"settings": settings and to_nested(settings), "timed_steps": timed_steps, "clock": clock}
            print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        if code < 0:
            return None
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").splitlines()
        cause = (lines or ["it said nothing"])[-1]
        kind = InputError if code == InputError.exit_code else TrainingError
        raise kind(f"{self._what} failed: {cause}; give {self._instead}")

    def end(self) -> None:
        """Ends the process, if the system did not."""
        self._process.kill()
        self._process.communicate()
        self._messages.close()
