"""What a run draws: pictures, sheets, films. TensorFlow is loaded when the first picture is drawn."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sle_gan.export.directions import DirectionFilm, DirectionSheet, Move
from sle_gan.export.drawing import Drawing, plan_drawing
from sle_gan.export.film import FPS
from sle_gan.export.history import FPS as HISTORY_FPS
from sle_gan.export.history import History
from sle_gan.export.projection import Projection
from sle_gan.export.samples import MIX_FROM_PX, Samples
from sle_gan.export.walk import FRAMES, PATHS, SPACES, Pace, Walk
from sle_gan.models import GENERATORS
from sle_gan.report.record import sheets_of
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings


class DrawableRun:
    """A run folder and what can be drawn of it. The generator that was last drawn with stays loaded.

    Args:
        folder: the `RunFolder`; it holds a run.

    Attributes:
        folder: the `RunFolder`.
    """

    def __init__(self, folder: RunFolder):
        self.folder = folder
        self._drawing: Drawing | None = None

    @property
    def settings(self) -> TrainSettings:
        """The resolved settings of the run, as its `config.json` holds them."""
        return self.folder.settings()

    def draw(
        self,
        seeds: Iterable[int],
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> np.ndarray:
        """Draws the picture of each seed: the pixels that `generate.py samples` writes as PNG.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> run.draw(range(4)).shape
            (4, 64, 64, 3)

        On the CPU a picture is the same, bit for bit, whatever other seeds are drawn beside it.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1, one or more.
            class_name: of a run with classes, the class of all pictures; the classes in turn if None.
            truncation: of a network with styles, how far pictures go from the average one, from 0 to 2; 1 changes
                nothing.
            step: of an older checkpoint that is still kept; the newest if None.

        Returns:
            uint8 `[count, height, width, channels]` in [0, 255], in the order of the seeds.

        Raises:
            InputError: a `ValueError`: if an argument is out of its range, the run has no such checkpoint or class,
                or what is restored is damaged.
        """
        return np.stack(list(self.samples(seeds, class_name=class_name, truncation=truncation, step=step)))

    def draw_mixed(
        self,
        seeds: Iterable[int],
        mix_seeds: Iterable[int],
        mix_from: int = MIX_FROM_PX,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> np.ndarray:
        """Draws each seed with the finer styles of each other seed, with a network that has styles.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1, whose styles shape the coarser maps.
            mix_seeds: likewise, whose styles shape the finer maps.
            mix_from: shorter side in pixels of the coarsest map that `mix_seeds` shape: 4, 8, ... up to the pictures'
                own.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            uint8 `[len(seeds), len(mix_seeds), height, width, channels]` in [0, 255].

        Raises:
            InputError: see `draw`; and if the network has no styles.
        """
        mixed = self.samples(seeds, mix_seeds, mix_from, class_name, truncation, step)
        pictures = np.stack(list(mixed))
        return pictures.reshape(len(mixed.seeds), -1, *pictures.shape[1:])

    def samples(
        self,
        seeds: Iterable[int],
        mix_seeds: Iterable[int] | None = None,
        mix_from: int = MIX_FROM_PX,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> Samples:
        """Plans the pictures of seeds, to be drawn one after another or written as files.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> saved = run.samples(range(3)).save("drawn/")
            >>> sorted(path.name for path in saved.output.iterdir())
            ['seed-000000.png', 'seed-000001.png', 'seed-000002.png']

        Args:
            seeds: whole numbers from 0 to 2**31 - 1, one or more.
            mix_seeds: see `draw_mixed`; None to mix nothing.
            mix_from: see `draw_mixed`.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            `Samples`: an iterable of uint8 `[height, width, channels]` with `save(folder, ...)`.

        Raises:
            InputError: see `draw`.
        """
        drawing = self._planned(step, class_name, truncation, with_styles=mix_seeds is not None)
        return Samples(drawing, seeds, mix_seeds, mix_from)

    def film(  # noqa: PLR0913 (each is a flag of `generate.py interpolate`)
        self,
        seeds: Iterable[int],
        frames: int = FRAMES,
        *,
        loop: bool = False,
        easing: str = Pace.easing,
        beat: Iterable[float] | None = None,
        fps: int = FPS,
        space: str = SPACES[0],
        path: str = PATHS[0],
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> Walk:
        """Plans a walk from seed to seed, to be drawn frame by frame or written as a film.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> film = run.film([0, 1], frames=3, loop=True, fps=10)
            >>> len(film), film.save("walk.gif").name
            (6, 'walk.gif')

        Args:
            seeds: two whole numbers or more, from 0 to 2**31 - 1.
            frames: from one seed to the next, two or more.
            loop: whether to return to the first seed, so that the film has no end; otherwise it ends on the last.
            easing: `even`, or `smooth` to slow down at each seed.
            beat: when the film is at each seed, in seconds, instead of `frames`; with `loop` one time more.
            fps: frames shown in a second; 50 at most in a GIF, 240 in an MP4, 1000 in others.
            space: `z` to walk among latent codes, or `w` among the styles of a network that has them.
            path: among latent codes, along the `sphere` where they lie, or `straight`.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            A `Walk`: an iterable of uint8 `[height, width, channels]` with `save(file or folder)`.

        Raises:
            InputError: see `draw`.
        """
        drawing = self._planned(step, class_name, truncation, with_styles=space == "w")
        times = None if beat is None else tuple(beat)
        pace = Pace(frames=frames, loop=loop, easing=easing, beat=times, fps=fps)
        return Walk(drawing, seeds, pace, space, path)

    def history(self, fps: int = HISTORY_FPS, *, loop: bool = False) -> History:
        """Plans the film of the training: its sheets of samples, the same seeds from step 0 on. No TensorFlow.

        Args:
            fps: sheets shown in a second.
            loop: whether the film begins again at its end.

        Returns:
            A `History`: an iterable of uint8 `[height, width, channels]` with `save(file or folder)`.

        Raises:
            InputError: if there are fewer than two sheets.
        """
        return History(self.folder, [path for _, path in sheets_of(self.folder.samples)], fps, loop=loop)

    def moved(
        self,
        seeds: Iterable[int],
        move: Move | None = None,
        *,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> DirectionSheet:
        """Plans a sheet of pictures that are moved along the directions in which they change most.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> run.moved([3]).draw().shape  # eight directions, seven pictures each
            (526, 460, 3)

        A network with styles is moved among these, any other among its latent codes.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1; without a direction the first alone is drawn.
            move: the method, the direction and how far; the strongest eight from -3 to 3 if None.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            A `DirectionSheet` with `draw()` and `save(file)`.

        Raises:
            InputError: see `draw`.
        """
        return DirectionSheet(self._movable(step, class_name, truncation), seeds, move or Move())

    def moved_film(
        self,
        seeds: Iterable[int],
        move: Move,
        *,
        fps: int = FPS,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> DirectionFilm:
        """Plans a film of seeds side by side that are moved along a direction, there and back.

        Args:
            seeds: see `moved`.
            move: with a direction; its count is that of the frames in one way.
            fps: frames shown in a second; 50 at most in a GIF, 240 in an MP4, 1000 in others.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            A `DirectionFilm`: an iterable of uint8 `[height, width, channels]` with `save(file or folder)`.

        Raises:
            InputError: see `draw`.
        """
        return DirectionFilm(self._movable(step, class_name, truncation), seeds, move, fps)

    def project(
        self,
        picture: Path | str,
        *,
        starts: int = Projection.starts,
        steps: int = Projection.steps,
        seed: int = Projection.seed,
        class_name: str | None = None,
        step: int | None = None,
    ) -> Projection:
        """Plans a search for the code, or the style where there are styles, whose picture is closest to a given one.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> found = run.project("flowers/0.png", starts=1, steps=2).save("projected/")
            >>> sorted(path.name for path in found.folder.iterdir())
            ['code.npz', 'pair.png', 'picture.png', 'search.webp']

        Args:
            picture: path of the picture, brought to the shape of the training images.
            starts: searches, of which the best counts.
            steps: of each search.
            seed: of where they begin.
            class_name: of a run with classes, the class to search in.
            step: see `draw`.

        Returns:
            A `Projection` with `save(folder)`.

        Raises:
            InputError: see `draw`; and if there is no such picture.
        """
        return Projection(self._movable(step, class_name, None), Path(picture), starts, steps, seed)

    def _planned(
        self,
        step: int | None = None,
        class_name: str | None = None,
        truncation: float | None = None,
        *,
        with_styles: bool = False,
    ) -> Drawing:
        """Plans a drawing; where it is the last one again, that one, whose generator is loaded."""
        drawing = plan_drawing(self.folder, step, class_name, truncation, with_styles=with_styles)
        if self._drawing != drawing:
            self._drawing = drawing
        return self._drawing

    def _movable(self, step: int | None, class_name: str | None, truncation: float | None) -> Drawing:
        row = GENERATORS.get(self.settings.network.generator)
        return self._planned(step, class_name, truncation, with_styles=row is not None and row.has_styles)
