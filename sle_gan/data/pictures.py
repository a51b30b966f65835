"""Sheets of pictures, and picture files that say where they come from.

Imports no TensorFlow.
"""

import contextlib
import io
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from sle_gan.errors import InputError
from sle_gan.marks import SOFTWARE, exif_mark

_GAP_PX = 2
_LARGEST_SIDE_PX = {"JPEG": 65500, "WEBP": 16383}
_PNG_LEVEL = 1  # files are up to a seventh larger than at the usual level 6, and take a fifth to two thirds of the time


def image_sheet(images: NDArray[np.uint8], columns: int | None = None) -> NDArray[np.uint8]:
    """Lays images out in rows, with a thin gap between them.

    Args:
        images: uint8 `[count, height, width, channels]`.
        columns: images in a row. If None, a number that fills every row, for a sheet that is one to four times as wide
            as high; if there is no such number, one for a sheet about 1.5 times as wide as high.

    Returns:
        uint8 `[rows * height + gaps, columns * width + gaps, channels]`. Gaps and empty places are white, and
        transparent if there is alpha.
    """
    count, height, width, channels = images.shape
    columns = columns or _columns(count)
    rows = math.ceil(count / columns)
    empty = [255, 255, 255, 0] if channels == 4 else [255] * channels
    sheet = np.tile(np.array(empty, np.uint8), [rows * (height + _GAP_PX), columns * (width + _GAP_PX), 1])
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + _GAP_PX), (index % columns) * (width + _GAP_PX)
        sheet[top : top + height, left : left + width] = image
    return sheet[:-_GAP_PX, :-_GAP_PX]


def write_picture(path: Path, image: NDArray[np.uint8], text: Mapping[str, str]) -> None:
    """Writes a picture atomically: the file is either whole or not there.

    Args:
        path: `Path` of the file; its extension names the format.
        image: uint8 `[height, width, channels]` of 1, 3 or 4 channels.
        text: text chunks of a PNG, by keyword; other formats leave them out. All are marked as this tool's.

    Raises:
        InputError: if the format cannot hold a picture of this size.
    """
    content = picture_bytes(image, path.suffix, text)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def picture_bytes(image: NDArray[np.uint8], extension: str, text: Mapping[str, str]) -> memoryview:
    """Encodes a picture as `write_picture` writes it.

    Args:
        image: uint8 `[height, width, channels]` of 1, 3 or 4 channels.
        extension: names the format, such as `.png`.
        text: see `write_picture`.

    Raises:
        InputError: if the format cannot hold a picture of this size.
    """
    picture = picture_of(image)
    format_name = Image.registered_extensions()[extension.lower()]
    largest = _LARGEST_SIDE_PX.get(format_name)
    if largest is not None and max(picture.size) > largest:
        width, height = picture.size
        raise InputError(f"a side of a {format_name} must be at most {largest} px; got {width} x {height}; write PNG")
    information = PngImagePlugin.PngInfo()
    for name, value in {**text, "Software": SOFTWARE}.items():
        information.add_text(name, value)
    options: dict[str, Any] = {"quality": 95, "exif": exif_mark()}
    if format_name == "PNG":
        options = {"pnginfo": information, "compress_level": _PNG_LEVEL}
    elif format_name == "TIFF":
        options = {"compression": "tiff_deflate", "exif": exif_mark()}
    content = io.BytesIO()  # Pillow does not say that a disk is full
    picture.save(content, format_name, **options)
    return content.getbuffer()


def picture_of(image: NDArray[np.uint8]) -> Image.Image:
    """Returns uint8 `[height, width, channels]` of 1, 3 or 4 channels as a Pillow image: grey, RGB or RGBA."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def opaque(images: NDArray[np.uint8], background: Sequence[int]) -> NDArray[np.uint8]:
    """Composites images with alpha over a color; images without alpha are returned as they are.

    Args:
        images: uint8 `[count, height, width, 1, 3 or 4]`.
        background: three numbers in [0, 255].

    Returns:
        uint8 `[count, height, width, 1 or 3]`.
    """
    if images.shape[-1] != 4:
        return images
    alpha = images[..., 3:].astype(np.float32) / 255
    composited = images[..., :3] * alpha + np.asarray(background, np.float32) * (1 - alpha)
    opaque_images: NDArray[np.uint8] = composited.round().astype(np.uint8)
    return opaque_images


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Writes a file atomically: it has another name until it is whole.

    Args:
        path: `Path` of the file; one of that name is replaced at the end.

    Yields:
        The path to write to. It is deleted if the writing fails.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _columns(count: int) -> int:
    root = math.sqrt(count)
    without_holes = (columns for columns in range(math.ceil(root), int(2 * root) + 1) if count % columns == 0)
    return next(without_holes, math.ceil(math.sqrt(1.5 * count)))
