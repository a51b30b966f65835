"""What a run draws: pictures, sheets, films. TensorFlow is loaded when the first picture is drawn."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.export.drawing import Drawing, checked_seeds, plan_drawing
from sle_gan.export.film import FPS
from sle_gan.export.history import FPS as HISTORY_FPS
from sle_gan.export.history import History
from sle_gan.export.latents import Latent, Point, Styles, read_latents
from sle_gan.export.projection import Projection
from sle_gan.export.redraw import Recipe, Redrawing
from sle_gan.export.samples import MIX_FROM_PX, Samples
from sle_gan.export.walk import FRAMES, PATHS, SPACES, Pace, Walk, WalkSheet
from sle_gan.models import GENERATORS
from sle_gan.report.record import sheets_of
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings

Files: TypeAlias = Path | str | Iterable[Path | str]


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
        *,
        latents: Files = (),
    ) -> np.ndarray:
        """Draws the picture of each seed: the pixels that `generate.py samples` writes as PNG.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> run.draw(range(4)).shape
            (4, 64, 64, 3)

        On the CPU a picture is the same, bit for bit, whatever other seeds are drawn beside it.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1, one or more; none is needed beside `latents`.
            class_name: of a run with classes, the class of all pictures; the classes in turn if None.
            truncation: of a network with styles, how far pictures go from the average one, from 0 to 2; 1 changes
                nothing.
            step: of an older checkpoint that is still kept; the newest if None.
            latents: a file of codes or styles, as `project` writes it, or several, which are drawn behind the seeds.

        Returns:
            uint8 `[count, height, width, channels]` in [0, 255], in the order of the seeds.

        Raises:
            InputError: a `ValueError`: if an argument is out of its range, the run has no such checkpoint or class,
                or what is restored is damaged.
        """
        samples = self.samples(seeds, class_name=class_name, truncation=truncation, step=step, latents=latents)
        return np.stack(list(samples))

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
        return pictures.reshape(len(mixed.points), -1, *pictures.shape[1:])

    def samples(
        self,
        seeds: Iterable[int],
        mix_seeds: Iterable[int] | None = None,
        mix_from: int = MIX_FROM_PX,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
        *,
        latents: Files = (),
        move: Move | None = None,
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
            latents: see `draw`.
            move: a direction that each picture is moved along, and how far; None to move nothing.

        Returns:
            `Samples`: an iterable of uint8 `[height, width, channels]` with `save(folder, ...)`.

        Raises:
            InputError: see `draw`.
        """
        found = self._latents(latents)
        with_styles = mix_seeds is not None or _hold_styles(found) or (move is not None and self._has_styles)
        drawing = self._planned(step, class_name, truncation, with_styles=with_styles)
        return Samples(drawing, _behind(seeds, found), mix_seeds, mix_from, move)

    def film(  # noqa: PLR0913 (each is a flag of `generate.py interpolate`)
        self,
        seeds: Iterable[int],
        frames: int = FRAMES,
        *,
        loop: bool = False,
        easing: str = Pace.easing,
        beat: Iterable[float] | None = None,
        fps: int = FPS,
        space: str | None = None,
        path: str = PATHS[0],
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
        latents: Files = (),
        move: Move | None = None,
    ) -> Walk:
        """Plans a walk from seed to seed, to be drawn frame by frame or written as a film.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> film = run.film([0, 1], frames=3, loop=True, fps=10)
            >>> len(film), film.save("walk.gif").name
            (6, 'walk.gif')

        Args:
            seeds: whole numbers from 0 to 2**31 - 1: with `latents` two or more, and with a move one.
            frames: from one seed to the next, two or more.
            loop: whether to return to the first seed, so that the film has no end; otherwise it ends on the last.
            easing: `even`, or `smooth` to slow down at each seed.
            beat: when the film is at each seed, in seconds, instead of `frames`; with `loop` one time more.
            fps: frames shown in a second; 50 at most in a GIF, 240 in an MP4, 1000 in others.
            space: `z` to walk among latent codes, or `w` among the styles of a network that has them; `w` if None where
                styles are given or moved, otherwise `z`.
            path: among latent codes, along the `sphere` where they lie, or `straight`.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.
            latents: see `draw`; they are come to behind the seeds.
            move: a direction that the film moves along from its beginning to its end, and how far; with `loop` there
                and back. None to move nothing.

        Returns:
            A `Walk`: an iterable of uint8 `[height, width, channels]` with `save(file or folder)`.

        Raises:
            InputError: see `draw`.
        """
        found = self._latents(latents)
        if space is None:
            space = "w" if _hold_styles(found) or (move is not None and self._has_styles) else SPACES[0]
        drawing = self._planned(step, class_name, truncation, with_styles=space == "w")
        times = None if beat is None else tuple(beat)
        pace = Pace(frames=frames, loop=loop, easing=easing, beat=times, fps=fps)
        return Walk(drawing, _behind(seeds, found), pace, space, path, move)

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
    ) -> Samples:
        """Plans a sheet of pictures that are moved along the directions in which they change most.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> run.moved([3]).sheet().shape  # eight directions, seven pictures each
            (526, 460, 3)

        A network with styles is moved among these, any other among its latent codes.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1; without a direction the first alone is drawn.
            move: the method, the direction and how far; the strongest eight from -3 to 3 if None.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            `Samples` with `sheet()` and `save(file, grid=True)`.

        Raises:
            InputError: see `draw`.
        """
        move = move or Move()
        chosen = checked_seeds(seeds)
        chosen = chosen if move.direction is not None else chosen[:1]
        return self.samples(chosen, class_name=class_name, truncation=truncation, step=step, move=move)

    def moved_film(
        self,
        seeds: Iterable[int],
        move: Move,
        *,
        fps: int = FPS,
        class_name: str | None = None,
        truncation: float | None = None,
        step: int | None = None,
    ) -> WalkSheet:
        """Plans a film of seeds side by side that are moved along a direction, there and back.

        Args:
            seeds: see `moved`.
            move: with a direction; its count is that of the frames in one way, three or more.
            fps: frames shown in a second; 50 at most in a GIF, 240 in an MP4, 1000 in others.
            class_name: see `draw`.
            truncation: see `draw`.
            step: see `draw`.

        Returns:
            A `WalkSheet`: an iterable of uint8 `[height, width, channels]` with `save(file or folder)`.

        Raises:
            InputError: see `draw`.
        """
        if move.count < 3:
            raise InputError(f"a film must have three frames of one way at least; got {move.count}")
        pace = Pace(frames=move.count - 1, loop=True, fps=fps)
        drawing = self._planned(step, class_name, truncation, with_styles=self._has_styles)
        space = "w" if self._has_styles else "z"
        return WalkSheet([Walk(drawing, [seed], pace, space, move=move) for seed in checked_seeds(seeds)])

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
        drawing = self._planned(step, class_name, with_styles=self._has_styles)
        return Projection(drawing, Path(picture), starts, steps, seed)

    def redraw(self, picture: Path | str, step: int | None = None) -> Redrawing:
        """Plans a picture anew that this run drew, from what the text in its PNG says.

            >>> import sle_gan
            >>> run = sle_gan.open_run("00000-fastgan-flowers")
            >>> saved = run.samples([3]).save("drawn/")
            >>> run.redraw("drawn/seed-000003.png").save("again.webp").difference
            0

        Args:
            picture: path of a PNG: a picture, a sheet or a frame.
            step: of another checkpoint; that of the picture if None.

        Returns:
            A `Redrawing` with `draw()` and `save(file)`.

        Raises:
            InputError: if its text does not say how it was drawn, or does not fit this run.
        """
        recipe = Recipe.of(picture)
        step = recipe.step if step is None else step
        drawing = self._planned(step, recipe.class_name, recipe.truncation, with_styles=recipe.with_styles)
        return Redrawing(drawing, recipe)

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

    def _latents(self, files: Files) -> list[Latent]:
        return read_latents([files] if isinstance(files, str | Path) else files, self.settings.network.generator)

    @property
    def _has_styles(self) -> bool:
        row = GENERATORS.get(self.settings.network.generator)
        return row is not None and row.has_styles


def _behind(seeds: Iterable[int], latents: list[Latent]) -> Iterable[Point]:
    return [*seeds, *latents] if latents else seeds


def _hold_styles(latents: list[Latent]) -> bool:
    return any(isinstance(latent, Styles) for latent in latents)
