"""Directions among the codes of a trained generator, along which its pictures change most.

Sources: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021, arXiv:2007.06600 (`sefa`);
Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020, arXiv:2004.02546 (`pca`).
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError
from sle_gan.export.drawing import Drawing, checked_seeds, format_seeds
from sle_gan.export.film import FPS, Film, check_fps
from sle_gan.export.pictures import check_output, without_alpha

if TYPE_CHECKING:
    from sle_gan.export.trained import TrainedGenerator

METHODS = ("sefa", "pca")
COUNT = 8
LARGEST_AMOUNT = 20.0
SHEET_EXTENSIONS = (".png", ".jpg", ".webp")
_SAMPLED = 2000  # styles, whose spread is measured


class Directions(NamedTuple):
    """Directions, the strongest first.

    Attributes:
        vectors: float32 `[count, size]`, each as long as a standard deviation of the codes or styles along it.
        shares: float64 `[count]`, of the sum over all directions: of how far the first layers' outputs move (`sefa`),
            or of the variance (`pca`).
    """

    vectors: NDArray[np.float32]
    shares: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Move:
    """How pictures are moved.

    Attributes:
        method: `sefa`, or `pca` of the styles of a network that has them.
        direction: the one that is moved along, from 0; None for the strongest eight.
        amounts: how far, from the one to the other, in standard deviations; 0 is the seed's own picture.
        count: pictures of a seed and a direction, two or more.
    """

    method: str = METHODS[0]
    direction: int | None = None
    amounts: tuple[float, float] = (-3.0, 3.0)
    count: int = 7

    def check(self, drawing: Drawing) -> None:
        """Checks it for a run; no TensorFlow.

        Raises:
            InputError: if a number is out of its range, or `pca` is asked of a network without styles.
        """
        if self.method not in METHODS:
            raise InputError(f"--method must be {' or '.join(METHODS)}; got {self.method!r}")
        if self.method == "pca" and drawing.truncation is None:
            name = drawing.run.settings().network.generator
            raise InputError(
                f"--method pca needs a network with styles, such as stylegan2; {drawing.run.path} is {name}"
            )
        if not all(abs(amount) <= LARGEST_AMOUNT for amount in self.amounts):  # NaN is refused too
            low, high = self.amounts
            raise InputError(f"--amount must be from {-LARGEST_AMOUNT:g} to {LARGEST_AMOUNT:g}; got {low:g}:{high:g}")
        if self.count < 2:
            raise InputError(f"there must be two pictures of a direction at least; got {self.count}")

    def steps(self, trained: "TrainedGenerator") -> NDArray[np.float32]:
        """Returns what is added to a code or a style, float32 `[directions, count, size]`.

        Raises:
            InputError: if there is no such direction.
        """
        wanted = COUNT if self.direction is None else self.direction + 1
        vectors = find_directions(trained, self.method, wanted).vectors
        if self.direction is not None:
            if len(vectors) <= self.direction:
                raise InputError(f"--direction must be from 0 to {len(vectors) - 1}; got {self.direction}")
            vectors = vectors[-1:]
        amounts = np.linspace(*self.amounts, self.count, dtype=np.float32)
        return vectors[:, None] * amounts[:, None]


def find_directions(trained: "TrainedGenerator", method: str = METHODS[0], count: int = COUNT) -> Directions:
    """Finds the directions of a generator: among its styles where it draws by way of them, otherwise among its codes.

    `sefa` takes the eigenvectors of A A^T, where a row of A is what the first layers make of one number of a code, or
    of a style, alone; `pca` the principal components of 2,000 styles. Each vector's largest number is positive.

    Args:
        trained: the `TrainedGenerator`; with a truncation if its styles are meant, as `pca` needs.
        method: one of `METHODS`.
        count: how many; those of a code's size at most are returned.
    """
    if method == "pca":
        styles = trained.styles(range(_SAMPLED)).astype(np.float64)
        _, spread, vectors = np.linalg.svd(styles - styles.mean(axis=0), full_matrices=False)
        strengths = spread**2
    else:
        responses = trained.first_responses().astype(np.float64)
        rising, columns = np.linalg.eigh(responses @ responses.T)
        strengths, vectors = rising[::-1], columns.T[::-1]
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    vectors = (vectors * np.sign(largest)[:, None])[:count]
    if trained.truncation is not None:
        vectors = vectors * (trained.styles(range(_SAMPLED)) @ vectors.T).std(axis=0)[:, None]
    return Directions(vectors.astype(np.float32), strengths[:count] / strengths.sum())


class DirectionSheet:
    """A sheet with a row of pictures for each direction, or for each seed that is moved along one.

    Args:
        drawing: the `Drawing`; of a network with styles, one that draws by way of them.
        seeds: whole numbers from 0 to 2**31 - 1; without a direction the first alone is drawn.
        move: the `Move`.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(self, drawing: Drawing, seeds: Iterable[int], move: Move):
        self.drawing, self.move = drawing, move
        seeds = checked_seeds(seeds)
        self.seeds = seeds[:1] if move.direction is None else seeds
        move.check(drawing)

    def draw(self) -> NDArray[np.uint8]:
        """Draws the sheet, uint8 `[height, width, channels]`."""
        trained = self.drawing.trained
        steps = self.move.steps(trained)
        pictures = trained.draw_moved(self.seeds, steps.reshape(-1, steps.shape[-1]))
        return image_sheet(np.stack(list(pictures)), self.move.count)

    def save(self, output: Path | str) -> Path:
        """Writes the sheet.

        Args:
            output: a `.png`, `.jpg` or `.webp` file.

        Returns:
            Its path.

        Raises:
            InputError: if the file is of another kind, or there is no such direction.
            StorageError: if it cannot be written.
        """
        output = Path(output)
        extension = output.suffix.lower()
        if extension not in SHEET_EXTENSIONS:
            raise InputError(f"--output must end in {', '.join(SHEET_EXTENSIONS)} or that of a film; got {output}")
        check_output(output, (1, extension), self.drawing.picture_bytes * self.move.count * COUNT)
        (sheet,) = without_alpha([self.draw()], extension, self.drawing.background)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_picture(output, sheet, self.drawing.origin | _words(self.seeds, self.move))
        return output


