"""The classes of a folder of images: its first level of sub-folders.

Imports no TensorFlow.
"""

import collections
import os
import unicodedata

import numpy as np

from sle_gan.errors import InputError


def class_names(found):
    """Names the classes of a folder.

    Args:
        found: a `FolderScan`.

    Returns:
        A list of the names of the sub-folders that hold usable images, in the order of their bytes; the place of a
        name is the label of its class.

    Raises:
        InputError: if an image lies in no sub-folder, there are less than two, or two have what a person would take
            for the same name.
    """
    outside = [image.path for image in found.images if "/" not in image.path]
    if outside:
        raise InputError(
            f"--conditional needs every image in a sub-folder of {found.folder}, which is its class; {len(outside)} "
            f"lie in none, such as {outside[0]}"
        )
    names = sorted({_class_of(image) for image in found.images}, key=os.fsencode)
    if len(names) < 2:
        raise InputError(f"--conditional needs two sub-folders with images at least; {found.folder} has {names[0]!r}")
    alike = collections.defaultdict(list)
    for name in names:
        if _normalized(name).encode("utf-8", "replace").decode() != _normalized(name):
            raise InputError(f"a class must have a name in UTF-8; got {name!r}; rename its folder")
        alike[_normalized(name)].append(name)
    for equal in alike.values():
        if len(equal) > 1:
            raise InputError(f"each class must have a name of its own; got {equal[0]!r} and {equal[1]!r}; rename one")
    return names


def classes_unasked(images):
    """Counts the classes that a folder has without having been asked for any.

    Args:
        images: `ImageFile`s.

    Returns:
        The number of sub-folders, if every image lies in one and there are two at least; otherwise 0.
    """
    if any("/" not in image.path for image in images):
        return 0
    count = len({_class_of(image) for image in images})
    return count if count > 1 else 0


def class_labels(images, names):
    """Returns the label of each image: int32 `[count]`, places in the list of names.

    Args:
        images: `ImageFile`s in sub-folders of these names.
        names: as `class_names` returns them.
    """
    labels = {name: label for label, name in enumerate(names)}
    return np.array([labels[_class_of(image)] for image in images], np.int32)


def check_classes(images, names):
    """Checks that every class has an image to train on.

    Args:
        images: `ImageFile`s that are trained on.
        names: as `class_names` returns them.

    Raises:
        InputError: if one has none.
    """
    empty = sorted(set(names) - {_class_of(image) for image in images})
    if empty:
        raise InputError(
            f"every class must have an image to train on; {', '.join(empty)} has none; give a larger --data-ratio, "
            "a smaller --held-out, or more images"
        )


def class_line(images, names):
    """Says how many images each class has, in one line of text."""
    counts = collections.Counter(map(_class_of, images))
    return f"{len(names)} classes: " + ", ".join(f"{name} ({counts[name]})" for name in names)


def label_of(name, names):
    """Finds a class by its name, whatever its case and the way its accents are written.

    Args:
        name: as a person writes it.
        names: as `class_names` returns them.

    Returns:
        The label, a whole number.

    Raises:
        InputError: if there is no such class.
    """
    known = [_normalized(each) for each in names]
    if _normalized(name) not in known:
        raise InputError(f"--class must be one of {', '.join(names)}; got {name!r}")
    return known.index(_normalized(name))


def _class_of(image):
    return image.path.partition("/")[0]


def _normalized(name):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
