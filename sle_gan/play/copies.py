"""Which training image a picture is nearest to. TensorFlow is loaded when that is first asked."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import opaque
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError, SleGanError
from sle_gan.evaluation.judges import judge_of
from sle_gan.run import LET_WRITE, RunFolder


class NearestImage(NamedTuple):
    """The training image that a picture is nearest to.

    Attributes:
        image: its number.
        ratio: of the distance to it, over the median of those from training image to training image.
        is_copy: whether the picture is a near copy of it.
        is_mirrored: whether it is its mirror image that is near.
    """

    image: int
    ratio: float
    is_copy: bool
    is_mirrored: bool


class TrainingImages:
    """The training images of a run, read when they are first asked for.

    Args:
        run: the `RunFolder`.
        data_folder: where they are now, if they were moved.
    """

    def __init__(self, run: RunFolder, data_folder: Path | str | None = None):
        self._run, self._data_folder = run, data_folder
        self._lock = threading.Lock()
        self._failed: SleGanError | None = None

    def nearest(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NearestImage]:
        """Finds the nearest training image of each picture.

        Args:
            pictures: uint8 `[height, width, channels]` each.

        Raises:
            SleGanError: if the training images are not there, or not those of the training.
        """
        with self._lock:
            self._load()
            found = self._detector.nearest(opaque(np.stack(pictures), self._run.settings().images.background_rgb))
            rows = zip(found.indices, found.ratios, found.near_copies(), found.mirrored, strict=True)
            return [NearestImage(int(a), float(b), bool(c), bool(d)) for a, b, c, d in rows]

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Returns a training image, uint8 `[height, width, 1 or 3]`.

        Raises:
            SleGanError: if there is no such image; see `nearest`.
        """
        with self._lock:
            self._load()
            if not 0 <= number < len(self._images):
                raise InputError(f"the number of a training image must be from 0 to {len(self._images) - 1}")
            return self._images[number]

    def _load(self) -> None:
        if self._failed is not None:
            raise self._failed
        if hasattr(self, "_detector"):
            return
        try:
            with self._run.locked(LET_WRITE):
                self._images, _ = read_training_images(self._run, self._data_folder)
            from sle_gan.evaluation.memorization import CopyDetector

            self._detector = CopyDetector(self._images, judge_of(self._run.settings()))
        except SleGanError as error:
            self._failed = error
            raise
