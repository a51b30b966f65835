"""A folder of images as one array. Imports no TensorFlow."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import format_some, scan
from sle_gan.errors import InputError
from sle_gan.picture_shape import Resolution
from sle_gan.settings.field import make_group
from sle_gan.settings.images import ImageSettings


def load_images(
    folder: Path | str,
    resolution: Resolution,
    channels: int = ImageSettings.channels,
    fit: str = ImageSettings.fit,
    background: str = ImageSettings.background,
    *,
    range: tuple[float, float] | None = ImageSettings.range,
    strict: bool = False,
) -> NDArray[np.uint8]:
    """Decodes the images of a folder and its sub-folders to one shape, as a training does.

    JPEG, PNG, WebP, BMP, GIF and TIFF, turned as their EXIF says, resized by Lanczos; of an animation the first
    frame. What has the name of an image and cannot be used is skipped, with a warning that says what and why.

        >>> import sle_gan
        >>> images = sle_gan.load_images("flowers/", resolution=64)
        >>> images.shape, images.dtype
        ((14, 64, 64, 3), dtype('uint8'))

    Args:
        folder: path of the folder.
        resolution: side of the results in pixels, or width and height such as `384x256`.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        fit: what brings an image to that shape: `crop` cuts the middle out, `pad` adds borders of the background,
            `stretch` changes the ratio.
        background: under transparency and around `pad`: a color as Pillow reads it, such as `white` or `#204060`.
        range: values of images of more than 8 bits that become 0 and 255; those of the format if None: 16-bit ones are
            mapped from [0, 65535], floats from [0, 1].
        strict: whether an image that cannot be used is an error.

    Returns:
        uint8 `[count, height, width, channels]` in [0, 255], in the order of the paths' bytes.

    Raises:
        InputError: a `ValueError`: if an argument is out of its range, no image can be used, or, with `strict`, one
            cannot.

    Warns:
        UserWarning: names up to five of the images that were skipped, each with the reason.
    """
    asked = {"resolution": resolution, "channels": channels, "fit": fit, "background": background, "range": range}
    asked |= {"keep_decoded": 0}  # what a library leaves on the disk is asked for
    settings = make_group(ImageSettings, asked | {"data_folder": folder})
    scanned = scan(folder)
    images, _, failures = decode_images(scanned, settings)
    skipped = [f"{path} ({reason})" for path, reason in (*scanned.unusable(), *failures)]
    if skipped:
        message = f"{len(skipped)} of {len(skipped) + len(images)} images in {folder} cannot be used: "
        message += format_some(skipped)
        if strict:
            raise InputError(message)
        warnings.warn(message, stacklevel=2)
    return images
