"""What a training step needs, measured in a process of its own: `python -m sle_gan.assembly.step_probe`.

`sle_gan.assembly.probe` starts the process. It reads JSON: the settings of a training, or null to be told of the
devices alone, and how many steps are timed. It makes steps on drawn images and answers with the last line of what it
prints, JSON too. It keeps nothing.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sle_gan.disk import reason
from sle_gan.errors import SleGanError, StorageError
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.settings.nested import from_nested

_UNTIMED_STEPS = 2  # the first also sets up what the second uses
_IMAGES = 8


def main() -> int:
    """Answers one request.

    Returns:
        The exit code, as that of `train.py`.
    """
    began = time.perf_counter()
    try:
        request = json.load(sys.stdin)
        print(json.dumps(_answer(request["settings"], request["timed_steps"], began)))
    except (SleGanError, OSError) as error:
        print(reason(error), file=sys.stderr)  # its last line, which the one that asks reads
        return error.exit_code if isinstance(error, SleGanError) else StorageError.exit_code
    return 0


def _answer(content: dict[str, Any] | None, timed_steps: int, began: float) -> dict[str, Any]:
    with quiet_start():
        import tensorflow as tf

        from sle_gan.training.devices import let_memory_grow

        let_memory_grow()
        gpus = tf.config.list_logical_devices("GPU")
        answer = {"gpus": len(gpus), "peak_bytes": None, "times": None}
        if content is None:
            return answer
        try:
            ends = _make_steps(from_nested(content), _UNTIMED_STEPS + timed_steps)
        except (tf.errors.ResourceExhaustedError, MemoryError):
            return answer
    times = np.diff(ends)[_UNTIMED_STEPS - 1 :].tolist()
    return answer | {
        "peak_bytes": _peak_bytes(gpus),
        "times": [ends[0] - began, statistics.median(times)] if timed_steps else None,
    }


def _peak_bytes(gpus: Sequence[Any]) -> int:
    import tensorflow as tf

    if gpus:
        return max(tf.config.experimental.get_memory_info(gpu.name.removeprefix("/device:"))["peak"] for gpu in gpus)
    return _peak_resident_bytes()


def _make_steps(settings: TrainSettings, count: int) -> list[float]:
    """Makes steps, and returns when each was done, in seconds."""
    import tf_keras as keras

    from sle_gan.assembly.building import build_training
    from sle_gan.data.pipeline import training_dataset
    from sle_gan.training.devices import strategy_of
    from sle_gan.training.probe import compiles

    optimization = settings.optimization
    classes = len(settings.images.class_names or ())
    labels = np.arange(_IMAGES, dtype=np.int32) % classes if classes else None
    with tempfile.TemporaryDirectory() as folder:
        strategy = strategy_of(settings.devices.strategy, optimization.batch_size, optimization.accumulate)
        # Other weights to begin from take no other memory.
        own = replace(settings, transfer=replace(settings.transfer, init_from=None), growth=None)  # the full side
        training = build_training(RunFolder(folder), own, strategy, labels)
        side = settings.images.resolution
        drawn = np.random.default_rng(optimization.seed)
        dataset = training_dataset(
            drawn.integers(0, 256, size=(_IMAGES, side, side, settings.images.channels), dtype=np.uint8),
            batch_size=optimization.images_per_step,
            seed=optimization.seed,
            flip=settings.images.flip,
            first_step=0,
            labels=labels,
        )
        gan = training.gan
        gan.jit_compile = compiles(settings.devices.jit, gan, lambda: dataset, training.checkpoint_items())
        ends = []

        def note_end(batch: int, logs: dict[str, Any]) -> None:
            float(logs["generator_loss"])  # waits for an accelerator to be done
            ends.append(time.perf_counter())

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=note_end)
        gan.fit(dataset, steps_per_epoch=count, callbacks=[callback], verbose=0)
    return ends


def _peak_resident_bytes() -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
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
