"""Images decoded to squares of bytes: oriented, composited, resized, once for a whole training.

Imports no TensorFlow. Pillow decodes and resizes outside Python's lock, so threads use all cores.
"""

import concurrent.futures
import math
import os

import numpy as np
from PIL import Image, ImageOps

from sle_gan.data.folder import DAMAGE, open_image, pillow_warnings_ignored
from sle_gan.disk import check_space
from sle_gan.errors import InputError, StorageError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_REDUCING_GAP = 3.0  # a large image is first brought near its size by whole factors

_ALIGNMENT = 64  # bytes

# The ranges that numbers of 32 bits may fill, by Pillow's mode: I holds whole numbers, F the others.
_RANGES = {"I": (255, 65535), "F": (1,)}


def read_image(path, resolution, channels, fit, background):
    """Decodes one image.

    Args:
        path: the file.
        resolution: side of the result in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        fit: `crop` cuts the middle out, `pad` adds borders of the background, `stretch` changes the aspect.
        background: three numbers in [0, 255], under transparency and around `pad`.

    Returns:
        uint8 `[resolution, resolution, channels]`. Of an animated image the first frame. Images of more than 8
        bits are scaled: 16-bit ones from [0, 65535]; 32-bit whole numbers from the smaller of [0, 255] and
        [0, 65535] that holds them, other numbers from [0, 1]; what fits in none of these from its own range.

    Raises:
        InputError: if the file cannot be decoded.
    """
    try:
        with open_image(path) as image:
            if image.format == "PNG":
                _check_sums(path)
            image.draft("RGB", (2 * resolution, 2 * resolution))  # JPEG alone: decodes at a smaller scale
            image.load()
            image = _eight_bits(ImageOps.exif_transpose(image))
    except (OSError, *DAMAGE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be decoded ({error})") from None
    image = _square(_composited(image, channels, background), resolution, fit, background)
    return np.asarray(image.convert(_MODES[channels])).reshape(resolution, resolution, channels)


def _check_sums(path):
    """Compares the checksums of a PNG, which Pillow does not when it decodes, with its bytes."""
    with open_image(path) as image:
        image.verify()


def decode_folder(found, *, resolution, channels, fit, background, memory_limit_bytes, cache_file, progress):
    """Decodes all images of a scanned folder, on all cores.

    Args:
        found: a `FolderScan`.
        resolution: side of the results in pixels.
        channels: 1, 3 or 4; see `read_image`.
        fit: see `read_image`.
        background: see `read_image`.
        memory_limit_bytes: above this the result lies in a file.
        cache_file: path of that file, a `.npy`; it appears when it is whole. No two programs may write it at a time.
        progress: function of (images done, images in all), or None.

    Returns:
        `(images, kept, failures)`: uint8 `[count, resolution, resolution, channels]` in the order of the folder,
        their `ImageFile`s, and (path, reason) of those that could not be decoded.

    Raises:
        InputError: if none could be decoded.
        StorageError: if the file cannot be written.
    """
    shape = (len(found.images), resolution, resolution, channels)
    kept, failures = [], []

    def decode(image):
        return read_image(found.folder / image.path, resolution, channels, fit, background)

    def decoded():
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, (image, pixels) in enumerate(_in_order(pool, decode, found.images), start=1):
                if isinstance(pixels, InputError):
                    failures.append((image.path, str(pixels)))
                else:
                    kept.append(image)
                    yield pixels
                if progress is not None:
                    progress(done, len(found.images))
        if not kept:
            path, reason = failures[0]
            raise InputError(f"none of the {len(failures)} images can be decoded; the first: {path}: {reason}")

    with pillow_warnings_ignored():
        if math.prod(shape) <= memory_limit_bytes:
            images = _in_memory(decoded(), shape)
        else:
            images = _in_file(decoded(), shape, cache_file)
    return images, tuple(kept), tuple(failures)


def _in_memory(decoded, shape):
    images, count = _aligned_empty(shape), 0
    for pixels in decoded:
        images[count] = pixels
        count += 1
    return images[:count]


def _aligned_empty(shape):
    """Returns uninitialized bytes of a shape that begin where TensorFlow can use them without a copy."""
    size = math.prod(shape)
    content = np.empty(size + _ALIGNMENT - 1, np.uint8)
    start = -content.ctypes.data % _ALIGNMENT
    return content[start : start + size].reshape(shape)


def _in_file(decoded, shape, cache_file):
    # Always the same name, so that what a killed run left does not stay. Written, and not mapped, until it is
    # whole: a full disk is an error where a file is written, and ends the process where it is mapped.
    unfinished, count = cache_file.with_suffix(".unfinished"), 0
    check_space(cache_file.parent, math.prod(shape), "the decoded images", "or give a higher --cache-limit")
    try:
        with unfinished.open("wb") as file:
            _write_header(file, shape)
            for pixels in decoded:
                file.write(pixels)
                count += 1
            file.seek(0)
            _write_header(file, (count, *shape[1:]))  # as long as the first: NumPy leaves room for any count
        unfinished.replace(cache_file)
    except OSError as error:
        raise StorageError(
            f"the decoded images need {math.prod(shape) / 2**20:.0f} MiB in {cache_file}: {error.strerror}; free space"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return np.load(cache_file, mmap_mode="r")


def _write_header(file, shape):
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _in_order(pool, function, items):
    """Yields (item, result or InputError) in order, with a bounded number of results waiting."""
    waiting = []
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) == 4 * os.cpu_count():
            yield _settled(*waiting.pop(0))
    for item, future in waiting:
        yield _settled(item, future)


def _settled(item, future):
    try:
        return item, future.result()
    except InputError as error:
        return item, error


def _eight_bits(image):
    """Brings images of more than 8 bits to 8; the others are returned as they are."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.float64) / 257).round().astype(np.uint8))
    if image.mode not in _RANGES:
        return image
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, posinf=0, neginf=0)
    low, high = min(values.min(), 0), max(values.max(), 1)
    if low == 0:
        high = next((end for end in _RANGES[image.mode] if high <= end), high)
    return Image.fromarray(((values - low) / (high - low) * 255).round().astype(np.uint8))


def _composited(image, channels, background):
    """Lays a transparent image over the background, unless its alpha is kept."""
    if image.mode in {"LA", "La", "PA", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != "RGBA" or channels == 4:
        return image.convert("RGBA" if channels == 4 else "RGB")
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(canvas, image).convert("RGB")


def _square(image, resolution, fit, background):
    # Alpha is multiplied in while pixels are mixed, so that the colors of invisible ones do not bleed.
    premultiplied = image.convert("RGBa") if image.mode == "RGBA" else image
    size = (resolution, resolution)
    if fit == "stretch":
        result = _resized(premultiplied, size)
    elif fit == "crop":
        left, top = ((side - min(image.size)) // 2 for side in image.size)
        side = min(image.size)
        result = _resized(premultiplied, size, (left, top, left + side, top + side))
    else:
        scale = resolution / max(image.size)
        inner = tuple(max(1, round(side * scale)) for side in image.size)
        result = _resized(premultiplied, inner)
    if image.mode == "RGBA":
        result = result.convert("RGBA")
    if fit == "pad":
        canvas = Image.new(image.mode, size, (*background, 0) if image.mode == "RGBA" else tuple(background))
        canvas.paste(result, tuple((resolution - side) // 2 for side in result.size))
        result = canvas
    return result


def _resized(image, size, box=None):
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCING_GAP)
