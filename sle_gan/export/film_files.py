"""Frames as one file: GIF, WebP, PNG and MP4. Imports no TensorFlow."""

import io
import itertools
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from sle_gan.data.pictures import image_sheet, picture_of, whole_file
from sle_gan.errors import InputError, StorageError
from sle_gan.extras import require_extra
from sle_gan.marks import SOFTWARE, exif_mark

Pixels = NDArray[np.uint8]  # [height, width, channels]

# The most frames in a second. A GIF counts in hundredths of a second, and programs show a frame of one hundredth for
# ten of them. The other formats count in thousandths, but for MP4, where players end earlier.
LARGEST_FPS = {".gif": 50, ".webp": 1000, ".png": 1000, ".mp4": 240}
FILM_EXTENSIONS = tuple(LARGEST_FPS)
LARGEST_CRF = 51
CRF = 18  # of H.264, where no loss is seen


class Footage(NamedTuple):
    """What a film shows.

    Attributes:
        frames: iterator of uint8 `[height, width, channels]` of 1, 3 or 4 channels, 3 at most for a GIF and an MP4.
        fps: frames shown in a second, `LARGEST_FPS` of the format at most.
        loop: whether it is repeated; otherwise it stops at its last frame. An MP4 cannot say so.
        key_frames: iterator of the frames that the 256 colors of a GIF are chosen from.
        text: what an MP4 says of where it comes from, by name.
    """

    frames: Iterator[Pixels]
    fps: int
    loop: bool
    key_frames: Iterator[Pixels]
    text: Mapping[str, str] = {}


def check_film(path: Path, fps: int, crf: int = CRF) -> None:
    """Checks that a film of this name and pace can be written, before anything costly begins.

    Args:
        path: of the film; its extension names the format.
        fps: frames shown in a second.
        crf: of an MP4, how much is lost, from 0 (nothing) to 51.

    Raises:
        InputError: if it cannot.
    """
    extension = path.suffix.lower()
    if extension not in FILM_EXTENSIONS:
        raise InputError(f"--output must end in {', '.join(FILM_EXTENSIONS)}, or be a folder; got {path}")
    if not 1 <= fps <= LARGEST_FPS[extension]:
        raise InputError(f"--fps must be from 1 to {LARGEST_FPS[extension]} in a {extension}; got {fps}")
    if not 0 <= crf <= LARGEST_CRF:
        raise InputError(f"--crf must be from 0 to {LARGEST_CRF}; got {crf}")
    if extension == ".mp4":
        _ffmpeg()


def write_film(path: Path, footage: Footage, crf: int = CRF) -> None:
    """Writes a film atomically: the file is either whole or not there.

    All frames are held in memory, but for an MP4, which is encoded while they come.

    Args:
        path: `Path` of the file; its extension is one of `FILM_EXTENSIONS`.
        footage: the `Footage`.
        crf: of an MP4, how much is lost, from 0 (nothing) to 51.

    Raises:
        InputError: if what encodes MP4 is not installed.
        StorageError: if it cannot be written.
    """
    if path.suffix.lower() == ".mp4":
        _write_mp4(path, footage, crf)
    else:
        _write_pictures(path, footage)


def _write_pictures(path: Path, footage: Footage) -> None:
    extension = path.suffix.lower()
    pictures = [picture_of(frame) for frame in footage.frames]
    ticks_per_second = 100 if extension == ".gif" else 1000
    options = {"loop": 0} if footage.loop else {} if extension == ".gif" else {"loop": 1}
    if extension == ".gif":
        pictures = _with_one_palette(pictures, footage.key_frames)
    content = io.BytesIO()  # Pillow does not say that a disk is full
    pictures[0].save(
        content,
        Image.registered_extensions()[extension],
        save_all=True,
        append_images=pictures[1:],
        duration=_durations_ms(len(pictures), footage.fps, ticks_per_second),
        quality=90,
        comment=SOFTWARE,
        exif=exif_mark(),
        pnginfo=_png_mark(),
        **options,
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _png_mark() -> PngImagePlugin.PngInfo:
    information = PngImagePlugin.PngInfo()
    information.add_text("Software", SOFTWARE)
    return information


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


def _write_mp4(path: Path, footage: Footage, crf: int) -> None:
    frames = (_even_rgb(frame) for frame in footage.frames)
    first = next(frames)
    height, width = first.shape[:2]
    comment = "; ".join(f"{name} {value}" for name, value in footage.text.items())
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(footage.fps), "-i", "-"]
    # Players guess the matrix of colors from the size where a file does not say it, so it does.
    colors = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_range", "tv"]
    colors += ["-color_primaries", "bt709", "-color_trc", "bt709"]
    # yuv420p is what every player knows. The index comes first, so that a browser begins at once.
    h264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", *colors, "-crf", str(crf), "-movflags", "+faststart"]
    with whole_file(path) as temporary:
        command = [_ffmpeg(), "-v", "error", "-y", *raw, *h264, "-metadata", f"comment={comment}", "-f", "mp4"]
        encoder = subprocess.Popen([*command, str(temporary)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert encoder.stdin is not None
        try:
            for frame in itertools.chain([first], frames):
                encoder.stdin.write(frame.data)
            _, told = encoder.communicate()
        except BrokenPipeError:  # it ended early, and says why
            _, told = encoder.communicate()
        except BaseException:
            encoder.kill()
            encoder.communicate()
            raise
        if encoder.returncode:
            why = told.decode(errors="replace").strip().splitlines()
            raise StorageError(f"cannot write {path} ({why[-1] if why else 'ffmpeg failed'})")


def _even_rgb(frame: Pixels) -> Pixels:
    """Returns a frame of three channels and even sides, as H.264 needs them; a border is repeated."""
    rgb = np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame
    height, width = rgb.shape[:2]
    return np.ascontiguousarray(np.pad(rgb, [[0, height % 2], [0, width % 2], [0, 0]], mode="edge"))


def _ffmpeg() -> str:
    """Returns the path of the encoder."""
    require_extra("film", {"imageio_ffmpeg": "imageio-ffmpeg"}, "an MP4", "name a .webp, .gif or .png film")
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()
