"""What is good and bad about a folder of images, before GPU time is spent on it. Imports no TensorFlow."""

import collections
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.data.decode import read_image
from sle_gan.data.folder import FEW_IMAGES, FolderScan, ImageFile, pillow_warnings_ignored
from sle_gan.data.framing import fit_advice, framing, shape_advice
from sle_gan.data.in_threads import in_threads
from sle_gan.data.near_duplicates import SIDE_PX, near_duplicates
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.data.value_ranges import describe_value_ranges
from sle_gan.errors import InputError
from sle_gan.picture_shape import PictureShape, Resolution
from sle_gan.settings import ImageSettings
from sle_gan.settings.advice import Accepts, Advice, acceptable, as_flags
from sle_gan.settings.augmentation import DEFAULT_POLICY

ENOUGH_IMAGES = 100
MANY_IMAGES = 2000
_SIDES_PX = (32, 64, 128, 256, 512, 1024)  # that networks have

Groups = tuple[tuple[str, ...], ...]  # of paths

_WHITE = (255, 255, 255)
_LISTED_AT_MOST = 10
_SHEET_SIDE_PX = 192  # of an image in the sheet of near duplicates
_SHEET_PAIRS = 40  # in it, at most
_UNEVEN = 3.0  # images in the largest class for each image in the smallest


@dataclass(frozen=True)
class Diagnosis:
    """What is good and bad about a folder of images.

    Attributes:
        folder: its path.
        resolution: side of the images in training, in pixels, or width and height such as `384x256`.
        usable: number of images that can be decoded.
        broken: (path, reason) of the files that are named like images and cannot be used.
        ignored: number of other files and folders.
        unread: number of files by the kind of their pictures, of kinds that are not read.
        written: paths of what this tool wrote, which is left out.
        exact_duplicates: groups of paths whose files are equal.
        near_duplicates: groups of paths whose images show the same, or its mirror image; of equal files only the
            first is listed.
        shorter_side_px: smallest, median and largest of the shorter sides of the usable images.
        aspect: smallest, median and largest width / height.
        modes: number of images by Pillow's name for the channels, such as `RGB`.
        formats: number of images by Pillow's name for the format, such as `JPEG`.
        classes: number of images by top-level sub-folder, `.` for the folder itself; empty without sub-folders.
        smaller: number of images smaller than the resolution.
        animated: number of images of several frames.
        values: lines of text on the images of more than 8 bits.
        advice: lines of text.
    """

    folder: str
    resolution: Resolution
    usable: int
    broken: tuple[tuple[str, str], ...]
    ignored: int
    unread: dict[str, int]
    written: tuple[str, ...]
    exact_duplicates: Groups
    near_duplicates: Groups
    shorter_side_px: tuple[float, float, float]
    aspect: tuple[float, float, float]
    modes: dict[str, int]
    formats: dict[str, int]
    classes: dict[str, int]
    smaller: int
    animated: int
    values: tuple[str, ...]
    advice: tuple[str, ...]


def diagnose(scanned: FolderScan, settings: ImageSettings, accepts: Accepts) -> Diagnosis:
    """Decodes every image of a scanned folder and says what is good and bad about it.

    Args:
        scanned: a `FolderScan`.
        settings: of the training that is planned: shape of the images, what brings them to it, range of their values.
        accepts: whether that training takes some changes; no others are advised.

    Returns:
        A `Diagnosis`.

    Raises:
        InputError: if no image can be decoded.
    """
    images, pictures, broken = _decode(scanned, settings.range)
    if not images:
        path, reason = broken[0]
        raise InputError(f"none of the {len(broken)} images can be decoded; the first: {path}: {reason}")
    shape, sides_px = settings.shape, [min(image.width_px, image.height_px) for image in images]
    framings = [
        framing(picture, image.width_px, image.height_px, shape)
        for image, picture in zip(images, pictures, strict=True)
    ]
    facts: dict[str, Any] = {
        "usable": len(images),
        "exact_duplicates": _exact_duplicates(images),
        "near_duplicates": _near_duplicates(images, [_grey(picture) for picture in pictures]),
        "shorter_side_px": _range(sides_px),
        "aspect": _range([image.width_px / image.height_px for image in images]),
        "modes": _counts(image.mode for image in images),
        "formats": _counts(image.format for image in images),
        "classes": _classes(images),
        "smaller": sum(image.is_smaller(shape) for image in images),
        "animated": sum(image.frames > 1 for image in images),
    }
    fitting, on_crop = _fitting_shape(facts, shape, accepts), []
    if settings.fit == "crop":
        sizes = [(image.width_px, image.height_px) for image in images]
        on_crop = [shape_advice(sizes, shape, fitting.side), fit_advice(framings)]
    return Diagnosis(
        folder=str(scanned.folder),
        resolution=settings.resolution,
        broken=broken,
        ignored=scanned.ignored,
        unread=_counts(kind.name for _, kind in scanned.unread),
        written=scanned.written,
        values=tuple(describe_value_ranges(scanned, settings.range)),
        advice=(
            *_advice_on_number(facts["usable"], accepts),
            *acceptable(_advice(facts, settings, fitting, on_crop), accepts),
            *_advice_on_kinds(scanned),
        ),
        **facts,
    )


def describe_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """Describes a folder of images for a person.

    Args:
        diagnosis: a `Diagnosis`.

    Returns:
        Lines of text.
    """
    low, middle, high = diagnosis.shorter_side_px
    lines = [
        f"usable: {diagnosis.usable}",
        *_list_lines("broken", [f"{path} ({reason})" for path, reason in diagnosis.broken]),
        f"other files: {diagnosis.ignored}",
        *(f"{kind} files, which are not read: {count}" for kind, count in diagnosis.unread.items()),
        *(_list_lines("left out, since SLE-GAN wrote them", diagnosis.written) if diagnosis.written else ()),
        *_list_lines("copies of equal bytes", [" = ".join(group) for group in diagnosis.exact_duplicates]),
        *_list_lines("look alike", [" ~ ".join(group) for group in diagnosis.near_duplicates]),
        f"shorter side: {low:g} to {high:g} px, median {middle:g} px",
        "width / height: {:.2f} to {:.2f}, median {:.2f}".format(*(diagnosis.aspect[place] for place in (0, 2, 1))),
        "channels: " + ", ".join(f"{count} {mode}" for mode, count in diagnosis.modes.items()),
        "formats: " + ", ".join(f"{count} {name}" for name, count in diagnosis.formats.items()),
        f"smaller than {diagnosis.resolution} px: {diagnosis.smaller}",
        *(f"values: {line}" for line in diagnosis.values),
    ]
    if diagnosis.animated:
        lines.append(f"of several frames: {diagnosis.animated}; the first frame is used")
    if diagnosis.classes:
        lines.append("sub-folders: " + ", ".join(f"{_printable(name)} {n}" for name, n in diagnosis.classes.items()))
    return lines + [f"advice: {line}" for line in diagnosis.advice]


def write_pairs(diagnosis: Diagnosis, settings: ImageSettings, path: Path) -> int:
    """Writes a sheet of the near duplicates, to look at: a row of two for each pair, whole and on white.

    Of a group, the first image stands beside each of the others.

    Args:
        diagnosis: a `Diagnosis` of images that are still there.
        settings: the range of their values.
        path: of the picture file.

    Returns:
        The number of pairs in the sheet, at most 40; where it is 0 nothing is written.

    Raises:
        InputError: if an image is no longer there, or the format cannot hold the sheet.
    """
    pairs = [(group[0], other) for group in diagnosis.near_duplicates for other in group[1:]][:_SHEET_PAIRS]
    if pairs:
        with pillow_warnings_ignored():
            pictures = [
                read_image(Path(diagnosis.folder) / image, _SHEET_SIDE_PX, 3, "pad", _WHITE, settings.range)
                for pair in pairs
                for image in pair
            ]
        write_picture(path, image_sheet(np.stack(pictures), columns=2), {})
    return len(pairs)


def _decode(
    scanned: FolderScan, value_range: Sequence[float] | None
) -> tuple[list[ImageFile], list[NDArray[np.uint8]], tuple[tuple[str, str], ...]]:
    """Returns the `ImageFile`s that can be decoded, RGB thumbnails of them, and (path, reason) of the others."""

    def small_picture(image: ImageFile) -> NDArray[np.uint8] | str:
        try:
            return read_image(scanned.folder / image.path, SIDE_PX, 3, "stretch", _WHITE, value_range)
        except InputError as error:
            return str(error)

    with pillow_warnings_ignored():
        results = list(in_threads(small_picture, scanned.images, "decoding"))
    whole = [(image, picture) for image, picture in results if not isinstance(picture, str)]
    undecodable = [(image.path, reason) for image, reason in results if isinstance(reason, str)]
    broken = sorted([*scanned.skipped, *undecodable], key=lambda path_and_reason: os.fsencode(path_and_reason[0]))
    return [image for image, _ in whole], [picture for _, picture in whole], tuple(broken)


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).convert("L"))


def _exact_duplicates(images: Iterable[ImageFile]) -> Groups:
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for image in images:
        groups[image.sha256].append(image.path)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _near_duplicates(images: Sequence[ImageFile], pictures: Sequence[NDArray[np.uint8]]) -> Groups:
    first_by_sha256: dict[str, int] = {}
    for index, image in enumerate(images):
        first_by_sha256.setdefault(image.sha256, index)
    firsts = list(first_by_sha256.values())
    groups = near_duplicates(np.stack([pictures[index] for index in firsts]))
    return tuple(tuple(images[firsts[place]].path for place in group) for group in groups)


def _classes(images: Iterable[ImageFile]) -> dict[str, int]:
    counts = _counts(image.path.split("/")[0] if "/" in image.path else "." for image in images)
    return counts if set(counts) != {"."} else {}


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(collections.Counter(names).items()))


def _range(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), float(np.median(values)), max(values)


def _fitting_shape(facts: dict[str, Any], shape: PictureShape, accepts: Accepts) -> PictureShape:
    """Returns the shape of a training's pictures, or a smaller one where most images would be enlarged."""
    if facts["smaller"] <= facts["usable"] / 2:
        return shape
    middle = facts["shorter_side_px"][1]
    sides = [side for side in _SIDES_PX if side < shape.side]
    sides.sort(key=lambda side: (side > middle, abs(side - middle)))  # the largest that most have, or the next one
    smaller = (shape.of_side(side) for side in sides)
    return next((one for one in smaller if accepts({"resolution": one.resolution})), shape)


def _advice(
    facts: dict[str, Any], settings: ImageSettings, fitting: PictureShape, on_crop: Iterable[Advice | None]
) -> Iterator[Advice]:
    """Yields what to do, the most important first."""
    copies, alike = (sum(len(group) - 1 for group in facts[kind]) for kind in ("exact_duplicates", "near_duplicates"))
    if copies:
        yield Advice(f"{copies} of the images are equal to another one: remove them, or they count more than once", {})
    if alike:
        text = f"{alike} of the images look like another one: --pairs FILE.png shows them beside each other; look first"
        yield Advice(text, {})
    if fitting != settings.shape:
        changes = {"resolution": fitting.resolution}
        text = f"most images would be enlarged, and the samples will be soft: {as_flags(changes)} fits them"
        yield Advice(text, changes)
    yield from filter(None, on_crop)
    modes = set(facts["modes"])
    if modes & {"RGBA", "LA", "PA"} and settings.channels != 4:
        yield Advice("some images are transparent: --background COLOR colors what is below", {"background": "#ffffff"})
        yield Advice("some images are transparent: --channels 4 learns the transparency", {"channels": 4})
    if settings.channels != 1 and (modes <= {"L", "1"} or all(mode.startswith("I;16") for mode in modes)):
        yield Advice("all images are grey: --channels 1 learns them as they are", {"channels": 1})
    counts = facts["classes"].values()
    if counts and max(counts) > _UNEVEN * min(counts):
        text = f"the largest sub-folder has {max(counts) / min(counts):.0f} times the images of the smallest"
        yield Advice(text, {})


def _advice_on_kinds(scanned: FolderScan) -> Iterator[str]:
    """Yields how files of kinds that are not read become usable."""
    for kind, count in collections.Counter(kind for _, kind in scanned.unread).items():
        yield f"{count} {kind.name} files are not used: {kind.mend}"


def _advice_on_number(count: int, accepts: Accepts) -> Iterator[str]:
    augments = accepts({"diff_augment": DEFAULT_POLICY})
    if count < FEW_IMAGES:
        yield f"fewer than {FEW_IMAGES} images: the samples will be near copies of them"
    elif count < ENOUGH_IMAGES:
        keep = "keep --diff-augment, and " if augments else ""
        yield f"fewer than {ENOUGH_IMAGES} images: {keep}look for copies of them in the samples"
    elif count < MANY_IMAGES:
        yield f"enough images for the defaults{'; keep --diff-augment' if augments else ''}"
    else:
        yield "many images: augmentation matters less, and a longer training pays"


def _list_lines(name: str, items: Sequence[str]) -> Iterator[str]:
    yield f"{name}: {len(items)}"
    for item in items[:_LISTED_AT_MOST]:
        yield f"  {_printable(item)}"
    if len(items) > _LISTED_AT_MOST:
        yield f"  and {len(items) - _LISTED_AT_MOST} more"


def _printable(text: str) -> str:
    # Python holds a file name that is not UTF-8 with surrogates, which cannot be printed.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
