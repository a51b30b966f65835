"""What an archive holds, as pictures in folders. Imports no TensorFlow."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError

TRAIN, TEST = "train", "test"


class Picture(NamedTuple):
    """A picture of a data set.

    Attributes:
        folder: of its class; empty without.
        name: of its file.
        content: its file, or pixels uint8 `[height, width]` or `[height, width, 1, 3 or 4]` in [0, 255].
    """

    folder: str
    name: str
    content: bytes | NDArray[np.uint8]


class DataSet(Protocol):
    """Pictures in splits.

    Attributes:
        splits: their names; the first is the usual one. Empty where there is one set alone.
        total_bytes: about what its pictures take as files.
    """

    splits: tuple[str, ...]
    total_bytes: int

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the pictures of a split; None without splits.

        Raises:
            InputError: if they cannot be read.
        """


def numbered(
    pixels: Iterable[NDArray[np.uint8]], labels: Iterable[int] | None = None, class_names: list[str] | None = None
) -> Iterator[Picture]:
    """Names pictures by their places in a split.

    Args:
        pixels: of each picture, as `Picture` has them.
        labels: class of each, from 0; None without.
        class_names: by label; the labels themselves if None.

    Yields:
        Pictures.

    Raises:
        InputError: if a label has no name.
    """
    folders = None if labels is None else (_folder_of(int(label), class_names) for label in labels)
    for index, picture in enumerate(pixels):
        yield Picture("" if folders is None else next(folders), f"{index:06d}", picture)


def named_by_number(labels: NDArray[Any]) -> list[str]:
    """Names classes by their numbers, with as many digits for each, so that they stand in their order."""
    highest = int(labels.max(initial=0))
    return [f"{label:0{len(str(highest))}d}" for label in range(highest + 1)]


def without_common_folders(names: Iterable[str]) -> dict[str, str]:
    """Returns names by what they are without the folders in which all of them lie."""
    paths = {name: PurePosixPath(name).parts for name in names}
    while paths and len({parts[0] for parts in paths.values()}) == 1 and all(len(p) > 1 for p in paths.values()):
        paths = {name: parts[1:] for name, parts in paths.items()}
    return {"/".join(parts): name for name, parts in paths.items()}


def _folder_of(label: int, class_names: list[str] | None) -> str:
    if class_names is None:
        return str(label)
    if not 0 <= label < len(class_names):
        raise InputError(f"a label must be one of {len(class_names)} classes, from 0; got {label}")
    return class_names[label].replace("/", "_")
