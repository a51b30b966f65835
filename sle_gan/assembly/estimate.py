"""What a training that is planned needs of memory and disk, estimated. TensorFlow is loaded for it."""

import shutil
from pathlib import Path

import psutil

from sle_gan.quiet import quiet_start
from sle_gan.settings import TrainSettings


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
    images = image_count * settings.images.shape.pixels * settings.images.channels
    in_file = images > settings.images.cache_limit_bytes
    # While one is saved, the oldest is still there. The weights at the end take less than half of a checkpoint.
    checkpoints = (settings.run.keep_checkpoints + 1.5) * checkpoint_bytes(generator, discriminator)
    return {
        "step_bytes": estimated_bytes(generator, discriminator, settings.optimization.batch_size),
        "images_bytes": images,
        "images_in_file": in_file,
        "disk_bytes": round(checkpoints) + (images if in_file else 0),
        "free_memory_bytes": psutil.virtual_memory().available,
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }
