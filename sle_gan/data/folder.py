"""A folder of images: which are usable, which are not and why, and the manifest of them that a run keeps.

Imports no TensorFlow, so that an empty folder is reported within a second.
"""

import collections
import contextlib
import hashlib
import os
import random
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from PIL import Image, UnidentifiedImageError

from sle_gan.errors import InputError
from sle_gan.json_files import read_json, stays_below

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
MOST_PIXELS = 100_000_000
MOST_ASPECT = 20
FEW_IMAGES = 20
MANIFEST_SCHEMA = 1

Manifest = dict[str, Any]  # see `manifest`
# What Pillow raises, besides OSError, for a damaged file.
DAMAGE = (SyntaxError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, struct.error, zlib.error)

_EXIF_ORIENTATION = 0x0112
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class ImageFile:
    """A usable image.

    Attributes:
        path: relative to the folder, with `/` between its parts.
        sha256: of the file's bytes, in hexadecimal.
        width_px: width as shown, after the rotation that EXIF asks for.
        height_px: height as shown.
        mode: Pillow's name for its channels, such as `RGB`.
        format: Pillow's name for the format, such as `JPEG`.
        frames: number of frames or pages; 1 for a still image.
    """

    path: str
    sha256: str
    width_px: int
    height_px: int
    mode: str
    format: str
    frames: int


