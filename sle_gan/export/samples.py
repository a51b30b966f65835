"""The pictures of seeds, drawn one after another and written as files. TensorFlow is loaded when the first is drawn."""

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import image_sheet, opaque, write_picture
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError
from sle_gan.evaluation.judges import judge_of
from sle_gan.export.aspect import stretched, stretched_shape
from sle_gan.export.directions import Move
from sle_gan.export.drawing import Drawing, checked_points, checked_seeds, format_seeds, parted
from sle_gan.export.latents import Code, Point, Styles, latents_text
from sle_gan.export.pictures import check_output, map_ahead, without_alpha
from sle_gan.marks import make_output_folder
from sle_gan.run import LET_WRITE

if TYPE_CHECKING:
    from sle_gan.export.trained import TrainedGenerator

EXTENSIONS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}  # of the files by format
MIX_SIDES_PX = tuple(2**power for power in range(2, 11))
MIX_FROM_PX = 16


class SavedSamples(NamedTuple):
    """What was written.

    Attributes:
        output: `Path` of the sheet, or of the folder of a file for each picture.
        count: number of pictures.
        step: step of the checkpoint that drew them.
        copies: seeds that were left out as near copies of training images.
    """

    output: Path
    count: int  # type: ignore[assignment]  # which hides the method of tuples
    step: int
    copies: list[int]


