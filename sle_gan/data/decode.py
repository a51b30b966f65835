"""Decodes images to squares of 8-bit pixels, once for a whole training: rotated as EXIF says, composited, resized.

Pillow decodes and resizes without Python's global lock, so threads use all cores. Imports no TensorFlow.
"""

import concurrent.futures
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sle_gan.data.folder import DAMAGE, FolderScan, ImageFile, open_image, pillow_warnings_ignored
from sle_gan.disk import check_space
from sle_gan.errors import InputError, StorageError
from sle_gan.settings import ImageSettings

Progress = Callable[[int, int], object]  # of (images done, images in all)

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_REDUCING_GAP = 3.0  # Pillow first reduces a large image by a whole factor, to at least this multiple of its size

_ALIGNMENT_BYTES = 64  # what TensorFlow needs to use an array without a copy

_Decoding = concurrent.futures.Future[NDArray[np.uint8]]

# The ends of the ranges that 32-bit values are assumed to fill, by Pillow's mode: I is integer, F is float.
_RANGES: dict[str, tuple[float, ...]] = {"I": (255.0, 65535.0), "F": (1.0,)}
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", *_RANGES})  # of Pillow, of more than 8 bits


def read_image(
    path: Path,
    resolution: int,
    channels: int,
    fit: str,
    background: Sequence[int],
    value_range: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Decodes one image.

    Args:
        path: the file.
        resolution: side of the result in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        fit: `crop` cuts the middle out, `pad` adds borders of the background, `stretch` changes the aspect.
        background: three numbers in [0, 255]: the color under transparency and of the borders of `pad`.
        value_range: both ends of the values that are mapped to [0, 255] in an image of more than 8 bits; those beyond
            are cut off. None for the range of its format, as below.

    Returns:
        uint8 `[resolution, resolution, channels]`; of an animated image, the first frame. Values of more than 8 bits
        are scaled to [0, 255]: 16-bit ones from [0, 65535]; 32-bit integers from [0, 255] if they fit, otherwise from
        [0, 65535]; 32-bit floats from [0, 1]. Values outside these ranges are scaled from the image's own range.

    Raises:
        InputError: if the file cannot be decoded.
    """
    try:
        with open_image(path) as image:
            if image.format == "PNG":
                _verify_png_checksums(path)
            image.draft("RGB", (2 * resolution, 2 * resolution))  # only for JPEG: decodes at a smaller scale
            image.load()
            image = _to_eight_bits(ImageOps.exif_transpose(image), value_range)
    except (OSError, *DAMAGE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be decoded ({error})") from None
    image = _fit_to_square(_over_background(image, channels, background), resolution, fit, background)
    return np.asarray(image.convert(_MODES[channels])).reshape(resolution, resolution, channels)


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
        settings: their side, channels, fit, background, and the limit beyond which they lie in a file.
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
    progress: Progress | None = None,
) -> tuple[NDArray[np.uint8], tuple[ImageFile, ...], tuple[tuple[str, str], ...]]:
    """Decodes all images of a scanned folder, on all cores.

    Args:
        scanned: a `FolderScan`.
        settings: side, channels, fit, background and range of the results; see `read_image`.
        memory_limit_bytes: a larger result is written to a file and mapped from there.
        cache_file: path of that file, a `.npy`, which appears when it is whole; only one program at a time may write
            it. None if the memory limit is never reached.
        progress: function of (images done, images in all), or None.

    Returns:
        `(images, kept, failures)`: uint8 `[count, resolution, resolution, channels]` in the order of the folder,
        their `ImageFile`s, and (path, reason) of the images that could not be decoded.

    Raises:
        InputError: if none could be decoded.
        StorageError: if the file cannot be written.
    """
    side, channels = settings.resolution, settings.channels
    shape = (len(scanned.images), side, side, channels)
    kept: list[ImageFile] = []
    failures: list[tuple[str, str]] = []

    def decode(image: ImageFile) -> NDArray[np.uint8]:
        file, background = scanned.folder / image.path, settings.background_rgb
        return read_image(file, side, channels, settings.fit, background, settings.range)

    def decoded() -> Iterator[NDArray[np.uint8]]:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, (image, pixels) in enumerate(_in_order(pool, decode, scanned.images), start=1):
                if isinstance(pixels, InputError):
                    failures.append((image.path, str(pixels)))
                else:
                    kept.append(image)
                    yield pixels
                if progress is not None:
                    progress(done, len(scanned.images))
        if not kept:
            path, reason = failures[0]
            raise InputError(f"none of the {len(failures)} images can be decoded; the first: {path}: {reason}")

    with pillow_warnings_ignored():
        if cache_file is None or math.prod(shape) <= memory_limit_bytes:
            images = _in_memory(decoded(), shape)
        else:
            images = _in_file(decoded(), shape, cache_file)
    return images, tuple(kept), tuple(failures)


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


def _in_order(
    pool: concurrent.futures.Executor, function: Callable[[ImageFile], NDArray[np.uint8]], images: Iterable[ImageFile]
) -> Iterator[tuple[ImageFile, NDArray[np.uint8] | InputError]]:
    """Yields (image, pixels or InputError) in order, with a bounded number of results waiting."""
    waiting: list[tuple[ImageFile, _Decoding]] = []
    for image in images:
        waiting.append((image, pool.submit(function, image)))
        if len(waiting) == 4 * (os.cpu_count() or 1):
            oldest, future = waiting.pop(0)
            yield oldest, _pixels_or_error(future)
    for image, future in waiting:
        yield image, _pixels_or_error(future)


def _pixels_or_error(future: _Decoding) -> NDArray[np.uint8] | InputError:
    try:
        return future.result()
    except InputError as error:
        return error


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
        return image.convert("RGBA" if channels == 4 else "RGB")
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(canvas, image).convert("RGB")


def _fit_to_square(image: Image.Image, resolution: int, fit: str, background: Sequence[int]) -> Image.Image:
    # Resizing mixes pixels. With premultiplied alpha the colors of invisible pixels do not bleed into visible ones.
    premultiplied = image.convert("RGBa") if image.mode == "RGBA" else image
    size = (resolution, resolution)
    if fit == "stretch":
        result = _resize(premultiplied, size)
    elif fit == "crop":
        left, top = ((side - min(image.size)) // 2 for side in image.size)
        side = min(image.size)
        result = _resize(premultiplied, size, (left, top, left + side, top + side))
    else:
        scale = resolution / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        result = _resize(premultiplied, (width, height))
    if image.mode == "RGBA":
        result = result.convert("RGBA")
    if fit == "pad":
        canvas = Image.new(image.mode, size, (*background, 0) if image.mode == "RGBA" else tuple(background))
        left, top = ((resolution - side) // 2 for side in result.size)
        canvas.paste(result, (left, top))
        result = canvas
    return result


def _resize(image: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int] | None = None) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCING_GAP)
