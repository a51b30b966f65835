"""`--batch-size auto`: the largest batch whose step fits into memory, found by trials of real steps.

Imports no TensorFlow: each trial is a process of its own, see `sle_gan.assembly.step_probe`.
"""

import argparse
from pathlib import Path

from sle_gan.cli.numbers import AUTO
from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.run import RunFolder

_MIB = 2**20


def with_batch_size(arguments, plan, ask):
    """Replaces an automatic batch size by a number; a run that goes on keeps its own, without a trial.

    Args:
        arguments: the parsed arguments.
        plan: function of arguments whose batch size is a number -> what a training would do: its `settings`, the
            `folder` with the `images`, and the `run` that it would write to.
        ask: see `sle_gan.assembly.step_probe.ask_probe`.

    Returns:
        The arguments, with a number.

    Raises:
        InputError: if no batch fits, or there is no limit to fit into.
    """
    if arguments.batch_size != AUTO:
        if arguments.memory_limit is not None:
            raise InputError("--memory-limit is what --batch-size auto fits into; give both or neither")
        return arguments
    if arguments.strategy == "multi-worker":
        raise InputError("--batch-size auto tries steps of one machine; give --strategy multi-worker a number")
    for size in _sizes_of_runs(arguments):
        known = _given(arguments, size)
        if plan(known).run.exists() and not arguments.override:
            return known
    if arguments.dry_run:
        paper = MODELS[arguments.model].recipe_at(arguments.resolution).batch_size
        size = max(paper // arguments.accumulate, 1) * arguments.accumulate
        print(f"batch size auto: a training would first try which sizes fit; told is the step of {size} images")
        return _given(arguments, size)
    return _given(arguments, _largest_batch(arguments, plan, ask))


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


def _largest_batch(arguments, plan, ask):
    smallest = plan(_given(arguments, arguments.accumulate))  # first: what cannot be used is told within a second
    gpus = ask(None)["gpus"]
    if arguments.memory_limit is None and not gpus:
        raise InputError(
            "--batch-size auto needs --memory-limit where there is no GPU: the MiB that a training may take"
        )
    limit = None if arguments.memory_limit is None else arguments.memory_limit * _MIB
    unit = arguments.accumulate * (gpus if gpus and arguments.strategy != "one" else 1)
    image_count, settings = len(smallest.folder.images), smallest.settings
    decoded = image_count * settings["resolution"] ** 2 * settings["channels"]
    beside_step = decoded if not gpus and decoded <= settings["cache_limit"] * _MIB else 0
    told_limit = "the GPU" if limit is None else f"{arguments.memory_limit:,} MiB"
    needs = {}

    def needed(number):
        size = number * unit
        peak = ask(plan(_given(arguments, size)).settings)["peak_bytes"]
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


def _sizes_of_runs(arguments):
    """Yields the batch sizes of the runs that these arguments may go on with, the newest run's first, each once."""
    folder = Path(arguments.output_folder)
    names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    seen = set()
    for name in names if arguments.name is None else [arguments.name]:
        try:
            size = RunFolder(folder / name).config()["settings"].get("batch_size")
        except InputError:  # no run, or a damaged one: told of where it is to go on
            continue
        if isinstance(size, int) and size not in seen and size % arguments.accumulate == 0:
            seen.add(size)
            yield size


def _given(arguments, size):
    return argparse.Namespace(**(vars(arguments) | {"batch_size": size}))
