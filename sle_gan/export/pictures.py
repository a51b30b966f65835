"""Many pictures as files: threads that encode while the next are drawn, and films of three formats.

A film is written frame by frame, each encoded by Pillow as a picture of its own, so a long one needs no more
memory than a short one. Imports no TensorFlow.

Source: GIF89a specification; APNG in the PNG specification, third edition; WebP container specification.
"""

import collections
import concurrent.futures
import io
import struct
from typing import NamedTuple

import numpy as np
from PIL import GifImagePlugin, Image, PngImagePlugin

from sle_gan.data.pictures import picture_of, whole_file

_WAITING_AT_MOST = 32  # pictures drawn and not yet encoded
_WEBP_ALPHA, _WEBP_ANIMATION, _WEBP_REPLACES = 0x10, 0x02, 0x02  # flags of the file, and of a frame


class Film(NamedTuple):
    """What a film shows.

    Attributes:
        frames: iterator of uint8 `[height, width, channels]` of 1, 3 or 4 channels, 3 at most for a GIF.
        count: number of frames.
        fps: frames shown in a second; 50 at most for a GIF, 1000 for others.
        loop: whether it is shown again and again; otherwise it stops at its last frame.
        key_frames: iterator of some frames; a GIF has 256 colors in all and chooses them from these.
    """

    frames: object
    count: int
    fps: int
    loop: bool
    key_frames: object


def map_ahead(function, items):
    """Applies a function to items in threads, reading only a few items ahead of those that are done.

    Args:
        function: of one item.
        items: iterable; it is read in the caller's thread.

    Yields:
        The function's results, in the order of the items.
    """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = collections.deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _WAITING_AT_MOST:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def write_film(path, film):
    """Writes a film so that the file is either whole or not there.

    Args:
        path: `Path` of the file; its extension is one of `FILM_EXTENSIONS`.
        film: the `Film`.
    """
    with whole_file(path) as temporary, temporary.open("wb") as file:
        _WRITERS[path.suffix.lower()](file, film)


def _write_gif(file, film):
    """Writes a GIF of one palette: one for each frame made it half as large again, and no better to the eye."""
    keys = list(film.key_frames)
    grey = keys[0].shape[-1] == 1
    palette = None if grey else picture_of(np.concatenate(keys)).quantize(256, Image.Quantize.FASTOCTREE)

    def indexed(frame):
        picture = picture_of(frame)  # 256 greys are a palette already
        return picture if palette is None else picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)

    def encode(numbered):
        index, frame = numbered
        duration = 10 * _duration(index, 100, film.fps)
        return b"".join(GifImagePlugin.getdata(indexed(frame), duration=duration))

    options = {"duration": 1, "loop": 0} if film.loop else {"duration": 1}  # any duration makes it a GIF89a
    header, _ = GifImagePlugin.getheader(indexed(keys[0]), info=options)
    file.writelines(header)
    file.writelines(map_ahead(encode, enumerate(film.frames)))
    file.write(b";")


def _write_webp(file, film):
    def encode(numbered):
        index, frame = numbered
        height, width, channels = frame.shape
        data = io.BytesIO()
        picture_of(frame).save(data, "WEBP", quality=90)
        parts = b"".join(_riff(kind, part) for kind, part in _webp_parts(data.getvalue()))
        place = _uint24(0) + _uint24(0) + _uint24(width - 1) + _uint24(height - 1)
        duration = _uint24(_duration(index, 1000, film.fps))
        start = b""
        if index == 0:
            flags = _WEBP_ANIMATION | (_WEBP_ALPHA if channels == 4 else 0)
            start = _riff(b"VP8X", bytes([flags, 0, 0, 0]) + _uint24(width - 1) + _uint24(height - 1))
            start += _riff(b"ANIM", struct.pack("<IH", 0, 0 if film.loop else 1))
        return start + _riff(b"ANMF", place + duration + bytes([_WEBP_REPLACES]) + parts)

    file.write(b"RIFF" + bytes(4) + b"WEBP")
    file.writelines(map_ahead(encode, enumerate(film.frames)))
    size = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", size))


def _write_apng(file, film):
    def encode(numbered):
        index, frame = numbered
        data, out = io.BytesIO(), io.BytesIO()
        picture_of(frame).save(data, "PNG")
        parts = list(_png_parts(data.getvalue()))
        pixels = b"".join(part for kind, part in parts if kind == b"IDAT")
        if index == 0:
            out.write(data.getvalue()[:8])
            PngImagePlugin.putchunk(out, *parts[0])
            PngImagePlugin.putchunk(out, b"acTL", struct.pack(">II", film.count, 0 if film.loop else 1))
        number = max(2 * index - 1, 0)  # control and pixels of a frame are numbered; the first's pixels are not
        height, width, _ = frame.shape
        control = struct.pack(">5I2H2B", number, width, height, 0, 0, 1, film.fps, 0, 0)
        PngImagePlugin.putchunk(out, b"fcTL", control)
        if index == 0:
            PngImagePlugin.putchunk(out, b"IDAT", pixels)
        else:
            PngImagePlugin.putchunk(out, b"fdAT", struct.pack(">I", number + 1), pixels)
        return out.getvalue()

    file.writelines(map_ahead(encode, enumerate(film.frames)))
    PngImagePlugin.putchunk(file, b"IEND")


def _duration(index, ticks_per_second, fps):
    """Returns how long a frame is shown, in whole ticks that add up to the right time."""
    return round((index + 1) * ticks_per_second / fps) - round(index * ticks_per_second / fps)


def _png_parts(data):
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def _webp_parts(data):
    """Yields the parts that make up the pixels: a picture's own header has no place in a film."""
    position = 12
    while position < len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind in {b"ALPH", b"VP8 ", b"VP8L"}:
            yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _uint24(number):
    return number.to_bytes(3, "little")


_WRITERS = {".gif": _write_gif, ".webp": _write_webp, ".png": _write_apng}
FILM_EXTENSIONS = tuple(_WRITERS)
