"""What a command leaves open and the run that it goes on with has settled: batch, width, length, rates, precision.

So the same command goes on with a run exactly, whatever a trial or a rule would choose today. Imports no TensorFlow.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sle_gan.errors import InputError
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.settings.devices import FLOAT32
from sle_gan.settings.optimization import AUTO
from sle_gan.settings.train import DEFAULTS

_RATES = ("G_learning_rate", "D_learning_rate")
_FITTED = (*_RATES, "rate_decay")
_AVERAGE = ("ema_decay", "ema_kimg")


def with_settled(
    given: Mapping[str, Any], plan: Callable[[Mapping[str, Any]], Any], *, change: bool = False
) -> Mapping[str, Any]:
    """Fills in what the run has settled that a training goes on with.

    Args:
        given: settings by name, as a command gives them.
        plan: function of settings by name, whose batch size is a number -> what a training would do: the `run` that it
            would write to, and whether it `goes_on` with it.
        change: whether the run's settings may change: those of its rates that were not given stay nevertheless.

    Returns:
        The settings by name; as they were given where the training goes on with no run.
    """
    for known, run_names in _with_choices_of_runs(given, change=change):
        planned = plan(known)
        if planned.goes_on and planned.run.name in run_names:
            return known
    return given


def _with_choices_of_runs(given: Mapping[str, Any], *, change: bool) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yields the settings as runs would have them that may go on, each once, the newest first; and their names."""
    values = {**DEFAULTS, **given}
    folder, name = Path(values["output_folder"]), values["name"]
    names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    choices: list[tuple[dict[str, Any], list[str]]] = []
    for run_name in names if name is None else [name]:
        run = RunFolder(folder / run_name)
        if not run.exists():
            continue
        try:
            settings = run.settings()
        except (InputError, OSError):  # a damaged one, or somebody else's: told of where it is to go on
            continue
        known = {**given, **_settled(given, settings, change=change)}
        same = next((names for other, names in choices if other == known), None)
        if same is not None:
            same.append(run_name)
        elif known.get("batch_size") != AUTO:
            choices.append((known, [run_name]))
    yield from choices


def _settled(given: Mapping[str, Any], run: TrainSettings, *, change: bool) -> dict[str, Any]:
    optimization, shares = run.optimization, given.get("accumulate") or 1
    settled: dict[str, Any] = {}
    if given.get("batch_size") == AUTO and optimization.batch_size % shares == 0:
        settled["batch_size"] = optimization.batch_size
    if given.get("hours") is not None and given["hours"] == optimization.hours:
        settled["steps"] = run.steps_given
        if given.get("width") is None:
            settled["width"] = run.network.width
    if given.get("mixed_precision") in (None, AUTO):
        settled["mixed_precision"] = run.devices.mixed_precision or FLOAT32
    asked = given.get("rates") or optimization.rates
    if asked != optimization.rates or (not change and any(given.get(name) is not None for name in _RATES)):
        return settled
    settled["rates"] = optimization.rates
    if optimization.rates == AUTO:
        settled |= {name: getattr(optimization, name) for name in _FITTED if given.get(name) is None}
        if all(given.get(name) is None for name in _AVERAGE):
            settled |= {name: getattr(optimization, name) for name in _AVERAGE}
    return settled