@dataclass(frozen=True)
class FolderScan:
    """The images of a folder, and what else lies there.

    Attributes:
        folder: path of the folder.
        images: usable images, in the order of their paths' bytes.
        skipped: (path, reason) of the files named like images, and the folders, that cannot be read; in the same order.
        ignored: number of other entries: files of other extensions, pipes and devices, files and folders whose names
            begin with a dot.
    """

    folder: Path
    images: tuple[ImageFile, ...]
    skipped: tuple[tuple[str, str], ...]
    ignored: int

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Returns the paths of images whose files are equal, a tuple for each group."""
        groups: dict[str, list[str]] = collections.defaultdict(list)
        for image in self.images:
            groups[image.sha256].append(image.path)
        return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)


def scan(folder: Path | str) -> FolderScan:
    """Finds the images in a folder and its sub-folders. Reads headers and computes checksums; decodes nothing.

    Args:
        folder: path of the folder.

    Returns:
        A `FolderScan` with at least one usable image.

    Raises:
        InputError: if the folder cannot be read, or there is no usable image in it.
    """
    folder = Path(folder)
    try:
        os.listdir(folder)  # noqa: PTH208  (only to learn whether it can be read)
    except (OSError, ValueError) as error:
        raise InputError(f"the data folder must be a folder of images; got {folder} ({_reason(error)})") from None
    candidates, skipped, ignored = _candidates(folder)
    images = []
    with pillow_warnings_ignored():
        for path in candidates:
            try:
                images.append(_inspect(folder, path))
            except (InputError, OSError) as error:
                skipped.append((path, _reason(error)))
    skipped.sort(key=lambda path_and_reason: os.fsencode(path_and_reason[0]))
    if not images:
        looked_at = len(skipped) + ignored
        why = f"; the first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise InputError(
            f"0 usable images of {looked_at} files in {folder} and its sub-folders{why}; "
            f"give a folder of {', '.join(FORMATS)} files"
        )
    return FolderScan(folder, tuple(images), tuple(skipped), ignored)


def subsample(scanned: FolderScan, share: float, seed: int) -> FolderScan:
    """Draws a random share of the images.

    Args:
        scanned: a `FolderScan`.
        share: of the images, above 0 and up to 1; at least one image is kept.
        seed: whole number.

    Returns:
        A `FolderScan` whose images are in the same order.
    """
    if share == 1:
        return scanned
    count = max(1, round(share * len(scanned.images)))
    chosen = sorted(random.Random(f"data ratio {seed}").sample(range(len(scanned.images)), count))
    return replace(scanned, images=tuple(scanned.images[index] for index in chosen))


def hold_out(scanned: FolderScan, share: float, seed: int) -> tuple[FolderScan, FolderScan | None]:
    """Splits the images into those to train on and those to judge the discriminator by.

    Equal files stay on one side, or the discriminator would train on held-out images.

    Args:
        scanned: a `FolderScan`.
        share: of the images to hold out, from 0 to below 1.
        seed: whole number; seeds the choice.

    Returns:
        The `FolderScan`s of both, with images in the same order; the second is None for a share of 0.

    Raises:
        InputError: if no image would be left to train on, or none would be held out.
    """
    if share == 0:
        return scanned, None
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for index, image in enumerate(scanned.images):
        groups[image.sha256].append(index)
    order = random.Random(f"held out {seed}").sample(list(groups), len(groups))
    chosen = {index for checksum in order[: round(share * len(groups))] for index in groups[checksum]}
    parts = [
        tuple(image for index, image in enumerate(scanned.images) if (index in chosen) is is_held_out)
        for is_held_out in (False, True)
    ]
    count = len(scanned.images)
    if not all(parts):
        raise InputError(f"--held-out must leave images to train on and hold some out; got {share:g} of {count} images")
    kept, held_out = (replace(scanned, images=images) for images in parts)
    return kept, held_out


def describe_images(scanned: FolderScan, resolution: int) -> list[str]:
    """Describes the images: what a person should know of them before training.

    Args:
        scanned: a `FolderScan`.
        resolution: side of the images in training, in pixels.

    Returns:
        Lines of text.
    """
    images = scanned.images
    sides_px = [min(image.width_px, image.height_px) for image in images]
    aspects = [image.width_px / image.height_px for image in images]
    modes = collections.Counter(image.mode for image in images)
    lines = [
        f"{_count_of(len(images), 'image')}, shorter side {min(sides_px)} to {max(sides_px)} px, "
        f"width / height {min(aspects):.2f} to {max(aspects):.2f}, "
        + ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    ]
    if scanned.ignored:
        lines.append(f"{_count_of(scanned.ignored, 'other file')} ignored")
    if scanned.skipped:
        skipped = [f"{path} ({reason})" for path, reason in scanned.skipped]
        lines.append(f"{_count_of(len(skipped), 'file')} skipped: {format_some(skipped)}")
    duplicates = scanned.duplicates()
    if duplicates:
        equal = format_some([" = ".join(paths) for paths in duplicates])
        lines.append(f"{_count_of(len(duplicates), 'image')} more than once: {equal}")
    small = sum(side_px < resolution for side_px in sides_px)
    if small:
        lines.append(f"{_count_of(small, 'image')} smaller than {resolution} px, enlarged")
    animated = sum(image.frames > 1 for image in images)
    if animated:
        lines.append(f"{_count_of(animated, 'image')} of several frames: the first is used")
    if len(images) < FEW_IMAGES:
        lines.append(f"fewer than {FEW_IMAGES} images: the samples will be near copies of them")
    return lines


def manifest(scanned: FolderScan, held_out: FolderScan | None = None) -> Manifest:
    """Returns what a run keeps of its images, ready for JSON.

    Args:
        scanned: a `FolderScan` of the images to train on.
        held_out: a `FolderScan` of the held-out images, or None.

    Returns:
        A dictionary: `schema`; `images`, a list of `ImageFile`s as dictionaries; `held_out`, the same of the held-out
        images; `skipped`, path and reason of each; `ignored`, the number of other files.
    """
    return {
        "schema": MANIFEST_SCHEMA,
        "images": [asdict(image) for image in scanned.images],
        "held_out": [asdict(image) for image in held_out.images] if held_out else [],
        "skipped": scanned.skipped,
        "ignored": scanned.ignored,
    }


def read_manifest(file: Path) -> Manifest:
    """Reads a manifest.

    Args:
        file: path of `manifest.json`.

    Returns:
        The dictionary that `manifest` made.

    Raises:
        InputError: if it is damaged.
    """
    try:
        content: Manifest = read_json(file)
        images = content["images"] + content.get("held_out", [])
        if content["schema"] == MANIFEST_SCHEMA and all(
            stays_below(image["path"]) and re.fullmatch(r"[0-9a-f]{64}", image["sha256"]) for image in images
        ):
            return content
    except (InputError, KeyError, TypeError, AttributeError):
        pass  # reported below, like a manifest of another schema
    raise InputError(f"{file} is damaged or of another version; restore it, or give another --name")


def changed_images(old: Manifest, new: Manifest) -> tuple[list[str], list[str], list[str]]:
    """Compares two manifests, the held-out images included.

    Args:
        old: the manifest of the run.
        new: the manifest of the folder as it is now.

    Returns:
        `(added, removed, changed)`: lists of paths.
    """
    before, now = (
        {image["path"]: image["sha256"] for image in content["images"] + content.get("held_out", [])}
        for content in (old, new)
    )
    return (
        [path for path in now if path not in before],
        [path for path in before if path not in now],
        [path for path in now if path in before and now[path] != before[path]],
    )


def open_image(path: Path) -> Image.Image:
    """Opens an image of an allowed format, size and aspect (see the constants above); decodes nothing.

    Args:
        path: the file.

    Returns:
        A `PIL.Image.Image`, to be closed by the caller.

    Raises:
        InputError: if it is not such an image.
    """
    try:
        image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise InputError(f"not a {', '.join(FORMATS)} image") from None
    except Image.DecompressionBombError:
        raise InputError(f"more than {MOST_PIXELS // 1_000_000} megapixels") from None
    except DAMAGE as error:
        raise InputError(f"a damaged header ({error})") from None
    width, height = image.size
    reason = None
    if width * height > MOST_PIXELS:
        reason = f"{width} x {height}, more than {MOST_PIXELS // 1_000_000} megapixels"
    elif max(width, height) > MOST_ASPECT * min(width, height):
        reason = f"{width} x {height}, one side more than {MOST_ASPECT} times the other"
    if reason:
        image.close()
        raise InputError(reason)
    return image


@contextlib.contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Hides Pillow's warnings in the whole process: enter it in the thread that starts the others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def format_some(texts: list[str]) -> str:
    """Joins the first five texts, such as paths, by commas, and says how many more there are."""
    # A name of other bytes than UTF-8 is held as surrogates.
    texts = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in texts]
    more = f" and {len(texts) - _NAMED_AT_MOST} more" if len(texts) > _NAMED_AT_MOST else ""
    return ", ".join(texts[:_NAMED_AT_MOST]) + more


def _candidates(folder: Path) -> tuple[list[str], list[tuple[str, str]], int]:
    """Returns the paths of files named like images, (path, reason) of what cannot be read, and the number of others."""
    entered, paths, unreadable, ignored = set(), [], list[tuple[str, str]](), 0

    def cannot_be_listed(error: OSError) -> None:
        unreadable.append((_relative(error.filename, folder), _reason(error)))

    for below, folders, names in os.walk(folder, onerror=cannot_be_listed, followlinks=True):
        status = Path(below).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()  # a link to a folder that was entered before
            continue
        entered.add((status.st_dev, status.st_ino))
        ignored += sum(name.startswith(".") for name in folders)
        # Sorted, so that of two names for one folder the same one is entered on every machine.
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=os.fsencode)
        for name in names:
            path = Path(below, name)
            if name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
                ignored += 1
                continue
            try:
                regular = stat.S_ISREG(path.stat().st_mode)
            except OSError as error:
                unreadable.append((_relative(path, folder), _reason(error)))
                continue
            if regular:
                paths.append(_relative(path, folder))
            else:
                ignored += 1
    return sorted(paths, key=os.fsencode), unreadable, ignored


def _relative(path: Path | str, folder: Path) -> str:
    return Path(path).relative_to(folder).as_posix()


def _inspect(folder: Path, path: str) -> ImageFile:
    file = folder / path
    if file.stat().st_size == 0:
        raise InputError("an empty file")
    with open_image(file) as image:
        width, height = image.size
        try:
            # To look for EXIF data behind the pixels of a PNG, Pillow would decode all of them.
            has_exif = image.format != "PNG" or "exif" in image.info
            lies_on_its_side = has_exif and image.getexif().get(_EXIF_ORIENTATION, 1) in {5, 6, 7, 8}
            # The other pictures in an MPO, a phone's JPEG, are previews and depth maps, not frames.
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        except DAMAGE as error:
            raise InputError(f"a damaged header ({error})") from None
        if lies_on_its_side:
            width, height = height, width
        facts = (width, height, image.mode, str(image.format), frames)
    with file.open("rb") as content:
        return ImageFile(path, _sha256(content), *facts)


def _sha256(content: IO[bytes]) -> str:  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    for block in iter(lambda: content.read(2**20), b""):
        digest.update(block)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _count_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
