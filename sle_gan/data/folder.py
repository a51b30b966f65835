"""A folder of images: what is usable in it, what is not and why, and the manifest that a run keeps of it.

Imports no TensorFlow, so that an empty folder is told within a second.
"""

import collections
import hashlib
import json
import os
import stat
import struct
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sle_gan.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
MOST_PIXELS = 100_000_000
MOST_ASPECT = 20
FEW_IMAGES = 20
MANIFEST_SCHEMA = 1

_EXIF_ORIENTATION = 0x0112
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class ImageFile:
    """A usable image.

    Attributes:
        path: relative to the folder, with `/` between its parts.
        sha256: of the file's bytes, in hexadecimal.
        width: in pixels, as it is shown.
        height: in pixels, as it is shown.
        mode: Pillow's name of its channels, such as `RGB`.
        format: Pillow's name of the format, such as `JPEG`.
        frames: more than 1 if it is animated.
    """

    path: str
    sha256: str
    width: int
    height: int
    mode: str
    format: str
    frames: int


@dataclass(frozen=True)
class FolderScan:
    """What was found in a folder.

    Attributes:
        folder: the folder.
        images: usable images, in the order of their paths' bytes.
        skipped: (path, reason) of what has the name of an image and cannot be used.
        ignored: number of other files.
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
        InputError: if there is no such folder, or no usable image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"--data-folder {folder} is {'no folder' if folder.exists() else 'not there'}")
    images, skipped, ignored = [], [], 0
    for path in _files(folder, skipped):
        if Path(path).suffix.lower() not in EXTENSIONS or Path(path).name.startswith("."):
            ignored += 1
            continue
        try:
            images.append(_inspect(folder, path))
        except (InputError, OSError) as error:
            skipped.append((path, _reason(error)))
    if not images:
        looked_at = len(skipped) + ignored
        why = f"; the first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise InputError(
            f"0 usable images of {looked_at} files in {folder} and its sub-folders{why}; "
            f"give a folder of {', '.join(FORMATS)} files"
        )
    return FolderScan(folder, tuple(images), tuple(skipped), ignored)


def findings(found, resolution):
    """Says what a person should know of the images before training.

    Args:
        found: a `FolderScan`.
        resolution: side of the images in training, in pixels.

    Returns:
        Lines of text.
    """
    images = found.images
    sides = [min(image.width, image.height) for image in images]
    modes = collections.Counter(image.mode for image in images)
    lines = [
        f"{len(images)} images, shorter side {min(sides)} to {max(sides)} px, "
        + ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    ]
    if found.ignored:
        lines.append(f"{found.ignored} other files ignored")
    if found.skipped:
        told = [f"{path} ({reason})" for path, reason in found.skipped]
        lines.append(f"{len(told)} files skipped: {_some(told)}")
    duplicates = found.duplicates()
    if duplicates:
        lines.append(f"{len(duplicates)} images are there more than once: {_some([' = '.join(d) for d in duplicates])}")
    small = sum(side < resolution for side in sides)
    if small:
        lines.append(f"{small} images are smaller than {resolution} px and are enlarged")
    animated = sum(image.frames > 1 for image in images)
    if animated:
        lines.append(f"{animated} images are animated: the first frame is used")
    if len(images) < FEW_IMAGES:
        lines.append(f"{len(images)} images are very few: the samples will be near copies of them")
    return lines


def manifest(found):
    """Returns what a run keeps of its images, ready for JSON.

    Args:
        found: a `FolderScan`.

    Returns:
        A dictionary of `schema` and `images`: path, checksum and size of each.
    """
    return {"schema": MANIFEST_SCHEMA, "images": [asdict(image) for image in found.images]}


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
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        if content["schema"] == MANIFEST_SCHEMA and all(
            isinstance(image["path"], str) and isinstance(image["sha256"], str) for image in content["images"]
        ):
            return content
    except (ValueError, KeyError, TypeError):
        pass  # told below, like a manifest of another schema
    raise InputError(f"{file} is damaged or of another version; restore it, or give another --name")


def changed_images(old, new):
    """Compares two manifests.

    Args:
        old: the manifest of the run.
        new: the manifest of the folder as it is now.

    Returns:
        `(added, removed, changed)`: lists of paths.
    """
    before, now = ({image["path"]: image["sha256"] for image in content["images"]} for content in (old, new))
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # there is a limit of our own below
        try:
            image = Image.open(path, formats=FORMATS)
        except UnidentifiedImageError:
            raise InputError(f"not a {', '.join(FORMATS)} image") from None
        except Image.DecompressionBombError:
            raise InputError(f"more than {MOST_PIXELS // 1_000_000} megapixels") from None
        except (SyntaxError, ValueError, TypeError, EOFError) as error:
            raise InputError(f"a damaged header ({error})") from None
    width, height = image.size
    reason = None
    if width * height > MOST_PIXELS:
        reason = f"{width} x {height}, more than {MOST_PIXELS // 1_000_000} megapixels"
    elif max(width, height) > MOST_ASPECT * min(width, height):
        reason = f"{width} x {height}, longer than {MOST_ASPECT} times its width"
    if reason:
        image.close()
        raise InputError(reason)
    return image


def _files(folder, skipped):
    """Yields the relative paths of regular files, in the order of their bytes; enters every folder once."""
    entered, paths = set(), []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            status = (folder / below).stat()
            names = os.listdir(folder / below)  # noqa: PTH208  (names are enough)
        except OSError as error:
            skipped.append((below, _reason(error)))
            continue
        if (status.st_dev, status.st_ino) in entered:
            continue  # a link to a folder above or beside it
        entered.add((status.st_dev, status.st_ino))
        for name in names:
            path = f"{below}/{name}" if below else name
            try:
                mode = (folder / path).stat().st_mode
            except OSError as error:
                skipped.append((path, _reason(error)))
                continue
            if stat.S_ISDIR(mode):
                waiting.append(path)
            elif stat.S_ISREG(mode):
                paths.append(path)
            else:
                skipped.append((path, "no regular file"))
    return sorted(paths, key=os.fsencode)


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
            frames = getattr(image, "n_frames", 1)
        except (SyntaxError, ValueError, TypeError, EOFError, struct.error) as error:
            raise InputError(f"a damaged header ({error})") from None
        if lies_on_its_side:
            width, height = height, width
        facts = (width, height, image.mode, image.format, frames)
    with file.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256") if hasattr(hashlib, "file_digest") else _sha256(content)
    return ImageFile(path, checksum.hexdigest(), *facts)


def _sha256(content):  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    while block := content.read(2**20):
        digest.update(block)
    return digest


def _reason(error):
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _some(texts):
    # A name of other bytes than UTF-8 is held as surrogates, which cannot be printed.
    texts = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in texts]
    more = f" and {len(texts) - _NAMED_AT_MOST} more" if len(texts) > _NAMED_AT_MOST else ""
    return ", ".join(texts[:_NAMED_AT_MOST]) + more
