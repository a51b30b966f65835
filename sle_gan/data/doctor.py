"""What is good and bad about a folder of images, before GPU time is spent on it.

Imports no TensorFlow.
"""

import collections
import concurrent.futures
import os
from dataclasses import dataclass

import numpy as np

from sle_gan.data.decode import read_image
from sle_gan.data.folder import FEW_IMAGES, pillow_warnings_ignored
from sle_gan.data.near_duplicates import SIDE_PX, near_duplicates
from sle_gan.errors import InputError

ENOUGH_IMAGES = 100
MANY_IMAGES = 2000
LEAST_RESOLUTION = 64

_WHITE = (255, 255, 255)
_TOLD_AT_MOST = 10
_WIDE = 1.5  # width / height from which cutting out the middle loses a third
_UNEVEN = 3.0  # images of the largest class for each of the smallest


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a folder of images.

    Attributes:
        folder: its path.
        resolution: side of the images in training, in pixels.
        usable: number of images that can be decoded.
        broken: (path, reason) of what has the name of an image and cannot be used.
        ignored: number of other files and folders.
        exact_duplicates: groups of paths of equal bytes.
        near_duplicates: groups of paths of images that show the same, or its mirror image; of those of equal bytes
            the first stands for all.
        shorter_side_px: smallest, median and largest, of usable images, as those below.
        aspect: smallest, median and largest width / height.
        modes: number of images by Pillow's name of the channels.
        formats: number of images by Pillow's name of the format.
        classes: number of images by the folder's first sub-folders, `.` for itself; empty without sub-folders.
        smaller: number of images smaller than the resolution.
        animated: number of images of several frames.
        advice: lines of text.
    """

    folder: str
    resolution: int
    usable: int
    broken: tuple
    ignored: int
    exact_duplicates: tuple
    near_duplicates: tuple
    shorter_side_px: tuple
    aspect: tuple
    modes: dict
    formats: dict
    classes: dict
    smaller: int
    animated: int
    advice: tuple


def diagnose(found, resolution):
    """Decodes every image of a scanned folder and judges what it finds.

    Args:
        found: a `FolderScan`.
        resolution: side of the images in training, in pixels.

    Returns:
        A `Diagnosis`.

    Raises:
        InputError: if no image can be decoded.
    """
    images, pictures, broken = _decoded(found)
    if not images:
        path, reason = broken[0]
        raise InputError(f"none of the {len(broken)} images can be decoded; the first: {path}: {reason}")
    sides_px = [min(image.width_px, image.height_px) for image in images]
    facts = {
        "usable": len(images),
        "exact_duplicates": _exact_duplicates(images),
        "near_duplicates": _near_duplicates(images, pictures),
        "shorter_side_px": _range(sides_px),
        "aspect": _range([image.width_px / image.height_px for image in images]),
        "modes": _counts(image.mode for image in images),
        "formats": _counts(image.format for image in images),
        "classes": _classes(images),
        "smaller": sum(side_px < resolution for side_px in sides_px),
        "animated": sum(image.frames > 1 for image in images),
    }
    return Diagnosis(
        folder=str(found.folder),
        resolution=resolution,
        broken=broken,
        ignored=found.ignored,
        advice=tuple(_advice(facts, resolution)),
        **facts,
    )


def told(diagnosis):
    """Says what was found out.

    Args:
        diagnosis: a `Diagnosis`.

    Returns:
        Lines of text.
    """
    low, middle, high = diagnosis.shorter_side_px
    lines = [
        f"usable: {diagnosis.usable}",
        *_listed("broken", [f"{path} ({reason})" for path, reason in diagnosis.broken]),
        f"other files: {diagnosis.ignored}",
        *_listed("copies of equal bytes", [" = ".join(group) for group in diagnosis.exact_duplicates]),
        *_listed("near duplicates", [" ~ ".join(group) for group in diagnosis.near_duplicates]),
        f"shorter side: {low:g} to {high:g} px, median {middle:g} px",
        "width / height: {:.2f} to {:.2f}, median {:.2f}".format(*(diagnosis.aspect[place] for place in (0, 2, 1))),
        "channels: " + ", ".join(f"{count} {mode}" for mode, count in diagnosis.modes.items()),
        "formats: " + ", ".join(f"{count} {name}" for name, count in diagnosis.formats.items()),
        f"smaller than {diagnosis.resolution} px: {diagnosis.smaller}",
    ]
    if diagnosis.animated:
        lines.append(f"of several frames: {diagnosis.animated}; the first frame is used")
    if diagnosis.classes:
        lines.append("sub-folders: " + ", ".join(f"{_printable(name)} {n}" for name, n in diagnosis.classes.items()))
    return lines + [f"advice: {line}" for line in diagnosis.advice]


def _decoded(found):
    """Returns the `ImageFile`s that can be decoded, small grey pictures of them, and [(path, reason)] of the others."""

    def small_picture(image):
        try:
            return read_image(found.folder / image.path, SIDE_PX, 1, "stretch", _WHITE)[..., 0]
        except InputError as error:
            return str(error)

    with pillow_warnings_ignored(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(zip(found.images, pool.map(small_picture, found.images), strict=True))
    whole = [(image, picture) for image, picture in results if not isinstance(picture, str)]
    broken = [(image.path, reason) for image, reason in results if isinstance(reason, str)]
    broken = sorted([*found.skipped, *broken], key=lambda one: os.fsencode(one[0]))
    return [image for image, _ in whole], [picture for _, picture in whole], tuple(broken)


def _exact_duplicates(images):
    groups = collections.defaultdict(list)
    for image in images:
        groups[image.sha256].append(image.path)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _near_duplicates(images, pictures):
    first_of = {}
    for index, image in enumerate(images):
        first_of.setdefault(image.sha256, index)
    firsts = list(first_of.values())
    groups = near_duplicates(np.stack([pictures[index] for index in firsts]))
    return tuple(tuple(images[firsts[place]].path for place in group) for group in groups)


def _classes(images):
    counts = _counts(image.path.split("/")[0] if "/" in image.path else "." for image in images)
    return counts if set(counts) != {"."} else {}


def _counts(names):
    return dict(sorted(collections.Counter(names).items()))


def _range(values):
    return min(values), float(np.median(values)), max(values)


def _advice(facts, resolution):
    """Yields what to do, the weightiest first."""
    yield _advice_on_number(facts["usable"])
    copies = sum(len(group) - 1 for group in (*facts["exact_duplicates"], *facts["near_duplicates"]))
    if copies:
        yield f"{copies} of the images are copies or nearly: remove those that are, or they count more than once"
    if facts["smaller"] > facts["usable"] / 2:
        fitting = max(LEAST_RESOLUTION, 2 ** int(np.log2(facts["shorter_side_px"][1])))
        if fitting < resolution:
            yield f"most images would be enlarged, and the samples will be soft: --resolution {fitting} fits them"
    if not 1 / _WIDE <= facts["aspect"][1] <= _WIDE:
        yield "most images are far from square: --fit pad keeps what the default, cutting out the middle, loses"
    modes = set(facts["modes"])
    if modes & {"RGBA", "LA", "PA"}:
        yield "some images are transparent: --background colors what is below, --channels 4 learns the transparency"
    if modes <= {"L", "1"} or all(mode.startswith("I;16") for mode in modes):
        yield "all images are grey: --channels 1 learns them as they are"
    counts = facts["classes"].values()
    if counts and max(counts) > _UNEVEN * min(counts):
        yield f"the largest sub-folder has {max(counts) / min(counts):.0f} times the images of the smallest"


def _advice_on_number(count):
    if count < FEW_IMAGES:
        return f"fewer than {FEW_IMAGES} images: the samples will be near copies of them"
    if count < ENOUGH_IMAGES:
        return f"fewer than {ENOUGH_IMAGES} images: keep --diff-augment, and look for copies of them in the samples"
    if count < MANY_IMAGES:
        return "enough images for the defaults; keep --diff-augment"
    return "many images: --diff-augment matters less, and more --steps pay"


def _listed(name, items):
    yield f"{name}: {len(items)}"
    for item in items[:_TOLD_AT_MOST]:
        yield f"  {_printable(item)}"
    if len(items) > _TOLD_AT_MOST:
        yield f"  and {len(items) - _TOLD_AT_MOST} more"


def _printable(text):
    # A name of other bytes than UTF-8 is held as surrogates, which cannot be printed.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
