"""Files of arrays of NumPy, `.npz`, with pictures and perhaps labels. Imports no TensorFlow."""

import zipfile
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.archives.data_set import TEST, TRAIN, Picture, named_by_number, numbered
from sle_gan.errors import InputError

_PICTURES = ("images", "x", "data", "arr_0")
_LABELS = ("labels", "label", "y", "targets", "arr_1")
_CLASS_NAMES = ("class_names", "label_names", "classes")
_CHANNELS = (1, 3, 4)
_T = TypeVar("_T")


class Arrays:
    """Pictures of a `.npz` file.

    Args:
        path: of the file.

    Raises:
        InputError: if it holds no pictures.
    """

    def __init__(self, path: Path):
        self._path = path
        arrays = self._read(lambda file: file.files)
        # Such as x_train and x_test, the names of Keras' own files.
        self._pictures = {split: _found(arrays, _PICTURES, split) for split in (TRAIN, TEST)}
        self.splits: tuple[str, ...] = tuple(split for split, name in self._pictures.items() if name)
        if not self.splits:
            self._pictures = {"": _found(arrays, _PICTURES)}
            if self._pictures[""] is None:
                raise InputError(
                    f"{path} holds no array of pictures: one must be named {', '.join(_PICTURES[:3])}, or "
                    f"x_train and x_test; it has {', '.join(sorted(arrays)) or 'none'}"
                )
        self.total_bytes = path.stat().st_size

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the pictures of a split.

        Raises:
            InputError: if an array has another shape or type than pictures have.
        """
        arrays, split = self._read(lambda file: {name: file[name] for name in file.files}), split or ""
        pictures = _as_pictures(self._path, str(self._pictures[split]), arrays[str(self._pictures[split])])
        name = _found(arrays, _LABELS, split)
        if name is None:
            return numbered(pictures)
        labels = arrays[name].reshape(-1)
        if labels.dtype.kind not in "iu" or len(labels) != len(pictures) or (labels < 0).any():
            raise InputError(
                f"{self._path}: {name} must hold a whole number from 0 for each of {len(pictures)} pictures"
            )
        class_names = _found(arrays, _CLASS_NAMES)
        names = named_by_number(labels) if class_names is None else [str(text) for text in arrays[class_names]]
        return numbered(pictures, labels, names)

    def _read(self, part: Callable[[Any], _T]) -> _T:
        try:
            with np.load(self._path, allow_pickle=False) as file:
                return part(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{self._path} cannot be read as a file of arrays: {error}") from None


def _found(arrays: Container[str], names: tuple[str, ...], split: str = "") -> str | None:
    wanted = [f"{name}_{split}" if split else name for name in names] + [f"{split}_{name}" for name in names if split]
    return next((name for name in wanted if name in arrays), None)


def _as_pictures(path: Path, name: str, pictures: NDArray[Any]) -> NDArray[np.uint8]:
    if pictures.ndim == 4 and pictures.shape[3] not in _CHANNELS and pictures.shape[1] in _CHANNELS:
        pictures = pictures.transpose(0, 2, 3, 1)
    is_right = pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[3] in _CHANNELS)
    if pictures.dtype != np.uint8 or not is_right:
        raise InputError(
            f"{path}: {name} must be uint8 [count, height, width] or [count, height, width, 1, 3 or 4] in [0, 255]; "
            f"got {pictures.dtype} {list(pictures.shape)}"
        )
    return pictures
