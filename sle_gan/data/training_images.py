"""The training images of a run, decoded again as the training decoded them. Imports no TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.data.manifest import Manifest, changed_images, manifest, read_manifest
from sle_gan.data.pictures import opaque
from sle_gan.errors import InputError
from sle_gan.run import RunFolder


def read_training_images(run: RunFolder, data_folder: Path | str | None = None) -> tuple[NDArray[np.uint8], Manifest]:
    """Reads the images that a run was trained on.

    Args:
        run: the `RunFolder`, locked: what does not fit in memory is written to its file of decoded images.
        data_folder: where the images are now; if None, where they were in training.

    Returns:
        uint8 `[count, height, width, 1 or 3]`, alpha laid over the background; and the run's manifest.

    Raises:
        InputError: if they are not there, or not the same, or the folder holds a generator without its run.
    """
    if not run.manifest_file.exists():
        raise InputError(f"{run.path} does not say which images it was trained on: it has no {run.manifest_file.name}")
    settings, kept = run.settings().images, read_manifest(run.manifest_file)
    folder = scan(data_folder or settings.data_folder)
    changes = changed_images(kept, manifest(folder))
    if any(changes):
        added, removed, changed = map(len, changes)
        raise InputError(
            f"{folder.folder} must hold the images that {run.name} was trained on; {added} were added, {removed} "
            f"removed, {changed} changed; give --data-folder"
        )
    held_out = {image["path"] for image in kept.get("held_out", ())}
    images, _, _ = decode_images(
        replace(folder, images=tuple(image for image in folder.images if image.path not in held_out)),
        settings,
        run.image_cache,
    )
    return opaque(images, settings.background_rgb), kept
