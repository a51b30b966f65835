"""A walk from seed to seed, frame by frame, and its film. TensorFlow is loaded when the first frame is drawn."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import write_picture
from sle_gan.errors import InputError
from sle_gan.export.drawing import Drawing, checked_seeds, format_seeds
from sle_gan.export.pictures import (
    FILM_EXTENSIONS,
    LARGEST_FPS,
    Film,
    check_output,
    map_ahead,
    without_alpha,
    write_film,
)

SPACES = ("z", "w")  # of latent codes, and of styles
FRAMES = 60  # from one seed to the next, unless told otherwise
FPS = 30
_KEY_SEEDS = 16  # of a film's seeds, to choose a GIF's colors from


class Walk:
    """The frames of a walk from seed to seed; each is drawn when it is asked for, anew each time.

    Args:
        drawing: the `Drawing`; for the space `w` of a network with styles.
        seeds: two whole numbers or more, from 0 to 2**31 - 1.
        frames: from one seed to the next, the next left out; two or more.
        loop: whether to return to the first seed, so that the film has no end; otherwise it ends on the last.
        space: `z` to walk among latent codes, on the sphere where they lie, or `w` among styles, straight.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self,
        drawing: Drawing,
        seeds: Iterable[int],
        frames: int = FRAMES,
        *,
        loop: bool = False,
        space: str = "z",
    ):
        self.drawing = drawing
        self.seeds = checked_seeds(seeds, least=2)
        if frames < 2:
            raise InputError(f"--frames must be a whole number from 2; got {frames}")
        if space not in SPACES:
            raise InputError(f"--space must be z or w; got {space!r}")
        self.frames, self.loop, self.space = frames, loop, space

    def __len__(self) -> int:
        return self.frames * len(self.seeds) if self.loop else self.frames * (len(self.seeds) - 1) + 1

    def __iter__(self) -> Iterator[np.ndarray]:
        """Draws the frames, uint8 `[side, side, channels]` each."""
        return self._drawn(self.seeds, self.frames)

    def save(self, output: Path | str, fps: int = FPS) -> Path:
        """Writes the walk as a film, or as a picture for each frame.

        Args:
            output: a `.gif`, `.webp` or `.png` file, or a folder that holds no frames yet.
            fps: frames shown in a second; 50 at most in a GIF, 1000 in others. A folder has none.

        Returns:
            The path of the film or the folder.

        Raises:
            InputError: if the film's name or pace cannot be, or the folder holds frames.
            StorageError: if it cannot be written, or there is no room.
        """
        output = Path(output)
        extension = output.suffix.lower()
        self._check(output, extension, fps)
        check_output(output, (len(self), extension or ".png"), self.drawing.picture_bytes)
        origin = self.drawing.origin | {"seeds": format_seeds(self.seeds)}
        frames = without_alpha(self, extension, self.drawing.background)
        if extension:
            _ = self.drawing.trained  # what is wrong with it leaves no folder behind
            output.parent.mkdir(parents=True, exist_ok=True)
            key_seeds = self.seeds[:: -(-len(self.seeds) // _KEY_SEEDS)]
            keys = without_alpha(self._drawn(key_seeds, 2), extension, self.drawing.background)
            write_film(output, Film(frames, fps, self.loop, keys))
            return output

        def write(numbered: tuple[int, NDArray[np.uint8]]) -> None:
            index, image = numbered
            write_picture(output / f"frame-{index:05d}.png", image, origin | {"frame": f"{index} of {len(self)}"})

        output.mkdir(parents=True, exist_ok=True)
        for _ in map_ahead(write, enumerate(frames)):
            pass
        return output

    def _drawn(self, seeds: Sequence[int], frames: int) -> Iterator[NDArray[np.uint8]]:
        trained = self.drawing.trained
        draw_walk = trained.draw_style_walk if self.space == "w" else trained.draw_walk
        return draw_walk(seeds, frames, loop=self.loop)

    def _check(self, output: Path, extension: str, fps: int) -> None:
        if extension not in {"", *FILM_EXTENSIONS}:
            raise InputError(f"--output must end in {', '.join(FILM_EXTENSIONS)}, or be a folder; got {output}")
        if fps < 1:
            raise InputError(f"--fps must be a whole number from 1; got {fps}")
        if extension and fps > LARGEST_FPS[extension]:
            raise InputError(f"--fps must be {LARGEST_FPS[extension]} at most in a {extension}; got {fps}")
        if not extension and any(output.glob("frame-*.png")):
            raise InputError(f"--output must be a folder without frames, or two films would mix; {output} holds some")
