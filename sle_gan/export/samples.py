"""The pictures of seeds, drawn one after another and written as files. TensorFlow is loaded when the first is drawn."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sle_gan.data.pictures import image_sheet, opaque, write_picture
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError
from sle_gan.evaluation.judges import judge_of
from sle_gan.export.aspect import stretched, stretched_shape
from sle_gan.export.drawing import Drawing, checked_seeds, format_seeds
from sle_gan.export.pictures import check_output, map_ahead, without_alpha
from sle_gan.marks import make_output_folder
from sle_gan.run import LET_WRITE

EXTENSIONS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}  # of the files by format
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
        drawing: the `Drawing`; with `mix_seeds` of a network with styles.
        seeds: whole numbers from 0 to 2**31 - 1, one or more.
        mix_seeds: likewise, to draw each seed with the finer styles of each of these: the first seed with each of
            them, then the second, ...; or None.
        mix_from: shorter side in pixels of the coarsest map that `mix_seeds` shape: 4, 8, ... up to the pictures' own.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self,
        drawing: Drawing,
        seeds: Iterable[int],
        mix_seeds: Iterable[int] | None = None,
        mix_from: int = MIX_FROM_PX,
    ):
        self.drawing = drawing
        self.seeds = checked_seeds(seeds)
        self.mix_seeds = None if mix_seeds is None else checked_seeds(mix_seeds, "--mix-seeds")
        self.mix_from = mix_from
        if mix_seeds is None:
            return
        if mix_from not in MIX_SIDES_PX:
            raise InputError(f"--mix-from must be a power of two from 4 to 1024; got {mix_from}")
        side = drawing.run.settings().images.shape.side
        if mix_from > side:
            raise InputError(f"--mix-from must be {side} at most, the side of the pictures; got {mix_from}")

    def __len__(self) -> int:
        return len(self.seeds) * (1 if self.mix_seeds is None else len(self.mix_seeds))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Draws the pictures, uint8 `[height, width, channels]` each."""
        if self.mix_seeds is None:
            return self.drawing.trained.draw_seeds(self.seeds)
        return self.drawing.trained.draw_mixed(self.seeds, self.mix_seeds, self.mix_from)

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

        The names of the files tell the seeds, and a PNG says in it the run, the step, the class and the seeds.

        Args:
            folder: where they are written; `generated` in the run folder if None. With `grid` also the file of the
                sheet, whose ending names the format.
            format: `png`, `jpeg` or `webp`. A JPEG holds no alpha: the run's background is laid below.
            grid: whether to write one sheet, with `mix_seeds` a row for each seed, instead of a file for each picture.
            reject_copies: whether to leave out the seeds whose own pictures are near copies of a training image.
            data_folder: for `reject_copies`, where the training images are now, if they were moved.
            aspect: width and height such as `3:2` that the pictures are stretched to; `original` for the median of the
                training images, which undoes `--fit stretch`. None for what the network draws.

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
        shape = None if aspect is None else stretched_shape(aspect, drawing.run)
        check_output(folder, (len(self), extension), drawing.picture_bytes)
        kept, copies = self._part_copies(data_folder) if reject_copies else (self, [])
        shown = kept if shape is None else stretched(kept, shape)
        pictures = without_alpha(shown, extension, drawing.background)
        step = drawing.trained.step  # loads it: what is wrong with it leaves no folder behind
        make_output_folder(folder)
        if grid:
            output = file or folder / f"{kept._sheet_name()}{extension}"
            columns = None if self.mix_seeds is None else len(self.mix_seeds)
            write_picture(output, image_sheet(np.stack(list(pictures)), columns), kept._sheet_words())
        else:
            output = folder
            write = kept._writer(folder, extension)
            for _ in map_ahead(write, zip(kept._numbers(), pictures, strict=True)):
                pass
        return SavedSamples(output, len(kept) if grid else len(set(kept._numbers())), step, copies)

    def _part_copies(self, data_folder: Path | str | None) -> tuple["Samples", list[int]]:
        """Returns the samples whose seeds draw no near copies of training images, and the other seeds."""
        with self.drawing.run.locked(LET_WRITE):
            reals, _ = read_training_images(self.drawing.run, data_folder)
        trained = self.drawing.trained  # loads TensorFlow, which the detector needs too
        from sle_gan.evaluation.memorization import CopyDetector

        detector = CopyDetector(reals, judge_of(self.drawing.run.settings()))
        kept: list[int] = []
        copies: list[int] = []
        background = self.drawing.background
        for seed, picture in zip(self.seeds, trained.draw_seeds(self.seeds), strict=True):
            is_copy = detector.nearest(opaque(picture[None], background)).near_copies()[0]
            (copies if is_copy else kept).append(seed)
        if not kept:
            raise InputError(
                "all pictures are near copies of training images; give other --seeds, or leave the flag out"
            )
        return Samples(self.drawing, kept, self.mix_seeds, self.mix_from), copies

    def _numbers(self) -> Iterable[int] | Iterable[tuple[int, int]]:
        return self.seeds if self.mix_seeds is None else itertools.product(self.seeds, self.mix_seeds)

    def _class_ending(self) -> str:
        return "" if self.drawing.class_name is None else f"-{self.drawing.class_name}"

    def _sheet_name(self) -> str:
        if self.mix_seeds is not None:
            return f"mix-{self.seeds[0]:06d}-{self.mix_seeds[0]:06d}"
        return f"grid-{self.seeds[0]:06d}-{self.seeds[-1]:06d}{self._class_ending()}"

    def _sheet_words(self) -> dict[str, str]:
        return self._words(self.seeds, self.mix_seeds, plural="s")

    def _writer(self, folder: Path, extension: str) -> Callable[[tuple], None]:
        """Returns the function that writes one (number or numbers, picture)."""

        def write(numbered: tuple) -> None:
            number, picture = numbered
            if self.mix_seeds is None:
                name, words = f"seed-{number:06d}{self._class_ending()}", self._words([number], None)
            else:
                seed, mix_seed = number
                name, words = f"seed-{seed:06d}-mix-{mix_seed:06d}", self._words([seed], [mix_seed])
            write_picture(folder / f"{name}{extension}", picture, words)

        return write

    def _words(self, seeds: Sequence[int], mix_seeds: Sequence[int] | None, plural: str = "") -> dict[str, str]:
        of_seeds = {f"seed{plural}": format_seeds(seeds)}
        if mix_seeds is None:
            of_class = {} if self.drawing.class_name is None else {"class": self.drawing.class_name}
            return self.drawing.origin | of_class | of_seeds
        of_seeds[f"mix_seed{plural}"] = format_seeds(mix_seeds)
        return self.drawing.origin | {"mix_from": str(self.mix_from)} | of_seeds
