"""What a run's pictures are scored against: its training images, or those of another folder. Loads no TensorFlow."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.data.manifest import Manifest, manifest
from sle_gan.data.pictures import opaque
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.settings import ImageSettings

TRAINING_SPLIT = "train"


class ReferenceImages(NamedTuple):
    """Images that pictures are scored against.

    Attributes:
        images: uint8 `[count, height, width, 1 or 3]`, alpha laid over the background.
        manifest: which they are, as that of a run.
        split: `train` for the training images; of others a name that says which.
    """

    images: np.ndarray
    manifest: Manifest
    split: str


def read_reference_images(
    folder: Path | str,
    settings: ImageSettings,
    tell: Callable[[str], None] = print,
    *,
    flag: str = "--reference-folder",
    with_written: bool = False,
) -> ReferenceImages:
    """Reads the images of a folder, brought to the shape of a run's as those were.

    Args:
        folder: of the images, such as the test split of a set.
        settings: how the run decodes its images.
        tell: function of a line of text, called for what is skipped.
        flag: that names the folder, in an error.
        with_written: whether the pictures that this tool wrote count too.

    Raises:
        InputError: if there is no such folder, or it holds fewer than six images.
    """
    scanned = scan(folder, with_written=with_written)
    images, kept, failures = decode_images(scanned, settings)
    for path, reason in (*scanned.unusable(), *failures):
        tell(f"skipped {path}: {reason}")
    if len(images) < FEWEST_IMAGES:
        raise InputError(f"{flag} must hold {FEWEST_IMAGES} images at least; got {len(images)}")
    content = manifest(scanned)
    digest = hashlib.sha256("".join(image.sha256 for image in kept).encode()).hexdigest()
    return ReferenceImages(opaque(images, settings.background_rgb), content, f"reference {digest[:8]}")
