"""The classes of a folder of images: its first level of sub-folders.

Imports no TensorFlow.
"""

import collections
import os
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.folder import FolderScan, ImageFile
from sle_gan.errors import InputError
from sle_gan.shell import shell_line

_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})


def class_names(scanned: FolderScan) -> list[str]:
    """Names the classes of a folder.

    Args:
        scanned: a `FolderScan`.

    Returns:
        The names of the sub-folders that hold usable images, in the order of their bytes. The index of a name is the
        label of its class.

    Raises:
        InputError: if an image lies in no sub-folder, there are less than two, the classes lie one level deeper, or two
            have what a person would take for the same name.
    """
    outside = [image.path for image in scanned.images if "/" not in image.path]
    if outside:
        raise InputError(
            f"--conditional needs every image in a sub-folder of {scanned.folder}, which is its class; {len(outside)} "
            f"lie in none, such as {outside[0]}"
        )
    names = sorted({_class_of(image) for image in scanned.images}, key=os.fsencode)
    deeper = _classes_below(scanned.images)
    if deeper and (len(names) < 2 or {name.casefold() for name in names} <= _SPLITS):
        folder, below = deeper
        raise InputError(
            f"--conditional takes the sub-folders of {scanned.folder} as classes, which are {', '.join(names)}; "
            f"{', '.join(below)} lie one level deeper: give --data-folder {shell_line(scanned.folder / folder)}"
        )
    if len(names) < 2:
        raise InputError(f"--conditional needs two sub-folders with images at least; {scanned.folder} has {names[0]!r}")
    alike: dict[str, list[str]] = collections.defaultdict(list)
    for name in names:
        if _normalized(name).encode("utf-8", "replace").decode() != _normalized(name):
            raise InputError(f"a class must have a name in UTF-8; got {name!r}; rename its folder")
        alike[_normalized(name)].append(name)
    for same in alike.values():
        if len(same) > 1:
            raise InputError(f"each class must have a name of its own; got {same[0]!r} and {same[1]!r}; rename one")
    return names


def classes_without_images(scanned: FolderScan, names: Iterable[str]) -> list[str]:
    """Says of each sub-folder without a usable image, which is no class, what lies there.

    Args:
        scanned: a `FolderScan`.
        names: of the classes, as `class_names` returns them.

    Returns:
        Texts such as `dog (8 HEIC files)`.
    """
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for path, kind in scanned.unread:
        found[path.partition("/")[0]][kind.name] += 1
    for path, _ in scanned.skipped:
        found[path.partition("/")[0]]["broken"] += 1
    empty = [name for name in scanned.folders if name not in set(names)]
    return [
        f"{name} ({', '.join(f'{count} {kind} files' for kind, count in found[name].items()) or 'no image'})"
        for name in empty
    ]


def count_class_folders(images: Sequence[ImageFile]) -> int:
    """Counts the sub-folders that could be classes, to suggest `--conditional`.

    Args:
        images: `ImageFile`s.

    Returns:
        The number of sub-folders, if every image lies in one and there are at least two; otherwise 0.
    """
    if any("/" not in image.path for image in images):
        return 0
    count = len({_class_of(image) for image in images})
    return count if count > 1 else 0


def class_labels(images: Iterable[ImageFile], names: Iterable[str]) -> NDArray[np.int32]:
    """Returns the label of each image: int32 `[count]`, indices into the names.

    Args:
        images: `ImageFile`s in sub-folders of these names.
        names: as `class_names` returns them.
    """
    label_by_name = {name: label for label, name in enumerate(names)}
    return np.array([label_by_name[_class_of(image)] for image in images], np.int32)


def check_classes(images: Iterable[ImageFile], names: Iterable[str]) -> None:
    """Checks that every class has an image to train on.

    Args:
        images: `ImageFile`s that are trained on.
        names: as `class_names` returns them.

    Raises:
        InputError: if a class has none.
    """
    empty = sorted(set(names) - {_class_of(image) for image in images})
    if empty:
        raise InputError(
            f"every class must have an image to train on; {', '.join(empty)} has none; give a larger --data-ratio, "
            "a smaller --held-out, or more images"
        )


def describe_classes(images: Iterable[ImageFile], names: Sequence[str]) -> str:
    """Says how many images each class has, in one line of text."""
    counts = collections.Counter(map(_class_of, images))
    return f"{len(names)} classes: " + ", ".join(f"{name} ({counts[name]})" for name in names)


def label_of(name: str, names: Sequence[str]) -> int:
    """Finds a class by its name, in upper or lower case and in any Unicode form of its accents.

    Args:
        name: as a person writes it.
        names: as `class_names` returns them.

    Returns:
        The label, a whole number.

    Raises:
        InputError: if there is no such class.
    """
    normalized_names = [_normalized(each) for each in names]
    if _normalized(name) not in normalized_names:
        raise InputError(f"--class must be one of {', '.join(names)}; got {name!r}")
    return normalized_names.index(_normalized(name))


def _classes_below(images: Iterable[ImageFile]) -> tuple[str, list[str]] | None:
    """Returns the first sub-folder whose own sub-folders hold all of its images, and their names; None without one."""
    below: dict[str, set[str]] = collections.defaultdict(set)
    for image in images:
        name, *deeper, _ = image.path.split("/")
        below[name].add(deeper[0] if deeper else "")
    for name in sorted(below, key=os.fsencode):
        if "" not in below[name] and len(below[name]) > 1:
            return name, sorted(below[name], key=os.fsencode)
    return None


def _class_of(image: ImageFile) -> str:
    return image.path.partition("/")[0]


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
