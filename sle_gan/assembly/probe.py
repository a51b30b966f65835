"""Asks for measurements of a training step, which are made in a process of their own. Imports no TensorFlow.

A process that had measured would train otherwise than one that had not: the order of sums in a compiled step depends on
what was built before it.
"""

import json
import os
import subprocess
import sys
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


def ask_memory(settings: TrainSettings | None) -> dict[str, int | None]:
    """Measures what a step holds in memory.

    Args:
        settings: the resolved settings; None to be told of the devices alone.

    Returns:
        A dictionary of `gpus`, their number, and `peak_bytes`: the most that a GPU, or without one the process, held at
        a time; None where it did not get as much.

    Raises:
        InputError: if the settings cannot be used.
        TrainingError: if the steps failed for another reason than memory.
    """
    answer = _ask(settings, 0, "a trial of --batch-size auto", "--batch-size as a number")
    return answer or {"gpus": 0, "peak_bytes": None}


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
    answer = _ask(settings, TIMED_STEPS, "timing a step", "--steps", clock, environment)
    if answer is None or answer["times"] is None:
        raise TrainingError("out of memory; give a smaller --batch-size, --width or --resolution")
    return StepTimes(*answer["times"])


def process_environment() -> dict[str, str]:
    """Returns the environment in which a process of its own finds this package."""
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _ask(
    settings: TrainSettings | None,
    timed_steps: int,
    what: str,
    instead: str,
    clock: str = WALL,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Returns the answer; None where the system ended the process, as it does with one that takes too much memory."""
    done = subprocess.run(
        [sys.executable, "-m", _PROBE],
        input=json.dumps({"settings": settings and to_nested(settings), "timed_steps": timed_steps, "clock": clock}),
        capture_output=True,
        text=True,
        check=False,
        env=process_environment() | dict(environment or {}),
    )
    if done.returncode < 0:
        return None
    if done.returncode:
        cause = (done.stderr.splitlines() or ["it said nothing"])[-1]
        kind = InputError if done.returncode == InputError.exit_code else TrainingError
        raise kind(f"{what} failed: {cause}; give {instead}")
    return json.loads(done.stdout.splitlines()[-1])
