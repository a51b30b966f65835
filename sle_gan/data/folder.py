"""A folder of images: what is usable in it, what is not and why, and the manifest that a run keeps of it.

Imports no TensorFlow, so that an empty folder is told within a second.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sle_gan.errors import InputError
from sle_gan.json_files import read_json, stays_below

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
MOST_PIXELS = 100_000_000
MOST_ASPECT = 20
FEW_IMAGES = 20
MANIFEST_SCHEMA = 1

# What Pillow raises, besides OSError, where a file does not hold what its format promises.
DAMAGE = (SyntaxError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, struct.error, zlib.error)

_EXIF_ORIENTATION = 0x0112
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class ImageFile:
    """A usable image.

    Attributes:
        path: relative to the folder, with `/` between its parts.
        sha256: of the file's bytes, in hexadecimal.
        width_px: as it is shown.
        height_px: as it is shown.
        mode: Pillow's name of its channels, such as `RGB`.
        format: Pillow's name of the format, such as `JPEG`.
        frames: more than 1 if it is animated or has pages.
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
    """What was found in a folder.

    Attributes:
        folder: the folder.
        images: usable images, in the order of their paths' bytes.
        skipped: (path, reason) of what has the name of an image, or is a folder, and cannot be used; in the same order.
        ignored: number of the others: other extensions, pipes and devices, files and folders whose names begin
            with a dot.
    """

    folder: Path
    images: tuple
    skipped: tuple
    ignored: int

    def duplicates(self):
        """Returns the paths of images of equal bytes, a tuple for each group."""
        groups = collections.defaultdict(list)
        for image in self.images:
            groups[image.sha256].append(image.path)
        return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)


def scan(folder):
    """Looks through a folder and its sub-folders for images; reads headers and checksums, decodes nothing.

    Args:
        folder: path of the folder.

    Returns:
        A `FolderScan` with one usable image at least.

    Raises:
        InputError: if the folder cannot be read, or there is no usable image in it.
    """
    folder = Path(folder)
    try:
        os.listdir(folder)  # noqa: PTH208  (only whether it can be)
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
    skipped.sort(key=lambda told: os.fsencode(told[0]))
    if not images:
        looked_at = len(skipped) + ignored
        why = f"; the first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise InputError(
            f"0 usable images of {looked_at} files in {folder} and its sub-folders{why}; "
            f"give a folder of {', '.join(FORMATS)} files"
        )
    return FolderScan(folder, tuple(images), tuple(skipped), ignored)


def some_of(found, share, seed):
    """Keeps a share of the images, drawn at random.

    Args:
        found: a `FolderScan`.
        share: of the images, above 0 and up to 1; at least one image is kept.
        seed: whole number.

    Returns:
        A `FolderScan` whose images are in the same order.
    """
    if share == 1:
        return found
    count = max(1, round(share * len(found.images)))
    chosen = sorted(random.Random(f"data ratio {seed}").sample(range(len(found.images)), count))
    return replace(found, images=tuple(found.images[index] for index in chosen))


def hold_out(found, share, seed):
    """Parts the images in those to train on and those to judge the discriminator by.

    Images of equal bytes stay together, or what is held out would be trained on all the same.

    Args:
        found: a `FolderScan`.
        share: of the images that is held out, from 0 to below 1.
        seed: whole number, of the choice.

    Returns:
        Two `FolderScan`s whose images are in the same order; the second is None for a share of 0.

    Raises:
        InputError: if no image would be left to train on, or none be held out.
    """
    if share == 0:
        return found, None
    groups = collections.defaultdict(list)
    for index, image in enumerate(found.images):
        groups[image.sha256].append(index)
    order = random.Random(f"held out {seed}").sample(list(groups), len(groups))
    chosen = {index for checksum in order[: round(share * len(groups))] for index in groups[checksum]}
    parts = [
        tuple(image for index, image in enumerate(found.images) if (index in chosen) is is_held_out)
        for is_held_out in (False, True)
    ]
    if not all(parts):
        count = len(found.images)
        raise InputError(f"--held-out must leave images to train on and hold some out; got {share:g} of {count} images")
    return tuple(replace(found, images=images) for images in parts)


