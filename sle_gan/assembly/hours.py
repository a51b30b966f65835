"""`--hours`: how wide networks are, and how many steps they make, in a given time, from steps that are timed.

Imports no TensorFlow.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sle_gan.assembly.probe import StepTimes
from sle_gan.errors import InputError, TrainingError
from sle_gan.settings import TicketSettings, TrainSettings

NARROWER = (48, 32, 24, 16, 8)
ENOUGH_STEPS = 2000

_MEASURED = "fastgan"
_SHARE_OF_STEPS = 0.95  # of the time; the rest goes to sheets, checkpoints and what else is running


def check_length(given: Mapping[str, object]) -> None:
    """Checks that the length of a training is given once.

    Args:
        given: settings by name.

    Raises:
        InputError: if `hours` is given beside another length, or where steps of one machine do not tell.
    """
    if given.get("hours") is None:
        return
    for name in ("steps", "epochs"):
        if given.get(name) is not None:
            raise InputError(f"--hours and --{name} both say how long to train; give one")
    if given.get("strategy") == "multi-worker":
        raise InputError("--hours times steps of one machine; give --strategy multi-worker --steps")


def with_steps(
    given: Mapping[str, Any],
    plan: Callable[[Mapping[str, Any]], Any],
    time_steps: Callable[[TrainSettings], StepTimes],
) -> Mapping[str, Any]:
    """Gives a training of so many hours its width and its number of steps, which it prints.

    Args:
        given: settings by name; where `steps` are among them, they stay.
        plan: function of settings by name -> what a training would do: its `settings`, and the `folder` with the
            `images`.
        time_steps: see `sle_gan.assembly.probe.ask_times`.

    Returns:
        The settings by name, with `steps`, and where a narrower network was chosen, with `width`.

    Raises:
        InputError: if not a step can be made in this time.
    """
    if given.get("hours") is None or given.get("steps") is not None:
        return given
    planned = plan(given)
    image_count, hours = len(planned.folder.images), given["hours"]
    chosen, lines = fit_length(planned.settings, given, hours, time_steps, image_count)
    print("\n".join(lines), flush=True)
    return {**given, **chosen}


def fit_length(
    settings: TrainSettings,
    given: Mapping[str, Any],
    hours: float,
    time_steps: Callable[[TrainSettings], StepTimes],
    image_count: int,
) -> tuple[dict[str, int], list[str]]:
    """Chooses the width and the steps of a training of so many hours.

    A narrow network that makes more steps draws better pictures in a short time than a wide one that makes few: of
    FastGAN's widths, where none is given, the widest is taken at which `ENOUGH_STEPS` fit. `docs/results.md`, "Width
    and time", has what was measured. Each width that is tried costs some steps of it.

    Args:
        settings: of the training, of whatever length.
        given: settings by name, as a command gives them.
        hours: of the training.
        time_steps: see `sle_gan.assembly.probe.ask_times`.
        image_count: images that are trained on.

    Returns:
        The settings by name, and lines of text that say what was chosen and why.

    Raises:
        InputError: if not a step can be made in this time.
    """
    if given.get("width") is not None or not _has_measured_widths(settings):
        steps, line = fit_steps(settings, hours, time_steps(settings), image_count)
        return {"steps": steps}, [f"length: {line}"]
    widths = (settings.network.width, *(width for width in NARROWER if width < settings.network.width))
    # The first of the widths at which enough steps fit, by halving: a narrower one makes more of them.
    low, high, found = 0, len(widths) - 1, {}
    while low < high:
        middle = (low + high) // 2
        found[middle] = _fit_width(settings, widths[middle], hours, time_steps, image_count)
        low, high = (low, middle) if found[middle][0] >= ENOUGH_STEPS else (middle + 1, high)
    steps, line = found.get(low) or _fit_width(settings, widths[low], hours, time_steps, image_count)
    why = f"the widest at which {ENOUGH_STEPS:,} steps fit" if steps >= ENOUGH_STEPS else "the narrowest that is tried"
    return {"width": widths[low], "steps": steps}, [f"width: {widths[low]}, {why}", f"length: {line}"]


def _has_measured_widths(settings: TrainSettings) -> bool:
    """Returns whether networks of several widths were compared, and none has its width from elsewhere."""
    network, transfer = settings.network, settings.transfer
    files = network.generator_weights, network.discriminator_weights, transfer.init_from
    is_alone = not any(files) and not isinstance(settings.sparsity, TicketSettings)
    return is_alone and network.generator == network.discriminator == _MEASURED


def _fit_width(
    settings: TrainSettings,
    width: int,
    hours: float,
    time_steps: Callable[[TrainSettings], StepTimes],
    image_count: int,
) -> tuple[int, str]:
    settings = replace(settings, network=replace(settings.network, width=width))
    try:
        return fit_steps(settings, hours, time_steps(settings), image_count)
    except TrainingError:  # too little memory
        if width == NARROWER[-1]:
            raise
        return 0, ""


def fit_steps(settings: TrainSettings, hours: float, times: StepTimes, image_count: int) -> tuple[int, str]:
    """Works out how many steps fit into a time.

    Args:
        settings: of the training, of whatever length.
        hours: of the training.
        times: that were measured.
        image_count: images that are trained on.

    Returns:
        The steps, two digits and zeros: of a search of a ticket those of its first round. And a line of text that
        says so.

    Raises:
        InputError: if not a step can be made in this time.
    """
    seconds = _SHARE_OF_STEPS * 3600 * hours - times.start_seconds
    # The rounds of a search follow from the first one, in proportion.
    per_step = times.step_seconds * settings.optimization.steps / settings.steps_given
    steps = _rounded_down(int(seconds / per_step))
    if steps < 1:
        needed = (times.start_seconds + per_step) / _SHARE_OF_STEPS / 60
        raise InputError(f"--hours must be above {needed:.1f}m here for a step to be made; got {60 * hours:g}m")
    of_search = steps_of_round = ""
    if settings.steps_given != settings.optimization.steps:
        of_search, steps_of_round = " in all rounds", " in the first round"
    passes = seconds / times.step_seconds * settings.optimization.images_per_step / image_count
    return steps, (
        f"{steps:,} steps{steps_of_round} in {_in_words(hours)}: a step takes {times.step_seconds:.3g} s here; about "
        f"{passes:,.0f} passes over {image_count} images{of_search}"
    )


def _in_words(hours: float) -> str:
    return f"{hours:.3g} h" if hours >= 1 else f"{60 * hours:.3g} min"


def _rounded_down(steps: int) -> int:
    digits = max(len(str(steps)) - 2, 0)
    return steps // 10**digits * 10**digits
