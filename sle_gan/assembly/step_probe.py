"""What a training step needs, measured in a process of its own: `python -m sle_gan.assembly.step_probe`.

`sle_gan.assembly.probe` starts the process. It reads lines of JSON: the settings of a training, or null to be told of
the devices alone, how many steps are timed, and by which clock. It makes steps on drawn images and answers each with a
line, JSON too, which says whether it goes on: then the same settings with a larger batch can be asked of. It keeps
nothing.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sle_gan.assembly.probe import CPU, WALL
from sle_gan.disk import reason
from sle_gan.errors import SleGanError, StorageError
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder
from sle_gan.settings import OptimizationSettings, TrainSettings
from sle_gan.settings.nested import from_nested

_UNTIMED_STEPS = 2  # the first also sets up what the second uses
_IMAGES = 8
_CLOCKS = {WALL: time.perf_counter, CPU: time.process_time}


class _Timing(NamedTuple):
    """How many steps are timed, by which clock, and what it said when the process began."""

    steps: int
    clock: Callable[[], float]
    began: float


def main() -> int:
    """Answers requests, one after the other.

    Returns:
        The exit code, as that of `train.py`.
    """
    began = {name: clock() for name, clock in _CLOCKS.items()}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    steps: _Steps | None = None
    try:
        for line in sys.stdin:
            request = json.loads(line)
            with quiet_start():
                clock = request["clock"]
                timing = _Timing(request["timed_steps"], _CLOCKS[clock], began[clock])
                answer, steps = _answer(steps, request["settings"], timing)
            goes_on = request["settings"] is None or steps is not None
            print(json.dumps(answer | {"goes_on": goes_on}), file=answers, flush=True)
            if not goes_on:
                break
    except (SleGanError, OSError) as error:
        print(reason(error), file=sys.stderr)  # its last line, which the one that asks reads
        return error.exit_code if isinstance(error, SleGanError) else StorageError.exit_code
    return 0


def _answer(
    steps: "_Steps | None", content: dict[str, Any] | None, timing: _Timing
) -> tuple[dict[str, Any], "_Steps | None"]:
    """Returns the answer, and the steps if those of a larger batch can be made too."""
    import tensorflow as tf

    from sle_gan.training.devices import let_memory_grow

    let_memory_grow()
    gpus = tf.config.list_logical_devices("GPU")
    answer: dict[str, Any] = {"gpus": len(gpus), "peak_bytes": None, "times": None}
    if content is None:
        return answer, None
    settings = from_nested(content)
    try:
        steps = steps or _Steps(settings, any_size=not timing.steps)
        ends = steps.make(settings.optimization, _UNTIMED_STEPS + timing.steps, timing.clock)
    except (tf.errors.ResourceExhaustedError, MemoryError):
        return answer, None
    times = np.diff(ends)[_UNTIMED_STEPS - 1 :].tolist()
    answer |= {
        "peak_bytes": _peak_bytes(gpus),
        "times": [ends[0] - timing.began, statistics.median(times)] if timing.steps else None,
    }
    return answer, steps if steps.any_size else None


def _peak_bytes(gpus: Sequence[Any]) -> int:
    import tensorflow as tf

    if gpus:
        return max(tf.config.experimental.get_memory_info(gpu.name.removeprefix("/device:"))["peak"] for gpu in gpus)
    return _peak_resident_bytes()


class _Steps:
    """Steps of a training, on drawn images.

    Args:
        settings: of the training.
        any_size: whether the step is to be traced for batches of any size.

    Attributes:
        any_size: whether it is. Not where it is compiled for its shapes, or shared by devices, or where a term of a
            loss keeps a value for each image.
    """

    def __init__(self, settings: TrainSettings, *, any_size: bool) -> None:
        from sle_gan.assembly.building import build_training
        from sle_gan.training.devices import strategy_of
        from sle_gan.training.probe import compiles

        optimization = settings.optimization
        self._settings = settings
        classes = len(settings.images.class_names or ())
        self._labels = np.arange(_IMAGES, dtype=np.int32) % classes if classes else None
        with tempfile.TemporaryDirectory() as folder:
            strategy = strategy_of(settings.devices.strategy, optimization.batch_size, optimization.accumulate)
            # Other weights to begin from take no other memory.
            own = replace(settings, transfer=replace(settings.transfer, init_from=None), growth=None)
            training = build_training(RunFolder(folder), own, strategy, self._labels)
            self._gan = training.gan
            self.any_size = False
            self._gan.jit_compile = compiles(
                settings.devices.jit, self._gan, lambda: self._dataset(optimization), training.checkpoint_items()
            )
        self.any_size = (
            any_size
            and strategy.num_replicas_in_sync == 1
            and not self._gan.jit_compile
            and not settings.penalties.dig_smoothing
        )

    def make(self, optimization: OptimizationSettings, count: int, clock: Callable[[], float]) -> list[float]:
        """Makes steps.

        Args:
            optimization: says of how many images.
            count: of the steps.
            clock: function that returns seconds.

        Returns:
            When each was done, in seconds of the clock.
        """
        import tf_keras as keras

        ends = []

        def note_end(batch: int, logs: dict[str, Any]) -> None:
            float(logs["generator_loss"])  # waits for an accelerator to be done
            ends.append(clock())

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=note_end)
        self._gan.fit(self._dataset(optimization), steps_per_epoch=count, callbacks=[callback], verbose=0)
        return ends

    def _dataset(self, optimization: OptimizationSettings) -> Any:
        from sle_gan.data.pipeline import training_dataset

        images = self._settings.images
        drawn = np.random.default_rng(optimization.seed)
        dataset = training_dataset(
            drawn.integers(0, 256, size=(_IMAGES, *images.shape.size, images.channels), dtype=np.uint8),
            batch_size=optimization.images_per_step,
            seed=optimization.seed,
            flip=images.flip,
            first_step=0,
            labels=self._labels,
        )
        # The same batches, but their number of images is not part of their type.
        return dataset.unbatch().batch(optimization.images_per_step) if self.any_size else dataset


def _peak_resident_bytes() -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        # Not that of `getrusage`, which a process begins with what the one that started it held.
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):  # another system than Linux
        import psutil

        memory = psutil.Process().memory_info()
        if hasattr(memory, "peak_wset"):  # Windows
            return memory.peak_wset
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS, in bytes


if __name__ == "__main__":
    sys.exit(main())
