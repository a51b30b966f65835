"""Sheets of pictures, and picture files that say where they come from.

Imports no TensorFlow.
"""

import math

import numpy as np
from PIL import Image, PngImagePlugin

_GAP_PX = 2


def image_sheet(images, columns=None):
    """Lays images out in rows, with a thin gap between them.

    Args:
        images: uint8 `[count, height, width, channels]`.
        columns: images in a row; nearly a square without it, a little wider than high.

    Returns:
        uint8 `[rows * height + gaps, columns * width + gaps, channels]`; places without an image are white (and
        transparent, if there is alpha).
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count * 1.5))
    rows = math.ceil(count / columns)
    empty = [255, 255, 255, 0] if channels == 4 else [255] * channels
    sheet = np.tile(np.array(empty, np.uint8), [rows * (height + _GAP_PX), columns * (width + _GAP_PX), 1])
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + _GAP_PX), (index % columns) * (width + _GAP_PX)
        sheet[top : top + height, left : left + width] = image
    return sheet[:-_GAP_PX, :-_GAP_PX]


def write_picture(path, image, text):
    """Writes a picture so that the file is either not there or whole.

    Args:
        path: the file; its extension names the format.
        image: uint8 `[height, width, channels]` of 1, 3 or 4 channels.
        text: what a PNG says of itself: words by name. Other formats hold none.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    information = PngImagePlugin.PngInfo()
    for name, value in text.items():
        information.add_text(name, value)
    temporary = path.with_name(f".{path.name}.tmp")
    form = Image.registered_extensions()[path.suffix.lower()]
    options = {"pnginfo": information} if form == "PNG" else {"quality": 95}
    picture.save(temporary, form, **options)
    temporary.replace(path)
