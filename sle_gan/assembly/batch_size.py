"""`--batch-size auto`: the largest batch whose step fits into memory, found by trials of real steps.

Imports no TensorFlow: each trial is a process of its own, see `sle_gan.assembly.step_probe`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sle_gan.errors import InputError, TrainingError
from sle_gan.models import MODELS
from sle_gan.run import RunFolder
from sle_gan.settings import CommandSettings, TrainSettings
from sle_gan.settings.nested import to_nested
from sle_gan.settings.optimization import AUTO
from sle_gan.settings.train import DEFAULTS

Ask = Callable[[TrainSettings | None], dict[str, int | None]]

_MIB = 2**20
_PROBE = "sle_gan.assembly.step_probe"


def with_batch_size(
    given: Mapping[str, Any], command: CommandSettings, plan: Callable[[Mapping[str, Any]], Any], ask: Ask
) -> Mapping[str, Any]:
    """Replaces an automatic batch size by a number; a run that goes on keeps its own, without a trial.

    Args:
        given: settings by name.
        command: what is meant of this command alone.
        plan: function of settings by name whose batch size is a number -> what a training would do: its `settings`,
            the `folder` with the `images`, and the `run` that it would write to.
        ask: see `ask_probe`.

    Returns:
        The settings by name, with a number.

    Raises:
        InputError: if no batch fits, or there is no limit to fit into.
    """
    values = {**DEFAULTS, **given}
    if given.get("batch_size") != AUTO:
        if values["memory_limit"] is not None:
            raise InputError("--memory-limit is what --batch-size auto fits into; give both or neither")
        return given
    if values["strategy"] == "multi-worker":
        raise InputError("--batch-size auto tries steps of one machine; give --strategy multi-worker a number")
    for size in _sizes_of_runs(values):
        known = {**given, "batch_size": size}
        if plan(known).run.exists() and not command.override:
            return known
    if command.dry_run:
        paper, shares = MODELS[values["model"]].recipe_at(values["resolution"]).batch_size, values["accumulate"]
        size = max(paper // shares, 1) * shares
        print(f"batch size auto: a training would first try which sizes fit; told is the step of {size} images")
        return {**given, "batch_size": size}
    return {**given, "batch_size": _largest_batch(values, lambda size: plan({**given, "batch_size": size}), ask)}


def ask_probe(settings: TrainSettings | None) -> dict[str, int | None]:
    """Measures a step in a process of its own, `python -m sle_gan.assembly.step_probe`.

    Args:
        settings: the resolved settings; None to be told of the devices alone.

    Returns:
        A dictionary of `gpus`, their number, and `peak_bytes`: the most that a GPU, or without one the process, held at
        a time; None where it did not get as much.

    Raises:
        InputError: if the settings cannot be used.
        TrainingError: if the steps failed for another reason than memory.
    """
    package_folder = str(Path(__file__).parents[2])
    paths = [package_folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", _PROBE],
        input=json.dumps(settings and to_nested(settings)),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    if done.returncode < 0:  # the system ends a process that takes too much
        return {"gpus": 0, "peak_bytes": None}
    if done.returncode:
        cause = (done.stderr.splitlines() or ["it said nothing"])[-1]
        kind = InputError if done.returncode == InputError.exit_code else TrainingError
        raise kind(f"a trial of --batch-size auto failed: {cause}; give --batch-size as a number")
    return json.loads(done.stdout.splitlines()[-1])


def largest_that_fits(needed, most, limit):
    """Finds the largest number whose need is within a limit: doubles until one is not, then narrows it down.

    No number beyond twice one that fits is tried, because a need far above the limit stalls a machine.

    Args:
        needed: function of a whole number from 1, never asked twice -> what it needs; None if it cannot be had.
        most: the largest number that is looked at, 1 at least.
        limit: what needs must not exceed; None if only what cannot be had is too much.

    Returns:
        The number; 0 if 1 does not fit.
    """
    needs, low, high, number = {}, 0, most + 1, 1
    while high - low > 1:
        needs[number] = needed(number)
        if needs[number] is None or (limit is not None and needs[number] > limit):
            high = number
        else:
            low = number
        number = min(2 * low, most) if high > most else _between(needs, low, high, limit)
    return low


def _between(needs, low, high, limit):
    middle = (low + high) // 2
    if limit is None or low == 0 or needs[high] is None or len(needs) % 2:
        return middle
    # Needs grow almost in proportion; every second time the middle is tried, in case they do not.
    part = (limit - needs[low]) / (needs[high] - needs[low])
    return min(max(low + int(part * (high - low)), low + 1), high - 1)


def _largest_batch(values: Mapping[str, Any], plan_of: Callable[[int], Any], ask: Ask) -> int:
    shares, memory_limit = values["accumulate"], values["memory_limit"]
    smallest = plan_of(shares)  # first: what cannot be used is told within a second
    gpus = ask(None)["gpus"]
    if memory_limit is None and not gpus:
        raise InputError(
            "--batch-size auto needs --memory-limit where there is no GPU: the MiB that a training may take"
        )
    limit = None if memory_limit is None else memory_limit * _MIB
    unit = shares * (gpus if gpus and values["strategy"] != "one" else 1)
    image_count, images = len(smallest.folder.images), smallest.settings.images
    decoded = image_count * images.resolution**2 * images.channels
    beside_step = decoded if not gpus and decoded <= images.cache_limit_bytes else 0
    told_limit = "the GPU" if limit is None else f"{memory_limit:,} MiB"
    needs = {}

    def needed(number):
        size = number * unit
        peak = ask(plan_of(size).settings)["peak_bytes"]
        needs[number] = None if peak is None else peak + beside_step
        told = "more than there is" if peak is None else f"{needs[number] / _MIB:,.0f} MiB"
        print(f"batch size auto: a step of {size} images needs {told}", flush=True)
        return needs[number]

    most = max(image_count // unit, 1)
    number = largest_that_fits(needed, most, limit)
    if number == 0:
        told = "more memory than there is" if needs[1] is None else f"{needs[1] / _MIB:,.0f} MiB"
        raise InputError(
            f"--batch-size auto: a step of {unit} images needs {told}, and {told_limit} is the limit; give a smaller "
            "--width or --resolution, or a higher --memory-limit"
        )
    bound = ", as many as there are to train on" if number == most else f", in steps of {unit}"
    print(f"batch size auto: {number * unit} images fit into {told_limit}{bound}", flush=True)
    return number * unit


def _sizes_of_runs(values: Mapping[str, Any]) -> Iterator[int]:
    """Yields the batch sizes of the runs that a training may go on with, the newest run's first, each once."""
    folder, name = Path(values["output_folder"]), values["name"]
    names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    seen = set()
    for run_name in names if name is None else [name]:
        try:
            size = RunFolder(folder / run_name).settings().optimization.batch_size
        except InputError:  # no run, or a damaged one: told of where it is to go on
            continue
        if size not in seen and size % values["accumulate"] == 0:
            seen.add(size)
            yield size
