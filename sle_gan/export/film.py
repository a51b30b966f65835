"""What can be shown frame by frame, and written as a film or as a folder of frames. Imports no TensorFlow."""

import abc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import write_picture
from sle_gan.errors import InputError
from sle_gan.export.film_files import CRF, Footage, check_film, write_film
from sle_gan.export.pictures import check_output, map_ahead, without_alpha
from sle_gan.marks import make_output_folder

FPS = 30


def check_fps(fps: int) -> None:
    """Checks that a film has a pace; `check_film` also knows the most that its format takes.

    Raises:
        InputError: if it has none.
    """
    if fps < 1:
        raise InputError(f"--fps must be a whole number from 1; got {fps}")


class Film(abc.ABC):
    """Frames in their order, each made when it is asked for, anew each time.

    Attributes:
        fps: frames shown in a second.
        loop: whether the last frame goes over into the first.
        background: color under transparency, three numbers in [0, 255].
        frame_bytes: of the pixels of one frame.
    """

    fps: int
    loop: bool
    background: tuple[int, int, int]
    frame_bytes: int

    @property
    @abc.abstractmethod
    def origin(self) -> dict[str, str]:
        """What a file says of where it comes from, words by name."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """Returns the number of frames."""

    @abc.abstractmethod
    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Makes the frames, uint8 `[height, width, channels]` each."""

    @abc.abstractmethod
    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Makes a few frames that have the colors of all."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Loads what the frames are made of, so that what is wrong with it is told before a file is there."""

    def save(self, output: Path | str, crf: int = CRF) -> Path:
        """Writes one file, or a picture for each frame.

        Args:
            output: a `.gif`, `.webp`, `.png` or `.mp4` file, or a folder that holds no frames yet. `.mp4` is H.264 and
                needs the extra `film`.
            crf: of an MP4, how much is lost, from 0 (nothing) to 51.

        Returns:
            The path of the file or the folder.

        Raises:
            InputError: if the film's name or pace cannot be, or the folder holds frames.
            StorageError: if it cannot be written, or there is no room.
        """
        output = Path(output)
        extension = output.suffix.lower()
        if extension:
            check_film(output, self.fps, crf)
        elif any(output.glob("frame-*.png")):
            raise InputError(f"--output must be a folder without frames, or two films would mix; {output} holds some")
        check_output(output, (len(self), extension or ".png"), self.frame_bytes)
        self.prepare()
        origin = self.origin
        frames = without_alpha(self, extension, self.background)
        if extension:
            output.parent.mkdir(parents=True, exist_ok=True)
            keys = without_alpha(self.key_frames(), extension, self.background)
            write_film(output, Footage(frames, self.fps, self.loop, keys, origin), crf)
            return output

        def write(numbered: tuple[int, NDArray[np.uint8]]) -> None:
            index, image = numbered
            write_picture(output / f"frame-{index:05d}.png", image, origin | {"frame": f"{index} of {len(self)}"})

        make_output_folder(output)
        for _ in map_ahead(write, enumerate(frames)):
            pass
        return output
