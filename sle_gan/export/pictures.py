"""Many pictures as files: threads that encode while the next are drawn.

Imports no TensorFlow.
"""

import collections
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.disk import check_space
from sle_gan.run import check_writable

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAITING_AT_MOST = 32  # pictures drawn and not yet encoded
# The least size of a picture file, as a share of the bytes of its pixels.
_LEAST_SHARES = {".png": 0.2, ".tif": 0.2, ".webp": 0.05, ".jpg": 0.02, ".gif": 0.02, ".mp4": 0.001}
_NO_ALPHA = {".jpg", ".gif", ".mp4"}


def check_output(output: Path, pictures: tuple[int, str] | None = None, picture_bytes: int = 0) -> None:
    """Checks, before anything costly begins, that a file or folder can be written and that its pictures will fit.

    Args:
        output: the file or folder; it need not exist.
        pictures: number of pictures and the extension of their format, such as `.png`; None if there are none.
        picture_bytes: bytes of the pixels of one picture.

    Raises:
        StorageError: if it cannot be written, or the disk has no room for the pictures.
    """
    output = output.absolute()
    folder = next(folder for folder in (output, *output.parents) if folder.is_dir())
    check_writable(folder, "--output")
    if pictures is not None:
        count, extension = pictures
        least_bytes = int(count * picture_bytes * _LEAST_SHARES[extension])
        check_space(folder, least_bytes, f"{count:,} pictures", "or ask for fewer, or for another --output")


def without_alpha(
    images: Iterable[NDArray[np.uint8]], extension: str, background: tuple[int, int, int]
) -> Iterator[NDArray[np.uint8]]:
    """Composites pictures with alpha over a color, if the format of a file has no alpha.

    Args:
        images: uint8 `[height, width, channels]` each.
        extension: of the file, such as `.gif`.
        background: the color, three numbers in [0, 255].

    Yields:
        uint8 `[height, width, channels]`; 3 channels instead of 4 if the format has no alpha.
    """
    for image in images:
        if image.shape[-1] != 4 or extension not in _NO_ALPHA:
            yield image
            continue
        canvas = Image.new("RGBA", image.shape[1::-1], (*background, 255))
        canvas.alpha_composite(Image.fromarray(image))
        yield np.asarray(canvas.convert("RGB"))


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Applies a function to items in threads. At most 33 items are read and not yet done.

    Args:
        function: of one item.
        items: iterable; it is read in the caller's thread.

    Yields:
        The function's results, in the order of the items. An error of the function is raised here, after all threads
        have ended.
    """
    pool = concurrent.futures.ThreadPoolExecutor()
    waiting: collections.deque[concurrent.futures.Future[Result]] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _WAITING_AT_MOST:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, the other results are not needed
