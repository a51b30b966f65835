"""`--hours`: how many steps a training makes in a given time, from steps that are timed. Imports no TensorFlow."""

from collections.abc import Callable, Mapping
from typing import Any

from sle_gan.assembly.probe import StepTimes
from sle_gan.errors import InputError
from sle_gan.settings import TrainSettings

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
    """Gives a training of so many hours its number of steps, which it prints.

    Args:
        given: settings by name; where `steps` are among them, they stay.
        plan: function of settings by name -> what a training would do: its `settings`, and the `folder` with the
            `images`.
        time_steps: see `sle_gan.assembly.probe.ask_times`.

    Returns:
        The settings by name, with `steps`.

    Raises:
        InputError: if not a step can be made in this time.
    """
    if given.get("hours") is None or given.get("steps") is not None:
        return given
    planned = plan(given)
    steps, line = fit_steps(planned.settings, given["hours"], time_steps(planned.settings), len(planned.folder.images))
    print(f"length: {line}", flush=True)
    return {**given, "steps": steps}


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
