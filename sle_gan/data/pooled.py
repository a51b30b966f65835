"""Images of a smaller side, by averages of squares of pixels."""

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 256


def pooled_images(images: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Averages squares of pixels, and rounds.

    Args:
        images: uint8 `[count, side, side, channels]`, in memory or mapped from a file; as many are read at once as lie
            well in memory.
        side_px: side of the result, a divisor of theirs.

    Returns:
        uint8 `[count, side_px, side_px, channels]`; the images themselves if they are of that side.

    Source: the files of several sides of Karras et al. 2018, whose values are rounded for each.
    """
    count, side, _, channels = images.shape
    if side == side_px:
        return images
    window = side // side_px
    pooled = np.empty([count, side_px, side_px, channels], np.uint8)
    for first in range(0, count, _AT_ONCE):
        part = images[first : first + _AT_ONCE]
        squares = part.reshape(len(part), side_px, window, side_px, window, channels)
        pooled[first : first + _AT_ONCE] = np.rint(squares.mean(axis=(2, 4)))
    return pooled
