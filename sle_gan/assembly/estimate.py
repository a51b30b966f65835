"""What a training that is planned needs, estimated and measured. TensorFlow is loaded by either."""

import os
import shutil
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from sle_gan.data.decode import decode_folder
from sle_gan.data.folder import FolderScan
from sle_gan.errors import TrainingError
from sle_gan.quiet import quiet_start
from sle_gan.settings import TrainSettings

TIMED_STEPS = 5
_UNTIMED_STEPS = 2  # the first compile the step, and warm the caches


def estimate_needs(settings: TrainSettings, image_count: int) -> dict[str, int | bool]:
    """Estimates what a training needs, and measures what is free.

    Args:
        settings: the resolved settings.
        image_count: images that it trains on.

    Returns:
        By name: `step_bytes` of memory for a step, `images_bytes` of the decoded images, `images_in_file`: whether
        they lie in a file, `disk_bytes` of a run, `free_memory_bytes`, and `free_disk_bytes` in the current folder.
    """
    with quiet_start():
        from sle_gan.assembly.building import build_networks
        from sle_gan.training.memory import checkpoint_bytes, estimated_bytes

        generator, discriminator = build_networks(settings)
    images = image_count * settings.images.resolution**2 * settings.images.channels
    in_file = images > settings.images.cache_limit_bytes
    # While one is saved, the oldest is still there. The weights at the end take less than half of a checkpoint.
    checkpoints = (settings.run.keep_checkpoints + 1.5) * checkpoint_bytes(generator, discriminator)
    return {
        "step_bytes": estimated_bytes(generator, discriminator, settings.optimization.batch_size),
        "images_bytes": images,
        "images_in_file": in_file,
        "disk_bytes": round(checkpoints) + (images if in_file else 0),
        "free_memory_bytes": _free_memory_bytes(),
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }


def seconds_per_step(settings: TrainSettings, found: FolderScan) -> float:
    """Trains a few steps on the first images, keeps nothing, and returns the median of their times in seconds.

    Args:
        settings: the resolved settings.
        found: images that can be decoded.

    Raises:
        TrainingError: if the memory does not suffice.
    """
    images, _, _ = decode_folder(
        replace(found, images=found.images[: settings.optimization.batch_size]),
        resolution=settings.images.resolution,
        channels=settings.images.channels,
        fit=settings.images.fit,
        background=settings.images.background_rgb,
        memory_limit_bytes=sys.maxsize,
        cache_file=None,
        progress=None,
    )
    import tensorflow as tf

    from sle_gan.assembly.building import build_gan, build_networks
    from sle_gan.data.pipeline import training_dataset

    gan = build_gan(settings, *build_networks(settings))
    dataset = training_dataset(
        images,
        batch_size=settings.optimization.images_per_step,
        seed=settings.optimization.seed,
        flip=settings.images.flip,
        first_step=0,
    )
    step = gan.make_train_function()
    batches = iter(dataset)
    seconds = []
    try:
        for _ in range(_UNTIMED_STEPS + TIMED_STEPS):
            start = time.perf_counter()
            logs = step(batches)
            float(logs["generator_loss"])  # waits for an accelerator to be done
            seconds.append(time.perf_counter() - start)
    except tf.errors.ResourceExhaustedError as error:
        raise TrainingError("out of memory; give a smaller --batch-size, --width or --resolution") from error
    return statistics.median(seconds[_UNTIMED_STEPS:])


def _free_memory_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # another system than Linux: all there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
