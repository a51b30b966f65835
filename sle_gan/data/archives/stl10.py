"""STL-10 in its binary files (Coates et al. 2011): 96 x 96 px, ten classes, and unlabeled pictures.

Imports no TensorFlow.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.archives.data_set import TEST, TRAIN, Picture, numbered
from sle_gan.data.archives.members import Members, texts_of
from sle_gan.errors import InputError

SIDE = 96
_UNLABELED = "unlabeled"
_PICTURE_BYTES = 3 * SIDE**2
_NAMES = "class_names.txt"


class Stl10:
    """The data set.

    Args:
        members: of its archive or folder.
        paths: those of its files by name.
    """

    splits: tuple[str, ...] = (TRAIN, TEST, _UNLABELED)

    def __init__(self, members: Members, paths: dict[str, str]):
        self._members, self._paths = members, paths
        self.total_bytes = members.total_bytes

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the pictures of a split; the unlabeled ones in no folder.

        Raises:
            InputError: if a file is not what it should be.
        """
        split = split or TRAIN
        if split == _UNLABELED:
            return numbered(self._pixels(split))
        names = texts_of(self._members, [self._paths[_NAMES]])[self._paths[_NAMES]]
        path = self._paths[f"{split}_y.bin"]
        ((_, labels),) = ((name, file.read()) for name, file in self._members.opened([path]))
        return numbered(self._pixels(split), (label - 1 for label in labels), names)

    def _pixels(self, split: str) -> Iterator[NDArray[np.uint8]]:
        path = self._paths.get(f"{split}_X.bin")
        for _, file in self._members.opened([] if path is None else [path]):
            while content := file.read(_PICTURE_BYTES):
                if len(content) < _PICTURE_BYTES:
                    raise InputError(f"{path} ends within a picture; load the archive down again")
                # Channels, then columns, then rows.
                yield np.frombuffer(content, np.uint8).reshape(3, SIDE, SIDE).transpose(2, 1, 0)


def opened(members: Members) -> Stl10 | None:
    """Opens STL-10, if these are its files."""
    paths = {PurePosixPath(name).name: name for name in members.names}
    is_there = {"train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", _NAMES} <= paths.keys()
    return Stl10(members, paths) if is_there else None
