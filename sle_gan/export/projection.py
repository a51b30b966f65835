"""A given picture in a generator's space of codes: the nearest that it can draw. TensorFlow is loaded by the search."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.decode import read_image
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError
from sle_gan.export.drawing import Drawing
from sle_gan.export.film_files import Footage, write_film
from sle_gan.export.latents import Code, Latent, Styles, latents_text, write_latents
from sle_gan.export.pictures import check_output, without_alpha
from sle_gan.marks import make_output_folder

_FILM_FRAMES = 60
_FILM_FPS = 20


class Projected(NamedTuple):
    """What was found.

    Attributes:
        folder: `Path` where picture, pair, code and film lie.
        distance: perceptual distance of the picture from the given one; 0 for equal ones.
        pixel_distance: mean squared difference of their pixels in [-1, 1].
    """

    folder: Path
    distance: float
    pixel_distance: float


@dataclass(frozen=True)
class Projection:
    """A search for the code whose picture is closest to a given one.

    Args:
        drawing: the `Drawing`; of a network with styles, one that draws by way of them.
        picture: path of the given picture, which is brought to the shape of the training images.
        starts: searches, of which the best counts.
        steps: of each search.
        seed: of where they begin.

    Raises:
        InputError: if a number is out of its range, the picture cannot be read, or a run with classes is given none.
    """

    drawing: Drawing
    picture: Path
    starts: int = 4
    steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if self.starts < 1 or self.steps < 1 or self.seed < 0:
            raise InputError("--starts and --search-steps must be whole numbers from 1, --seed from 0")
        if not self.picture.is_file():
            raise InputError(f"there is no picture {self.picture}")
        if self.drawing.run.settings().images.class_names and self.drawing.label is None:
            raise InputError("--class must name the class that the picture is searched in")

    def target(self) -> NDArray[np.uint8]:
        """Reads the given picture as a training image, uint8 `[height, width, channels]`."""
        images = self.drawing.run.settings().images
        try:
            shape = images.resolution, images.channels
            return read_image(self.picture, *shape, images.fit, images.background_rgb, images.range)
        except InputError as error:
            raise InputError(f"{self.picture} cannot be read: {error}") from error

    def save(self, folder: Path | str) -> Projected:
        """Searches, and writes `picture.png`, `pair.png`, `code.npz` and `search.webp`.

        `code.npz` holds `codes` or `styles`, float32 `[1, size]`, as `sle_gan.export.latents.read_latents` reads them.
        The film shows the given picture beside the best at each point of the search.

        Args:
            folder: where they are written.

        Raises:
            InputError: if the picture cannot be read.
            StorageError: if the folder cannot be written.
        """
        folder = Path(folder)
        target = self.target()
        check_output(folder, (_FILM_FRAMES + 2, ".png"), 2 * self.drawing.picture_bytes)
        trained = self.drawing.trained
        from sle_gan.export.search import search_code

        every = -(-self.steps // _FILM_FRAMES)
        watched: list[NDArray[np.uint8]] = []

        def watch(step: int, best: NDArray[np.uint8]) -> None:
            if step % every == 0:
                watched.append(best)

        found = search_code(trained, target, self.starts, self.steps, self.seed, watch)
        latent = self._latent(found.code)
        (picture,) = trained.draw_seeds([latent])
        make_output_folder(folder)
        words = self.drawing.origin | {"of": self.picture.name, "distance": f"{found.distance:.4f}"}
        pairs = [image_sheet(np.stack([target, best]), 2) for best in (*watched, picture)]
        write_picture(folder / "picture.png", picture, words | {"latent": latents_text([latent])})
        write_picture(folder / "pair.png", pairs[-1], words)
        settings = self.drawing.run.settings()
        write_latents(folder / "code.npz", [latent], {"generator": settings.network.generator} | self.drawing.origin)
        frames: Iterator[NDArray[np.uint8]] = without_alpha(pairs, ".webp", self.drawing.background)
        write_film(folder / "search.webp", Footage(frames, _FILM_FPS, False, iter(())))
        return Projected(folder, found.distance, found.pixel_distance)

    def _latent(self, code: NDArray[np.float32]) -> Latent:
        if self.drawing.truncation is not None:
            return Styles(code[None])
        names = self.drawing.run.settings().images.class_names
        return Code(code, np.eye(len(names), dtype=np.float32)[self.drawing.label] if names else None)