class Samples:
    """The pictures of seeds, as an iterable and as files; each is drawn when it is asked for, anew each time.

    On the CPU a picture is the same, bit for bit, whatever other seeds are drawn beside it.

    Args:
        drawing: the `Drawing`; with `mix_seeds`, or a move among styles, of a network that draws by way of them.
        points: seeds, whole numbers from 0 to 2**31 - 1, and behind them codes and styles; one or more.
        mix_seeds: seeds, to draw each point with the finer styles of each of these: the first point with each of
            them, then the second, ...; or None.
        mix_from: shorter side in pixels of the coarsest map that `mix_seeds` shape: 4, 8, ... up to the pictures' own.
        move: the `Move` of each point, the first with each amount, then the second, ...; None to move nothing.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self,
        drawing: Drawing,
        points: Iterable[Point],
        mix_seeds: Iterable[int] | None = None,
        mix_from: int = MIX_FROM_PX,
        move: Move | None = None,
    ):
        self.drawing, self.move = drawing, move
        self.points = checked_points(points)
        self.mix_seeds = None if mix_seeds is None else checked_seeds(mix_seeds, "--mix-seeds")
        self.mix_from = mix_from
        if move is not None:
            move.check(drawing)
        if mix_seeds is None:
            return
        if move is not None:
            raise InputError("--direction does not go with --mix-seeds")
        if mix_from not in MIX_SIDES_PX:
            raise InputError(f"--mix-from must be a power of two from 4 to 1024; got {mix_from}")
        side = drawing.run.settings().images.shape.side
        if mix_from > side:
            raise InputError(f"--mix-from must be {side} at most, the side of the pictures; got {mix_from}")

    def __len__(self) -> int:
        of_each = 1 if self.mix_seeds is None else len(self.mix_seeds)
        return len(self.points) * (of_each if self.move is None else self.move.pictures)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Draws the pictures, uint8 `[height, width, channels]` each."""
        trained = self._checked_generator()
        if self.move is not None:
            return trained.draw_moved(self.points, self._steps.reshape(-1, self._steps.shape[-1]))
        if self.mix_seeds is not None:
            return trained.draw_mixed(self.points, self.mix_seeds, self.mix_from)
        return trained.draw_seeds(self.points)

    def pictures(self, aspect: str | None = None) -> Iterable[NDArray[np.uint8]]:
        """Draws the pictures, uint8 `[height, width, channels]` each, stretched where it is asked for.

        Args:
            aspect: width and height such as `3:2`; `original` for the median of the training images, which undoes
                `--fit stretch`. None for what the network draws.

        Raises:
            InputError: if there is no such ratio.
        """
        return self if aspect is None else stretched(self, stretched_shape(aspect, self.drawing.run))

    def sheet(self, aspect: str | None = None) -> NDArray[np.uint8]:
        """Draws all pictures as one, uint8 `[height, width, channels]`.

        With `mix_seeds` a row for each point, with a move one for each point and direction.

        Args:
            aspect: see `pictures`.
        """
        return self._sheet_of(self.pictures(aspect))

    def save(
        self,
        folder: Path | str | None = None,
        format: str = "png",
        *,
        grid: bool = False,
        reject_copies: bool = False,
        data_folder: Path | str | None = None,
        aspect: str | None = None,
    ) -> SavedSamples:
        """Writes the pictures, encoding in threads while the next are drawn.

        The names of the files tell the seeds. A PNG says in it all that it was drawn with, so that `redraw` can do it
        again.

        Args:
            folder: where they are written; `generated` in the run folder if None. With `grid` also the file of the
                sheet, whose ending names the format.
            format: `png`, `jpeg`, `webp` or `tiff`. A JPEG holds no alpha: the run's background is laid below.
            grid: whether to write one sheet, see `sheet`, instead of a file for each picture.
            reject_copies: whether to leave out the seeds whose own pictures are near copies of a training image.
            data_folder: for `reject_copies`, where the training images are now, if they were moved.
            aspect: see `pictures`.

        Returns:
            A `SavedSamples`.

        Raises:
            InputError: if the format or the ratio is unknown, all are copies, or the training images are needed and not
                there.
            StorageError: if the folder cannot be written, or has no room.
        """
        if format not in EXTENSIONS:
            raise InputError(f"--format must be one of {', '.join(EXTENSIONS)}; got {format!r}")
        drawing, extension = self.drawing, EXTENSIONS[format]
        folder = drawing.run.output / "generated" if folder is None else Path(folder)
        file = None
        if folder.suffix.lower() in EXTENSIONS.values() and not folder.is_dir():
            if not grid:
                raise InputError(f"--output must be a folder, or a file with --grid; got {folder}")
            file, folder, extension = folder, folder.parent, folder.suffix.lower()
        self.pictures(aspect)  # a ratio that cannot be is told first
        of_aspect = {} if aspect is None else {"aspect": aspect}
        check_output(folder, (len(self), extension), drawing.picture_bytes)
        kept, copies = self._part_copies(data_folder) if reject_copies else (self, [])
        step = self._checked_generator().step  # what is wrong with it leaves no folder behind
        pictures = without_alpha(kept.pictures(aspect), extension, drawing.background)
        make_output_folder(folder)
        if grid:
            output = file or folder / f"{kept._sheet_name()}{extension}"
            write_picture(output, kept._sheet_of(pictures), kept._sheet_words() | of_aspect)
            return SavedSamples(output, len(kept), step, copies)
        names = set()

        def write(named: tuple[tuple[str, dict[str, str]], NDArray[np.uint8]]) -> None:
            (name, words), picture = named
            write_picture(folder / f"{name}{extension}", picture, words | of_aspect)
            names.add(name)

        for _ in map_ahead(write, zip(kept._each(), pictures, strict=True)):
            pass
        return SavedSamples(folder, len(names), step, copies)

    def _checked_generator(self) -> "TrainedGenerator":
        """Returns the generator, which has the directions and fits the codes and styles that are asked for."""
        trained = self.drawing.trained
        trained.check(self.points)
        if self.move is not None:
            _ = self._steps
        return trained

    @functools.cached_property
    def _steps(self) -> NDArray[np.float32]:
        """What is added to the code or style of a point, `[directions, count, size]`; with a move alone."""
        assert self.move is not None
        return self.move.steps(self.drawing.trained)

    def _sheet_of(self, pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        columns = None if self.mix_seeds is None else len(self.mix_seeds)
        return image_sheet(np.stack(list(pictures)), columns if self.move is None else self.move.count)

    def _part_copies(self, data_folder: Path | str | None) -> tuple["Samples", list[int]]:
        """Returns the samples whose seeds draw no near copies of training images, and the other seeds."""
        seeds, latents = parted(self.points)
        if latents:
            raise InputError("--reject-copies goes with seeds alone, not with --latents")
        with self.drawing.run.locked(LET_WRITE):
            reals, _ = read_training_images(self.drawing.run, data_folder)
        trained = self.drawing.trained  # loads TensorFlow, which the detector needs too
        from sle_gan.evaluation.memorization import CopyDetector

        detector = CopyDetector(reals, judge_of(self.drawing.run.settings()))
        kept: list[int] = []
        copies: list[int] = []
        background = self.drawing.background
        for seed, picture in zip(seeds, trained.draw_seeds(seeds), strict=True):
            is_copy = detector.nearest(opaque(picture[None], background)).near_copies()[0]
            (copies if is_copy else kept).append(seed)
        if not kept:
            raise InputError(
                "all pictures are near copies of training images; give other --seeds, or leave the flag out"
            )
        return Samples(self.drawing, kept, self.mix_seeds, self.mix_from, self.move), copies

    def _each(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Goes over the name of each picture's file, and what it says."""
        of_class = self._class_ending()
        moves = [] if self.move is None else self.move.each()
        latent_numbers = itertools.count()
        for point in self.points:
            is_latent = isinstance(point, Code | Styles)
            name = f"latent-{next(latent_numbers):06d}" if is_latent else f"seed-{point:06d}"
            if self.mix_seeds is not None:
                for mix_seed in self.mix_seeds:
                    yield f"{name}-mix-{mix_seed:06d}", self._words([point], [mix_seed])
            elif self.move is not None:
                for index, move in enumerate(moves):
                    of_move = f"direction-{move.direction}-{index % self.move.count:03d}"
                    yield f"{name}-{of_move}{of_class}", self._words([point], move=move)
            else:
                yield f"{name}{of_class}", self._words([point])

    def _class_ending(self) -> str:
        return "" if self.drawing.class_name is None else f"-{self.drawing.class_name}"

    def _sheet_name(self) -> str:
        seeds, latents = parted(self.points)
        numbers = [f"{seed:06d}" for seed in (*seeds[:1], *seeds[-1:])]
        if latents:
            numbers.append(f"latents-{len(latents)}")
        if self.mix_seeds is not None:
            return f"mix-{numbers[0]}-{self.mix_seeds[0]:06d}"
        of_move = "" if self.move is None else f"-direction-{self.move.direction}"
        return f"grid-{'-'.join(numbers)}{of_move}{self._class_ending()}"

    def _sheet_words(self) -> dict[str, str]:
        return self._words(self.points, self.mix_seeds, self.move, plural="s")

    def _words(
        self,
        points: Sequence[Point],
        mix_seeds: Sequence[int] | None = None,
        move: Move | None = None,
        plural: str = "",
    ) -> dict[str, str]:
        seeds, latents = parted(points)
        words = {f"seed{plural}": format_seeds(seeds)} if seeds else {}
        words |= {f"latent{plural}": latents_text(latents)} if latents else {}
        if mix_seeds is not None:
            words |= {"mix_from": str(self.mix_from), f"mix_seed{plural}": format_seeds(mix_seeds)}
        if move is not None:
            words |= move.words() | ({"columns": str(move.count)} if plural else {})
        return self.drawing.origin | words
