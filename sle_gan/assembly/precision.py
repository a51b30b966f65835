"""`--mixed-precision auto`: bfloat16 where steps are much faster in it, found by timing some of both.

Imports no TensorFlow: steps are timed in processes of their own, see `sle_gan.assembly.probe`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sle_gan.assembly.probe import StepTimes
from sle_gan.errors import TrainingError
from sle_gan.settings import CommandSettings, NetworkSettings, TrainSettings
from sle_gan.settings.devices import FLOAT32
from sle_gan.settings.optimization import AUTO
from sle_gan.systems import may_have_bfloat16_units

BFLOAT16 = "bfloat16"
FASTER = 1.3  # times as fast as float32, at the least
FEWEST_STEPS = 500  # of a training that gains more than the trial costs

# docs/results.md, "Arithmetic of 16 bits": scored no worse in it. Others stay float32 unless they are asked for.
_MEASURED_GENERATORS = {"fastgan"}
_MEASURED_DISCRIMINATORS = {"fastgan"}


class PrecisionTrials:
    """Times steps in float32, and where nothing else is asked for in bfloat16 too; of each network once.

    Args:
        given: settings by name; the number of `steps` may be missing.
        time_steps: see `sle_gan.assembly.probe.ask_times`.
        is_possible: whether there may be units for bfloat16 here.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        time_steps: Callable[[TrainSettings], StepTimes],
        *,
        is_possible: bool | None = None,
    ) -> None:
        self._time_steps = time_steps
        is_possible = may_have_bfloat16_units() if is_possible is None else is_possible
        is_asked_for = given.get("mixed_precision") in (None, AUTO)
        self._is_open = is_possible and is_asked_for and given.get("strategy") != "multi-worker"
        self._timed: dict[NetworkSettings, tuple[StepTimes, StepTimes | None]] = {}

    def has_choice(self, settings: TrainSettings) -> bool:
        """Returns whether both are timed for a training, of whatever length."""
        network = settings.network
        is_measured = network.generator in _MEASURED_GENERATORS and network.discriminator in _MEASURED_DISCRIMINATORS
        return self._is_open and is_measured and settings.search is None and settings.growth is None

    def fastest(self, settings: TrainSettings) -> StepTimes:
        """Returns the times of the precision that is chosen, as `time_steps` does.

        Args:
            settings: the resolved settings.

        Raises:
            InputError: if the settings cannot be used.
            TrainingError: if the memory does not suffice, or the steps failed for another reason.
        """
        plain, mixed = self._times(settings)
        return mixed if mixed is not None and _is_much_faster(plain, mixed) else plain

    def choose(self, settings: TrainSettings) -> tuple[str, str]:
        """Chooses the precision of a training.

        Args:
            settings: the resolved settings.

        Returns:
            `bfloat16` or `float32`, and a line of text that says why.

        Raises:
            InputError, TrainingError: see `fastest`.
        """
        plain, mixed = self._times(settings)
        if mixed is None:
            return FLOAT32, "float32: no step could be made in bfloat16"
        chosen, other = (BFLOAT16, FLOAT32) if _is_much_faster(plain, mixed) else (FLOAT32, BFLOAT16)
        times = f"a step takes {plain.step_seconds:.3g} s in float32, {mixed.step_seconds:.3g} s in bfloat16"
        return chosen, f"{chosen}: {times} (--mixed-precision {other})"

    def _times(self, settings: TrainSettings) -> tuple[StepTimes, StepTimes | None]:
        network = settings.network
        if network not in self._timed:
            self._timed[network] = self._time_steps(settings), self._mixed_times(settings)
        return self._timed[network]

    def _mixed_times(self, settings: TrainSettings) -> StepTimes | None:
        if not self.has_choice(settings):
            return None
        try:
            return self._time_steps(replace(settings, devices=replace(settings.devices, mixed_precision=BFLOAT16)))
        except TrainingError:  # what the device cannot do
            return None


def choose_precision(settings: TrainSettings, command: CommandSettings, trials: PrecisionTrials) -> str | None:
    """Decides what the networks of a new training compute in, and prints it where there was a choice.

    Args:
        settings: of the training, with its length.
        command: what is meant of this command alone.
        trials: that were made, or will be.

    Returns:
        `bfloat16` or `float32`; None where the settings stay as they are.

    Raises:
        InputError, TrainingError: see `PrecisionTrials.fastest`.
    """
    if not trials.has_choice(settings) or settings.steps_given < FEWEST_STEPS:
        return None
    if command.dry_run:
        print(f"precision: a training would time some steps first; bfloat16 where it is {FASTER} times as fast")
        return None
    chosen, line = trials.choose(settings)
    print(f"precision: {line}", flush=True)
    return chosen


def _is_much_faster(plain: StepTimes, mixed: StepTimes) -> bool:
    return mixed.step_seconds * FASTER <= plain.step_seconds
