"""Decodes images to one shape of 8-bit pixels, once for a whole training: rotated as EXIF says, composited, resized.

Pillow decodes and resizes without Python's global lock, so threads use all cores. Imports no TensorFlow.
"""

import contextlib
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sle_gan.data.folder import (
    DAMAGE,
    EXIF_ORIENTATION,
    LYING_ON_ITS_SIDE,
    FolderScan,
    ImageFile,
    open_image,
    pillow_warnings_ignored,
)
from sle_gan.data.in_threads import in_threads
from sle_gan.data.kept_images import KeptImages, kept_images
from sle_gan.disk import check_space
from sle_gan.errors import InputError, StorageError
from sle_gan.picture_shape import PictureShape, Resolution
from sle_gan.settings import ImageSettings

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_REDUCING_GAP = 3.0  # Pillow first reduces a large image by a whole factor, to at least this multiple of its size

_ALIGNMENT_BYTES = 64  # what TensorFlow needs to use an array without a copy

# The ends of the ranges that 32-bit values are assumed to fill, by Pillow's mode: I is integer, F is float.
_RANGES: dict[str, tuple[float, ...]] = {"I": (255.0, 65535.0), "F": (1.0,)}
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", *_RANGES})  # of Pillow, of more than 8 bits


def read_image(
    path: Path,
    resolution: Resolution,
    channels: int,
    fit: str,
    background: Sequence[int],
    value_range: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Decodes one image.

    Args:
        path: the file.
        resolution: side of the result in pixels, or width and height such as `384x256`.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        fit: `crop` cuts the middle out, as much as has the ratio of the result; `pad` adds borders of the background;
            `stretch` changes the ratio.
        background: three numbers in [0, 255]: the color under transparency and of the borders of `pad`.
        value_range: both ends of the values that are mapped to [0, 255] in an image of more than 8 bits; those beyond
            are cut off. None for the range of its format, as below.

    Returns:
        uint8 `[height, width, channels]`; of an animated image, the first frame. Values of more than 8 bits are
        scaled to [0, 255]: 16-bit ones from [0, 65535]; 32-bit integers from [0, 255] if they fit, otherwise from
        [0, 65535]; 32-bit floats from [0, 1]. Values outside these ranges are scaled from the image's own range.

    Raises:
        InputError: if the file cannot be decoded.
    """
    shape = PictureShape.of(resolution)
    try:
        with open_image(path) as image:
            if image.format == "PNG":
                _verify_png_checksums(path)
            stored_size = image.size
            # Only for JPEG: decodes at a half, a quarter or an eighth, at least as large as the result, which may lie
            # on its side here.
            drafted = image.draft(None, _size_to_fit(image.size, PictureShape(max(shape), max(shape)), fit))
            scale = 1.0 if drafted is None else drafted[1][2] / stored_size[0]
            image.load()
            orientation = image.getexif().get(EXIF_ORIENTATION, 1)
            ImageOps.exif_transpose(image, in_place=True)
            image = _to_eight_bits(image, value_range)
    except (OSError, *DAMAGE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be decoded ({error})") from None
    size = image.size
    if scale != 1:
        size = stored_size[::-1] if orientation in LYING_ON_ITS_SIDE else stored_size
    box = _shown_box(size, image.size, scale, orientation, shape if fit == "crop" else None)
    image = _over_background(image, channels, background)
    image = _fit_to_shape(image, box, _size_to_fit(size, shape, fit), shape, background)
    return np.asarray(image.convert(_MODES[channels])).reshape(*shape.size, channels)


def check_usable(skipped: Sequence[tuple[str, str]], *, strict: bool) -> None:
    """Checks, where it is asked for, that every file named like an image can be used.

    Args:
        skipped: (path, reason) of those that cannot.
        strict: whether that is asked for.

    Raises:
        InputError: if it is and one cannot.
    """
    if strict and skipped:
        path, reason = skipped[0]
        others = "" if len(skipped) == 1 else f", and {len(skipped) - 1} more"
        raise InputError(f"--strict: {path} cannot be used ({reason}){others}; remove or mend what cannot be used")


def _verify_png_checksums(path: Path) -> None:
    """Verifies the checksums of a PNG; Pillow does not when it decodes."""
    with open_image(path) as image:
        image.verify()


def decode_images(
    scanned: FolderScan, settings: ImageSettings, cache_file: Path | None = None
) -> tuple[NDArray[np.uint8], tuple[ImageFile, ...], tuple[tuple[str, str], ...]]:
    """Decodes all images of a scanned folder as settings say: see `decode_folder`.

    Args:
        scanned: a `FolderScan`.
        settings: their shape, channels, fit, background, and the limit beyond which they lie in a file.
        cache_file: path of that file; None to keep them in memory, however many they are.

    Returns:
        As `decode_folder`.

    Raises:
        InputError: if none could be decoded.
        StorageError: if the file cannot be written.
    """
    limit = sys.maxsize if cache_file is None else settings.cache_limit_bytes
    return decode_folder(scanned, settings, memory_limit_bytes=limit, cache_file=cache_file)


def decode_folder(
    scanned: FolderScan,
    settings: ImageSettings,
    *,
    memory_limit_bytes: int,
    cache_file: Path | None,
) -> tuple[NDArray[np.uint8], tuple[ImageFile, ...], tuple[tuple[str, str], ...]]:
    """Decodes all images of a scanned folder, on all cores, or reads what an earlier run decoded: see `kept_images`.

    Args:
        scanned: a `FolderScan`.
        settings: shape, channels, fit, background and range of the results; see `read_image`.
        memory_limit_bytes: a larger result is written to a file and mapped from there.
        cache_file: path of that file, a `.npy`, which appears when it is whole; only one program at a time may write
            it. None if the memory limit is never reached.

    Returns:
        `(images, kept, failures)`: uint8 `[count, height, width, channels]` in the order of the folder,
        their `ImageFile`s, and (path, reason) of the images that could not be decoded.

    Raises:
        InputError: if none could be decoded.
        StorageError: if the file cannot be written.
    """
    count = len(scanned.images)
    shape = count, *settings.shape.size, settings.channels
    file = cache_file if math.prod(shape) > memory_limit_bytes else None
    failures: dict[int, str] = {}
    with pillow_warnings_ignored():
        store = kept_images(scanned.images, settings)
        images = None if store is None else _read_again(store, scanned, settings, file, failures)
        if images is None:
            failures.clear()
            images = _placed(_decoded(scanned, settings, range(count), failures), shape, file)
            if store is not None:
                store.keep(images, [place for place in range(count) if place not in failures])
    kept = tuple(image for place, image in enumerate(scanned.images) if place not in failures)
    return images, kept, tuple((scanned.images[place].path, reason) for place, reason in failures.items())


def _read_again(
    store: KeptImages, scanned: FolderScan, settings: ImageSettings, file: Path | None, failures: dict[int, str]
) -> NDArray[np.uint8] | None:
    """Returns the kept images of a set; None if there are none, or an image that could not be decoded now can."""
    places = store.places()
    if places is None:
        return None
    others = sorted(set(range(len(scanned.images))) - set(places))
    if any(True for _ in _decoded(scanned, settings, others, failures)):
        return None
    with contextlib.suppress(InputError):
        return _placed(store.rows(len(places)), store.shape, file)
    return None


def _decoded(
    scanned: FolderScan, settings: ImageSettings, places: Sequence[int], failures: dict[int, str]
) -> Iterator[NDArray[np.uint8]]:
    """Yields the images at some places of a folder; adds to `failures` why one cannot be decoded, by its place."""

    def decode(place: int) -> NDArray[np.uint8] | InputError:
        file, background = scanned.folder / scanned.images[place].path, settings.background_rgb
        try:
            return read_image(file, settings.resolution, settings.channels, settings.fit, background, settings.range)
        except InputError as error:
            return error

    for place, pixels in in_threads(decode, places, "decoding"):
        if isinstance(pixels, InputError):
            failures[place] = str(pixels)
        else:
            yield pixels
    if len(failures) == len(scanned.images):
        first = min(failures)
        raise InputError(
            f"none of the {len(failures)} images can be decoded; the first: {scanned.images[first].path}: "
            f"{failures[first]}"
        )


def _placed(rows: Iterable[NDArray[np.uint8]], shape: tuple[int, ...], file: Path | None) -> NDArray[np.uint8]:
    return _in_memory(rows, shape) if file is None else _in_file(rows, shape, file)


def _in_memory(decoded: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    images, count = _aligned_empty(shape), 0
    for pixels in decoded:
        images[count] = pixels
        count += 1
    return images[:count]


def _aligned_empty(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Returns uninitialized bytes of a shape that begin where TensorFlow can use them without a copy."""
    size = math.prod(shape)
    content = np.empty(size + _ALIGNMENT_BYTES - 1, np.uint8)
    start = -content.ctypes.data % _ALIGNMENT_BYTES
    return content[start : start + size].reshape(shape)


def _in_file(decoded: Iterable[NDArray[np.uint8]], shape: tuple[int, ...], cache_file: Path) -> NDArray[np.uint8]:
    # Always the same name, so that the rest of a killed run is overwritten. The file is written, and mapped only when
    # it is whole: a full disk raises an error in a write, but kills the process in a mapped file.
    unfinished, count = cache_file.with_suffix(".unfinished"), 0
    check_space(cache_file.parent, math.prod(shape), "the decoded images", "or give a higher --cache-limit")
    try:
        with unfinished.open("wb") as file:
            _write_header(file, shape)
            for pixels in decoded:
                file.write(pixels.data)
                count += 1
            file.seek(0)
            _write_header(file, (count, *shape[1:]))  # as long as the first header: NumPy pads for any count
        unfinished.replace(cache_file)
    except OSError as error:
        raise StorageError(
            f"the decoded images need {math.prod(shape) / 2**20:.0f} MiB in {cache_file}: {error.strerror}; free space"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    mapped: NDArray[np.uint8] = np.load(cache_file, mmap_mode="r")
    return mapped


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def full_range(mode: str, low: float, high: float) -> tuple[float, float]:
    """Returns what is mapped to [0, 255] in an image of more than 8 bits, where nothing else is asked for.

    Args:
        mode: Pillow's name for its values, one of `DEEP_MODES`.
        low: its smallest value.
        high: its largest.
    """
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = min(low, 0.0), max(high, 1.0)
    if low == 0:
        high = next((end for end in _RANGES[mode] if high <= end), high)
    return low, high


def _to_eight_bits(image: Image.Image, value_range: Sequence[float] | None) -> Image.Image:
    """Scales images of more than 8 bits to 8; others are returned as they are."""
    if image.mode not in DEEP_MODES:
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0, neginf=0)
    low, high = value_range or full_range(image.mode, values.min(), values.max())
    shares = (values - low).clip(0, high - low) / (high - low)
    return Image.fromarray((shares * 255).round().astype(np.uint8))


def _over_background(image: Image.Image, channels: int, background: Sequence[int]) -> Image.Image:
    """Composites a transparent image over the background, unless its alpha is kept."""
    if image.mode in {"LA", "La", "PA", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != "RGBA" or channels == 4:
        mode = "RGBA" if channels == 4 else "RGB"
        return image if image.mode == mode else image.convert(mode)  # which would copy it
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(canvas, image).convert("RGB")


def _size_to_fit(size: tuple[int, int], shape: PictureShape, fit: str) -> tuple[int, int]:
    """Returns the width and height in pixels that what is shown of an image, of (width, height), is brought to."""
    if fit != "pad":
        return shape
    fits_across = size[0] * shape.height >= size[1] * shape.width
    new, old = (shape.width, size[0]) if fits_across else (shape.height, size[1])
    width, height = (max(1, round(side * new / old)) for side in size)
    return width, height


def _shown_box(
    size: tuple[int, int], decoded_size: tuple[int, int], scale: float, orientation: int, cut_to: PictureShape | None
) -> tuple[float, float, float, float]:
    """Returns what is shown of a decoded image: left, top, right and bottom, in its pixels.

    Args:
        size: width and height of the whole image as it is shown.
        decoded_size: those that it was decoded to.
        scale: at which it was.
        orientation: how it was turned to be shown, as EXIF numbers it.
        cut_to: the shape of whose ratio the middle is shown; None to show all.
    """
    width, height = size
    left, top, right, bottom = 0, 0, width, height
    if cut_to is not None:
        shown_width = max(1, min(width, round(height * cut_to.width / cut_to.height)))
        shown_height = max(1, min(height, round(width * cut_to.height / cut_to.width)))
        left, top = (width - shown_width) // 2, (height - shown_height) // 2
        right, bottom = left + shown_width, top + shown_height
    # At a smaller scale the last column and row lie partly beyond the image, and may have been turned to the front.
    x = decoded_size[0] - width * scale if orientation in {2, 3, 6, 7} else 0
    y = decoded_size[1] - height * scale if orientation in {3, 4, 7, 8} else 0
    return x + left * scale, y + top * scale, x + right * scale, y + bottom * scale


def _fit_to_shape(
    image: Image.Image,
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    shape: PictureShape,
    background: Sequence[int],
) -> Image.Image:
    """Brings the box of an image to a size, in the middle of a picture of the background."""
    # Resizing mixes pixels. With premultiplied alpha the colors of invisible pixels do not bleed into visible ones.
    premultiplied = image.convert("RGBa") if image.mode == "RGBA" else image
    result = premultiplied.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCING_GAP)
    if image.mode == "RGBA":
        result = result.convert("RGBA")
    if size == shape:
        return result
    canvas = Image.new(image.mode, shape, (*background, 0) if image.mode == "RGBA" else tuple(background))
    left, top = ((whole - part) // 2 for whole, part in zip(shape, size, strict=True))
    canvas.paste(result, (left, top))
    return canvas
