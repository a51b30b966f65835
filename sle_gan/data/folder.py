"""A folder of images: which are usable, and which are not and why.

Imports no TensorFlow, so that an empty folder is reported within a second.
"""

import collections
import contextlib
import hashlib
import os
import random
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from sle_gan.data.archives import image_folder
from sle_gan.data.folder_entries import FolderEntries, reason_of
from sle_gan.data.in_threads import in_threads
from sle_gan.data.picture_kinds import UnreadKind, formats
from sle_gan.errors import InputError
from sle_gan.marks import is_marked
from sle_gan.picture_shape import PictureShape, Resolution

MOST_PIXELS = 100_000_000
MOST_ASPECT = 20
FEW_IMAGES = 20
# What Pillow raises, besides OSError, for a damaged file.
DAMAGE = (SyntaxError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, struct.error, zlib.error)

EXIF_ORIENTATION = 0x0112
LYING_ON_ITS_SIDE = frozenset({5, 6, 7, 8})  # of the orientations
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

    def is_smaller(self, shape: PictureShape) -> bool:
        """Returns whether it would be enlarged to be cut to a shape."""
        return self.width_px < shape.width or self.height_px < shape.height


@dataclass(frozen=True)
class FolderScan:
    """The images of a folder, and what else lies there.

    Attributes:
        folder: path of the folder.
        images: usable images, in the order of their paths' bytes.
        skipped: (path, reason) of the files that look like images, and the folders, that cannot be read; in the same
            order.
        ignored: number of other entries: files without a picture, pipes and devices, files and folders whose names
            begin with a dot.
        unread: (path, kind) of the files with pictures of kinds that are not read here; in the same order.
        written: paths of the folders, with a `/` at their ends, and of the pictures that this tool wrote and that are
            left out; in the same order.
        folders: names of the sub-folders that were entered.
    """

    folder: Path
    images: tuple[ImageFile, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    ignored: int = 0
    unread: tuple[tuple[str, UnreadKind], ...] = ()
    written: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def unusable(self) -> tuple[tuple[str, str], ...]:
        """Returns (path, reason) of all pictures that cannot be used: those skipped, and those of unread kinds."""
        unread = [(path, f"{kind.name}; {kind.mend}") for path, kind in self.unread if kind.is_picture]
        return (*self.skipped, *unread)

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Returns the paths of images whose files are equal, a tuple for each group."""
        groups: dict[str, list[str]] = collections.defaultdict(list)
        for image in self.images:
            groups[image.sha256].append(image.path)
        return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)


def scan(folder: Path | str, *, with_written: bool = False) -> FolderScan:
    """Finds the images in a folder and its sub-folders. Reads headers and computes checksums; decodes nothing.

    A file is an image by its first bytes, or by its name.

    Args:
        folder: path of the folder, or of an archive: see `sle_gan.data.archives`.
        with_written: whether the pictures that this tool wrote count too.

    Returns:
        A `FolderScan` with at least one usable image.

    Raises:
        InputError: if the folder cannot be read, or there is no usable image in it.
        StorageError: if there is no space for what an archive holds.
    """
    folder = image_folder(Path(folder).expanduser())
    try:
        os.listdir(folder)  # noqa: PTH208  (only to learn whether it can be read)
    except (OSError, ValueError) as error:
        raise InputError(f"the data folder must be a folder of images; got {folder} ({reason_of(error)})") from None
    entries = FolderEntries(folder, with_written=with_written)

    def inspect(path: str) -> ImageFile | InputError | OSError | None:
        try:
            return _inspect(folder, path, with_written=with_written)
        except (InputError, OSError) as error:
            return error

    images = []
    with pillow_warnings_ignored():
        for path, found in in_threads(inspect, sorted(entries.candidates, key=os.fsencode), "reading"):
            if isinstance(found, ImageFile):
                images.append(found)
            elif found is None:
                entries.written.append(path)
            else:
                entries.skipped.append((path, reason_of(found)))
    scanned = FolderScan(
        folder,
        tuple(images),
        tuple(sorted(entries.skipped, key=lambda entry: os.fsencode(entry[0]))),
        entries.ignored,
        tuple(sorted(entries.unread, key=lambda entry: os.fsencode(entry[0]))),
        tuple(sorted(entries.written, key=os.fsencode)),
        tuple(entries.folders),
    )
    if not images:
        looked_at = len(scanned.skipped) + len(scanned.unread) + scanned.ignored
        skipped = [f"the first: {path}: {reason}" for path, reason in scanned.skipped[:1]]
        why = "; ".join(["", *skipped, *_left_out_lines(scanned)])
        raise InputError(
            f"0 usable images of {looked_at} files in {folder} and its sub-folders{why}; "
            f"give a folder of {', '.join(formats())} files"
        )
    return scanned


def subsample(scanned: FolderScan, share: float, seed: int, *, by_class: bool = False) -> FolderScan:
    """Draws a random share of the images.

    Args:
        scanned: a `FolderScan`.
        share: of the images, above 0 and up to 1; at least one image is kept.
        seed: whole number.
        by_class: whether it is a share of the images of each sub-folder, of which at least one is kept.

    Returns:
        A `FolderScan` whose images are in the same order.
    """
    if share == 1:
        return scanned
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for index, image in enumerate(scanned.images):
        groups[image.path.partition("/")[0] if by_class else ""].append(index)
    chosen = []
    for name, indices in groups.items():
        drawn = random.Random(f"data ratio {seed}{f' {name}' if by_class else ''}")
        chosen += drawn.sample(indices, max(1, round(share * len(indices))))
    return replace(scanned, images=tuple(scanned.images[index] for index in sorted(chosen)))


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


def describe_images(scanned: FolderScan, resolution: Resolution) -> list[str]:
    """Describes the images: what a person should know of them before training.

    Args:
        scanned: a `FolderScan`.
        resolution: side of the images in training, in pixels, or width and height such as `384x256`.

    Returns:
        Lines of text.
    """
    images, shape = scanned.images, PictureShape.of(resolution)
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
    lines += _left_out_lines(scanned)
    if scanned.skipped:
        skipped = [f"{path} ({reason})" for path, reason in scanned.skipped]
        lines.append(f"{_count_of(len(skipped), 'file')} skipped: {format_some(skipped)}")
    duplicates = scanned.duplicates()
    if duplicates:
        equal = format_some([" = ".join(paths) for paths in duplicates])
        lines.append(f"{_count_of(len(duplicates), 'image')} more than once: {equal}")
    small = sum(image.is_smaller(shape) for image in images)
    if small:
        lines.append(f"{_count_of(small, 'image')} smaller than {shape} px, enlarged")
    animated = sum(image.frames > 1 for image in images)
    if animated:
        lines.append(f"{_count_of(animated, 'image')} of several frames: the first is used")
    if len(images) < FEW_IMAGES:
        lines.append(f"fewer than {FEW_IMAGES} images: the samples will be near copies of them")
    return lines


def open_image(path: Path) -> Image.Image:
    """Opens an image of an allowed format, size and aspect (see `MOST_PIXELS`, `MOST_ASPECT`); decodes nothing.

    Args:
        path: the file.

    Returns:
        A `PIL.Image.Image`, to be closed by the caller.

    Raises:
        InputError: if it is not such an image.
    """
    try:
        image = Image.open(path, formats=formats())
    except UnidentifiedImageError:
        raise InputError(f"not a {', '.join(formats())} image") from None
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


def _left_out_lines(scanned: FolderScan) -> list[str]:
    """Says what is left out of a folder, by kind, and how its pictures can be used."""
    by_kind: dict[UnreadKind, list[str]] = collections.defaultdict(list)
    for path, kind in scanned.unread:
        by_kind[kind].append(path)
    lines = [
        f"{_count_of(len(paths), f'{kind.name} file')} left out ({format_some(paths)}): {kind.mend}"
        for kind, paths in by_kind.items()
    ]
    if scanned.written:
        lines.append(f"left out, since SLE-GAN wrote them: {format_some(list(scanned.written))}")
    return lines


def _inspect(folder: Path, path: str, *, with_written: bool) -> ImageFile | None:
    """Returns what is known of an image; None of a picture that this tool wrote."""
    file = folder / path
    if file.stat().st_size == 0:
        raise InputError("an empty file")
    with open_image(file) as image:
        width, height = image.size
        try:
            if not with_written and is_marked(image):
                return None
            # To look for EXIF data behind the pixels of a PNG, Pillow would decode all of them.
            has_exif = image.format != "PNG" or "exif" in image.info
            lies_on_its_side = has_exif and image.getexif().get(EXIF_ORIENTATION, 1) in LYING_ON_ITS_SIDE
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


def _count_of(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
