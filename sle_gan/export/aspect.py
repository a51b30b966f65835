"""The ratio of width and height that pictures are written with, where it is not that of what a network draws.

Imports no TensorFlow.
"""

import re
import statistics
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.data.manifest import read_manifest
from sle_gan.data.pictures import picture_of
from sle_gan.errors import InputError
from sle_gan.picture_shape import PictureShape
from sle_gan.run import RunFolder
from sle_gan.shell import shell_line

ORIGINAL = "original"

_LARGEST = 16  # width over height, or height over width
_RATIO = re.compile(r"([0-9]+(?:\.[0-9]+)?):([0-9]+(?:\.[0-9]+)?)", re.ASCII)


def stretched_shape(aspect: str, run: RunFolder) -> PictureShape:
    """Returns the shape that the pictures of a run have once they are stretched to a ratio; neither side shrinks.

    Args:
        aspect: width and height such as `3:2`; or `original`, the median of the training images, which undoes
            `--fit stretch`.
        run: the `RunFolder`.

    Raises:
        InputError: if it is no such ratio, or the run's images were not stretched, or its manifest is damaged.
    """
    ratio, shape = _ratio_of_images(run) if aspect == ORIGINAL else _read_ratio(aspect), run.settings().images.shape
    return PictureShape(max(shape.width, round(shape.height * ratio)), max(shape.height, round(shape.width / ratio)))


def stretched(pictures: Iterable[NDArray[np.uint8]], shape: PictureShape) -> Iterator[NDArray[np.uint8]]:
    """Stretches pictures.

    Args:
        pictures: uint8 `[height, width, channels]` each.
        shape: of the results.

    Yields:
        uint8 of the new height and width.
    """
    for picture in pictures:
        image = picture_of(picture)
        # With premultiplied alpha the colors of invisible pixels do not bleed into visible ones.
        resized = (image.convert("RGBa") if image.mode == "RGBA" else image).resize(shape, Image.Resampling.LANCZOS)
        yield np.asarray(resized.convert(image.mode)).reshape(*shape.size, picture.shape[-1])


def _read_ratio(text: str) -> float:
    match = _RATIO.fullmatch(text)
    width, height = (float(part) for part in match.groups()) if match is not None else (0.0, 0.0)
    if not height / _LARGEST <= width <= height * _LARGEST or not height:
        raise InputError(
            f"--aspect must be width and height such as 3:2, from 1:{_LARGEST} to {_LARGEST}:1, or {ORIGINAL}; "
            f"got {text!r}"
        )
    return width / height


def _ratio_of_images(run: RunFolder) -> float:
    fit = run.settings().images.fit
    if fit != "stretch":
        raise InputError(
            f"--aspect {ORIGINAL} undoes --fit stretch; {shell_line(run.path)} was trained with --fit {fit}; give a "
            "ratio such as 3:2"
        )
    try:
        sides = [(image["width_px"], image["height_px"]) for image in read_manifest(run.manifest_file)["images"]]
        ratio = statistics.median(width / height for width, height in sides)
        if 0 < ratio < float("inf"):
            return min(max(ratio, 1 / _LARGEST), _LARGEST)
    except (KeyError, TypeError, ZeroDivisionError, statistics.StatisticsError, OverflowError):
        pass  # reported below
    raise InputError(f"{run.manifest_file} does not tell the sizes of the images; give --aspect a ratio such as 3:2")
