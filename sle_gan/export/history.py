"""The film of a training: its sheets of samples, from step 0 on. Imports no TensorFlow."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.errors import InputError
from sle_gan.export.film import Film, check_fps
from sle_gan.run import RunFolder

FPS = 4
_LAST_SECONDS = 2  # that the last sheet stays
_KEY_SHEETS = 8  # to choose a GIF's colors from


class History(Film):
    """The same seeds over a training, a sheet in each frame.

    Args:
        run: the `RunFolder`.
        sheets: paths of the sheets in the order of their steps.
        fps: sheets shown in a second.
        loop: whether the film begins again at its end.

    Raises:
        InputError: if there are fewer than two sheets, or the pace is out of its range.
    """

    def __init__(self, run: RunFolder, sheets: Sequence[Path], fps: int = FPS, *, loop: bool = False):
        if len(sheets) < 2:
            raise InputError(f"{run.path} has {len(sheets)} sheets of samples; a film needs two at least")
        check_fps(fps)
        self.sheets, self.fps, self.loop = list(sheets), fps, loop
        self.run = run
        self.background = run.settings().images.background_rgb
        self.frame_bytes = _read(self.sheets[-1]).nbytes

    @property
    def origin(self) -> dict[str, str]:
        """What a file says of where it comes from, words by name."""
        return {"run": self.run.name, "sheets": str(len(self.sheets))}

    def __len__(self) -> int:
        return len(self.sheets) - 1 + self.fps * _LAST_SECONDS

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Reads the frames, uint8 `[height, width, channels]` each; the last sheet stays for two seconds."""
        yield from map(_read, self.sheets)
        last = _read(self.sheets[-1])
        for _ in range(len(self) - len(self.sheets)):
            yield last

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Reads some of the sheets, the last among them."""
        return map(_read, self.sheets[:: -1 * max(1, len(self.sheets) // _KEY_SHEETS)])

    def prepare(self) -> None:
        """Reads the first sheet."""
        _read(self.sheets[0])


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., None]
