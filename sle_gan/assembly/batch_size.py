"""`--batch-size auto`: the largest batch whose step fits into memory, found by trials of real steps.

Imports no TensorFlow: trials are made in a process beside this one, see `sle_gan.assembly.probe`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.picture_shape import PictureShape
from sle_gan.settings import CommandSettings, TrainSettings
from sle_gan.settings.optimization import AUTO
from sle_gan.settings.train import DEFAULTS

Ask = Callable[[TrainSettings | None], dict[str, int | None]]

_MIB = 2**20
_FINENESS = 32


def check_batch_size(given: Mapping[str, Any]) -> None:
    """Checks that an automatic batch size, if it is asked for, can be tried here, and has a limit only then.

    Args:
        given: settings by name, as a command gives them.

    Raises:
        InputError: if not.
    """
    if given.get("batch_size") != AUTO:
        if given.get("memory_limit") is not None:
            raise InputError("--memory-limit is what --batch-size auto fits into; give both or neither")
    elif given.get("strategy") == "multi-worker":
        raise InputError("--batch-size auto tries steps of one machine; give --strategy multi-worker a number")
    elif given.get("variant") is not None:
        raise InputError("--batch-size auto tries steps that train two networks; give a search a number")


def with_batch_size(
    given: Mapping[str, Any], command: CommandSettings, plan: Callable[[Mapping[str, Any]], Any], ask: Ask
) -> Mapping[str, Any]:
    """Replaces an automatic batch size by a number.

    Args:
        given: settings by name.
        command: what is meant of this command alone.
        plan: function of settings by name whose batch size is a number -> what a training would do: its `settings`,
            and the `folder` with the `images`.
        ask: see `sle_gan.assembly.probe.MemoryTrials`.

    Returns:
        The settings by name, with a number.

    Raises:
        InputError: if no batch fits, or there is no limit to fit into.
    """
    if given.get("batch_size") != AUTO:
        return given
    values = {**DEFAULTS, **given}
    if command.dry_run:
        model, shares = MODELS[values["model"]], values["accumulate"]
        resolution = given.get(
            "resolution", model.pair(given.get("generator"), given.get("discriminator")).usual_resolution
        )
        paper = model.recipe_at(PictureShape.of(resolution).side).batch_size
        size = max(paper // shares, 1) * shares
        print(f"batch size auto: a training would first try which sizes fit; this is the step of {size} images")
        return {**given, "batch_size": size}
    return {**given, "batch_size": _largest_batch(values, lambda size: plan({**given, "batch_size": size}), ask)}


def largest_that_fits(needed: Callable[[int], int | None], most: int, limit: int | None) -> int:
    """Finds the largest number whose need is within a limit, to a thirty-second of it.

    Numbers rise for as long as they fit, because a smaller one costs a process more, and no further than what was
    needed so far lets expect to fit, because a need far above the limit stalls a machine.

    Args:
        needed: function of a whole number from 1, never asked twice -> what it needs; None if it cannot be had.
        most: the largest number that is looked at, 1 at least.
        limit: what needs must not exceed; None if only what cannot be had is too much.

    Returns:
        The number; 0 if 1 does not fit.
    """
    needs: dict[int, int | None] = {}
    low, high, number, narrowed = 0, most + 1, 1, 0
    while high - low > max(1, low // _FINENESS):
        need = needs[number] = needed(number)
        if need is None or (limit is not None and need > limit):
            high = number
        else:
            low = number
        if high <= most:
            # Needs grow almost in proportion; every second time the middle is tried, in case they do not.
            number = _between(needs, low, high, None if narrowed % 2 else limit)
            narrowed += 1
        else:
            number = min(2 * low if limit is None else _beyond(needs, limit), most)
            if number - low <= low // _FINENESS and number < most:
                break
    return low


def _beyond(needs: Mapping[int, int | None], limit: int) -> int:
    """Returns a larger number than all that were tried, which all fit, and which is expected to fit too."""
    (number, need), *smaller = ((number, need) for number, need in sorted(needs.items(), reverse=True) if need)
    multiple = int(limit / need) * number  # needs grow in proportion at most
    if not smaller:
        return max(multiple, number + 1)
    slope = (need - smaller[0][1]) / (number - smaller[0][0])
    last = number + (limit - need) / slope if slope > 0 else math.inf
    if last <= 2 * number:
        return max(int(last), number + 1)
    half_way = min(number + (last - number) / 2, 8 * number)  # needs may grow faster than they did so far
    return max(2 * number, multiple, int(half_way))


def _between(needs: Mapping[int, int | None], low: int, high: int, limit: int | None) -> int:
    middle = (low + high) // 2
    low_need, high_need = needs.get(low), needs[high]
    if limit is None or low_need is None or high_need is None:
        return middle
    part = (limit - low_need) / (high_need - low_need)
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
    decoded = image_count * images.shape.pixels * images.channels
    beside_step = decoded if not gpus and decoded <= images.cache_limit_bytes else 0
    limit_text = "the GPU" if limit is None else f"{memory_limit:,} MiB"
    needs = {}

    def needed(number: int) -> int | None:
        size = number * unit
        peak = ask(plan_of(size).settings)["peak_bytes"]
        need = needs[number] = None if peak is None else peak + beside_step
        need_text = "more than there is" if need is None else f"{need / _MIB:,.0f} MiB"
        print(f"batch size auto: a step of {size} images needs {need_text}", flush=True)
        return need

    most = max(image_count // unit, 1)
    number = largest_that_fits(needed, most, limit)
    if number == 0:
        need = "more memory than there is" if needs[1] is None else f"{needs[1] / _MIB:,.0f} MiB"
        raise InputError(
            f"--batch-size auto: a step of {unit} images needs {need}, and {limit_text} is the limit; give a smaller "
            "--width or --resolution, or a higher --memory-limit"
        )
    bound = ", as many as there are to train on" if number == most else f", in steps of {unit}"
    print(f"batch size auto: {number * unit} images fit into {limit_text}{bound}", flush=True)
    return number * unit