class DirectionFilm(Film):
    """Seeds that are moved along a direction side by side, there and back.

    Args:
        drawing: see `DirectionSheet`.
        seeds: see `DirectionSheet`.
        move: the `Move`; it names a direction, and its count is that of the frames in one way.
        fps: frames shown in a second.

    Raises:
        InputError: if an argument is out of its range.
    """

    loop = True

    def __init__(self, drawing: Drawing, seeds: Iterable[int], move: Move, fps: int = FPS):
        self.sheet = DirectionSheet(drawing, seeds, move)
        if move.direction is None:
            raise InputError("a film needs --direction, such as 0")
        check_fps(fps)
        self.fps, self.background = fps, drawing.background
        self.frame_bytes = drawing.picture_bytes * len(self.sheet.seeds)
        self.origin = drawing.origin | _words(self.sheet.seeds, move)

    def __len__(self) -> int:
        return 2 * (self.sheet.move.count - 1)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        forth = []
        for frame in map(self._frame, self._steps):
            forth.append(frame)
            yield frame
        yield from forth[-2:0:-1]

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws both ends and the middle."""
        return map(self._frame, self._steps[[0, len(self._steps) // 2, -1]])

    def prepare(self) -> None:
        """Finds the direction."""
        _ = self._steps

    @functools.cached_property
    def _steps(self) -> NDArray[np.float32]:
        (steps,) = self.sheet.move.steps(self.sheet.drawing.trained)
        return steps

    def _frame(self, step: NDArray[np.float32]) -> NDArray[np.uint8]:
        return image_sheet(np.stack(list(self.sheet.drawing.trained.draw_moved(self.sheet.seeds, step[None]))))


def _words(seeds: Iterable[int], move: Move) -> dict[str, str]:
    direction = f"the first {COUNT}" if move.direction is None else str(move.direction)
    amounts = ":".join(f"{amount:g}" for amount in move.amounts)
    return {"seeds": format_seeds(list(seeds)), "method": move.method, "direction": direction, "amount": amounts}