def findings(found, resolution):
    """Says what a person should know of the images before training.

    Args:
        found: a `FolderScan`.
        resolution: side of the images in training, in pixels.

    Returns:
        Lines of text.
    """
    images = found.images
    sides_px = [min(image.width_px, image.height_px) for image in images]
    aspects = [image.width_px / image.height_px for image in images]
    modes = collections.Counter(image.mode for image in images)
    lines = [
        f"{_counted(len(images), 'image')}, shorter side {min(sides_px)} to {max(sides_px)} px, "
        f"width / height {min(aspects):.2f} to {max(aspects):.2f}, "
        + ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    ]
    if found.ignored:
        lines.append(f"{_counted(found.ignored, 'other file')} ignored")
    if found.skipped:
        told = [f"{path} ({reason})" for path, reason in found.skipped]
        lines.append(f"{_counted(len(told), 'file')} skipped: {format_some(told)}")
    duplicates = found.duplicates()
    if duplicates:
        equal = format_some([" = ".join(paths) for paths in duplicates])
        lines.append(f"{_counted(len(duplicates), 'image')} more than once: {equal}")
    small = sum(side_px < resolution for side_px in sides_px)
    if small:
        lines.append(f"{_counted(small, 'image')} smaller than {resolution} px, enlarged")
    animated = sum(image.frames > 1 for image in images)
    if animated:
        lines.append(f"{_counted(animated, 'image')} of several frames: the first is used")
    if len(images) < FEW_IMAGES:
        lines.append(f"fewer than {FEW_IMAGES} images: the samples will be near copies of them")
    return lines


def manifest(found, held_out=None):
    """Returns what a run keeps of its images, ready for JSON.

    Args:
        found: a `FolderScan` of those that are trained on.
        held_out: a `FolderScan` of those that are not, or None.

    Returns:
        A dictionary of `schema`, `images`: path, checksum and size of each, `held_out`: the same of the others,
        `skipped`: path and reason of each, and `ignored`: the number of other files.
    """
    return {
        "schema": MANIFEST_SCHEMA,
        "images": [asdict(image) for image in found.images],
        "held_out": [asdict(image) for image in held_out.images] if held_out else [],
        "skipped": found.skipped,
        "ignored": found.ignored,
    }


def read_manifest(file):
    """Reads a manifest.

    Args:
        file: path of `manifest.json`.

    Returns:
        The dictionary that `manifest` made.

    Raises:
        InputError: if it is damaged.
    """
    try:
        content = read_json(file)
        images = content["images"] + content.get("held_out", [])
        if content["schema"] == MANIFEST_SCHEMA and all(
            stays_below(image["path"]) and re.fullmatch(r"[0-9a-f]{64}", image["sha256"]) for image in images
        ):
            return content
    except (InputError, KeyError, TypeError, AttributeError):
        pass  # told below, like a manifest of another schema
    raise InputError(f"{file} is damaged or of another version; restore it, or give another --name")


def changed_images(old, new):
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


def open_image(path):
    """Opens an image of an allowed format whose header promises a reasonable size; decodes nothing.

    Args:
        path: the file.

    Returns:
        A `PIL.Image.Image`, to be closed by the caller.

    Raises:
        InputError: if it is no such image.
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
def pillow_warnings_ignored():
    """Keeps Pillow's warnings, of odd metadata and of many pixels, off the terminal.

    For the thread that starts the others: the filters of warnings belong to the whole process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def format_some(texts: list[str]) -> str:
    """Joins the first five texts, such as paths, by commas, and says how many more there are."""
    # A name of other bytes than UTF-8 is held as surrogates.
    texts = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in texts]
    more = f" and {len(texts) - _NAMED_AT_MOST} more" if len(texts) > _NAMED_AT_MOST else ""
    return ", ".join(texts[:_NAMED_AT_MOST]) + more


def _candidates(folder):
    """Returns paths of regular files named like images, in order, [(path, reason)], and the number of others."""
    entered, paths, unreadable, ignored = set(), [], [], 0

    def cannot_be_listed(error):
        unreadable.append((_relative(error.filename, folder), _reason(error)))

    for below, folders, names in os.walk(folder, onerror=cannot_be_listed, followlinks=True):
        status = Path(below).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()  # a link to a folder above or beside it
            continue
        entered.add((status.st_dev, status.st_ino))
        ignored += sum(name.startswith(".") for name in folders)
        # In order, so that of two names for one folder the same one is entered everywhere.
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


def _relative(path, folder):
    return Path(path).relative_to(folder).as_posix()


def _inspect(folder, path):
    file = folder / path
    if file.stat().st_size == 0:
        raise InputError("an empty file")
    with open_image(file) as image:
        width, height = image.size
        try:
            # Asked for the EXIF data that a PNG does not begin with, Pillow would decode it all.
            has_exif = image.format != "PNG" or "exif" in image.info
            lies_on_its_side = has_exif and image.getexif().get(_EXIF_ORIENTATION, 1) in {5, 6, 7, 8}
            # The pictures beside the first in an MPO, a telephone's JPEG, are previews and depths, no frames.
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        except DAMAGE as error:
            raise InputError(f"a damaged header ({error})") from None
        if lies_on_its_side:
            width, height = height, width
        facts = (width, height, image.mode, image.format, frames)
    with file.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256") if hasattr(hashlib, "file_digest") else _sha256(content)
    return ImageFile(path, checksum.hexdigest(), *facts)


def _sha256(content):  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    for block in iter(lambda: content.read(2**20), b""):
        digest.update(block)
    return digest


def _reason(error):
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
