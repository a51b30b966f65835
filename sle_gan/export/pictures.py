"""Many pictures as files: threads that encode while the next are drawn, and films of three formats.

Imports no TensorFlow.
"""

import collections
import concurrent.futures
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.data.pictures import image_sheet, picture_of, whole_file
from sle_gan.disk import check_space
from sle_gan.run import check_writable

Pixels = NDArray[np.uint8]  # [height, width, channels]
Item = TypeVar("Item")
Result = TypeVar("Result")

# The most frames in a second. A GIF counts in hundredths of a second, and programs show a frame of one hundredth for
# ten of them. The other formats count in thousandths.
LARGEST_FPS = {".gif": 50, ".webp": 1000, ".png": 1000}
FILM_EXTENSIONS = tuple(LARGEST_FPS)
_WAITING_AT_MOST = 32  # pictures drawn and not yet encoded
# The least size of a picture file, as a share of the bytes of its pixels.
_LEAST_SHARES = {".png": 0.2, ".webp": 0.05, ".jpg": 0.02, ".gif": 0.02}
_NO_ALPHA = {".jpg", ".gif"}


class Film(NamedTuple):
    """What a film shows.

    Attributes:
        frames: iterator of uint8 `[height, width, channels]` of 1, 3 or 4 channels, 3 at most for a GIF.
        fps: frames shown in a second: at most 50 in a GIF, 1000 in other formats.
        loop: whether it is repeated; otherwise it stops at its last frame.
        key_frames: iterator of the frames that the 256 colors of a GIF are chosen from.
    """

    frames: Iterator[Pixels]
    fps: int
    loop: bool
    key_frames: Iterator[Pixels]


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


def without_alpha(images: Iterable[Pixels], extension: str, background: tuple[int, int, int]) -> Iterator[Pixels]:
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


def write_film(path: Path, film: Film) -> None:
    """Writes a film atomically: the file is either whole or not there. All frames are held in memory.

    Args:
        path: `Path` of the file; its extension is one of `FILM_EXTENSIONS`.
        film: the `Film`.
    """
    extension = path.suffix.lower()
    pictures = [picture_of(frame) for frame in film.frames]
    ticks_per_second = 100 if extension == ".gif" else 1000
    options = {"loop": 0} if film.loop else {} if extension == ".gif" else {"loop": 1}
    if extension == ".gif":
        pictures = _with_one_palette(pictures, film.key_frames)
    content = io.BytesIO()  # Pillow does not say that a disk is full
    pictures[0].save(
        content,
        Image.registered_extensions()[extension],
        save_all=True,
        append_images=pictures[1:],
        duration=_durations_ms(len(pictures), film.fps, ticks_per_second),
        quality=90,
        **options,
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _with_one_palette(pictures: Sequence[Image.Image], key_frames: Iterable[Pixels]) -> list[Image.Image]:
    """Reduces pictures to 256 colors chosen from the key frames; with a palette for each frame they would flicker."""
    if pictures[0].mode == "L":
        return list(pictures)  # 256 greys are a palette already
    palette = picture_of(image_sheet(np.stack(list(key_frames)))).quantize(256, Image.Quantize.MEDIANCUT)
    return [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]


def _durations_ms(count: int, fps: int, ticks_per_second: int) -> list[int]:
    """Returns how long each frame is shown, in milliseconds: whole ticks, which add up to the right time."""
    ends = [round(index * ticks_per_second / fps) for index in range(count + 1)]
    return [(end - start) * 1000 // ticks_per_second for start, end in itertools.pairwise(ends)]
