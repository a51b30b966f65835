"""A picture that is drawn again by what its own text says. TensorFlow is loaded when it is drawn."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.data.folder import DAMAGE
from sle_gan.data.pictures import write_picture
from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.export.drawing import Drawing, parse_seeds
from sle_gan.export.latents import Latent, Point, Styles, latents_of_text
from sle_gan.export.picture_text import PictureText, read_text
from sle_gan.export.pictures import check_output, without_alpha
from sle_gan.export.samples import Samples
from sle_gan.export.walk import LONGEST_FILM, Pace, Walk, WalkSheet

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_POINTS = frozenset({"seed", "seeds", "latent", "latents"})
_MIXES = frozenset({"mix_seed", "mix_seeds"})
_OF_WALKS = frozenset({"frame", "frames", "beat", "fps", "easing", "loop", "space", "path"})
_WORDS = _POINTS | _MIXES | _OF_WALKS | {"mix_from", "method", "direction", "amount", "columns", "aspect", "of"}


class Redrawn(NamedTuple):
    """What was written.

    Attributes:
        output: `Path` of the file.
        step: step of the checkpoint that drew it.
        difference: the most that a number in [0, 255] differs by from the picture that is drawn again; None where that
            is of another step, or damaged.
    """

    output: Path
    step: int
    difference: int | None


@dataclass(frozen=True)
class Recipe:
    """What the text of a picture says of how it was drawn: plain data, checked as far as it can be without the run.

    Attributes:
        picture: path of the picture.
        text: its text.
        run: name of the run.
        step: step of the checkpoint.
        class_name: the class of all pictures, or None.
        truncation: as in `plan_drawing`; None for the network as it is.
        latents: codes and styles among what is drawn.
    """

    picture: Path
    text: PictureText
    run: str
    step: int
    class_name: str | None
    truncation: float | None
    latents: Sequence[Latent]

    @classmethod
    def of(cls, picture: Path | str) -> "Recipe":
        """Reads the text of a picture.

        Raises:
            InputError: if it is no PNG that this tool drew with a generator, or its text is damaged.
        """
        picture = Path(picture)
        text = read_text(picture)
        if not {"run", "step"} <= text.keys() or not text.keys() & _POINTS:
            raise InputError(f"{picture} does not say how it was drawn: its text names no run, step and seeds")
        try:
            truncation = text.numbers("truncation", ",")[0] if "truncation" in text else None
            latents = [one for name in ("latent", "latents") if name in text for one in latents_of_text(text[name])]
            step = text.whole("step")
        except InputError as error:
            raise InputError(f"the text of {picture} is damaged: {error}") from None
        return cls(picture, text, text["run"], step, text.get("class"), truncation, latents)

    @property
    def with_styles(self) -> bool:
        """Whether it is drawn by way of styles."""
        of_latents = any(isinstance(latent, Styles) for latent in self.latents)
        return of_latents or bool(self.text.keys() & _MIXES) or self.text.get("space") == "w"

    def places(self, output_folder: Path | str) -> list[Path]:
        """Returns the folders where its run may lie: around the picture, and in `output_folder`."""
        if self.run in {"", ".."} or Path(self.run).name != self.run or set(self.run) & {"/", "\\", "\0"}:
            return []  # no name of a folder: it would lead elsewhere
        around = [folder for folder in self.picture.absolute().parents if folder.name == self.run]
        return [*around, Path(output_folder).expanduser() / self.run]


class Redrawing:
    """A picture that a run draws again.

    Args:
        drawing: the `Drawing`, planned with the recipe's class and truncation, and with its step or another.
        recipe: the `Recipe`.

    Raises:
        InputError: if the text is damaged, or is not of such a run.
    """

    def __init__(self, drawing: Drawing, recipe: Recipe):
        self.drawing, self.recipe = drawing, recipe
        try:
            self._draw = self._planned()
        except InputError as error:
            raise InputError(f"the text of {recipe.picture} does not fit {drawing.run.path}: {error}") from None

    def draw(self) -> NDArray[np.uint8]:
        """Draws it, uint8 `[height, width, channels]`."""
        return self._draw()

    def save(self, output: Path | str | None = None) -> Redrawn:
        """Writes it.

        Args:
            output: a file whose ending is one of `EXTENSIONS`; beside the picture, with the step in its name, if None.

        Raises:
            InputError: if the file is of another kind, or is the picture itself.
            StorageError: if it cannot be written.
        """
        picture, drawing = self.recipe.picture, self.drawing
        default = picture.with_name(f"{picture.stem}-step-{drawing.step:06d}.png")
        output = default if output is None else Path(output)
        extension = output.suffix.lower()
        if extension not in EXTENSIONS:
            raise InputError(f"--output must end in {', '.join(EXTENSIONS)}; got {output}")
        if output.resolve() == picture.resolve():
            raise InputError(f"--output must be another file than the picture, {picture}")
        check_output(output, (1, extension), drawing.picture_bytes)
        drawn = self.draw()
        (shown,) = without_alpha([drawn], extension, drawing.background)
        output.parent.mkdir(parents=True, exist_ok=True)
        words = {name: word for name, word in self.recipe.text.items() if name in _WORDS}
        write_picture(output, shown, drawing.origin | words)
        difference = _difference(drawn, picture) if drawing.step == self.recipe.step else None
        return Redrawn(output, drawing.step, difference)

    def _planned(self) -> Callable[[], NDArray[np.uint8]]:
        """Returns the function that draws it."""
        text = self.recipe.text
        move = Move.of_text(text)
        if "frame" in text:
            film = self._film(move)
            match = re.fullmatch(r"([0-9]{1,9}) of ([0-9]{1,9})", text["frame"])
            if match is None or int(match[2]) != len(film) or int(match[1]) >= len(film):
                raise InputError(f"frame must be one of {len(film)}; got {text['frame'][:40]!r}")
            return lambda: film.frame(int(match[1]))
        is_sheet = bool(text.keys() & {"seeds", "latents"})
        mix_seeds = next((self._seeds(name) for name in sorted(_MIXES) if name in text), None)
        mix_from = {} if mix_seeds is None else {"mix_from": text.whole("mix_from")}
        samples = Samples(self.drawing, self._points(), mix_seeds, move=move, **mix_from)
        self._check_room(len(samples))
        aspect = text.get("aspect")
        samples.pictures(aspect)  # a ratio that cannot be is told here
        return lambda: samples.sheet(aspect) if is_sheet else next(iter(samples.pictures(aspect)))

    def _points(self) -> list[Point]:
        seeds = next((self._seeds(name) for name in ("seed", "seeds") if name in self.recipe.text), ())
        return [*seeds, *self.recipe.latents]

    def _seeds(self, name: str) -> Sequence[int]:
        seeds = parse_seeds(self.recipe.text[name])
        if len(seeds) > LONGEST_FILM:
            raise InputError(f"{name} must name {LONGEST_FILM:,} at most")
        return seeds

    def _film(self, move: Move | None) -> Walk | WalkSheet:
        text, pace = self.recipe.text, Pace.of_text(self.recipe.text)
        if self.recipe.latents:
            several: list[Sequence[Point]] = [self._points()]
        else:
            several = [parse_seeds(part) for part in text["seeds"].split(" ")]
        self._check_room(len(several))
        walks = [Walk(self.drawing, points, pace, text["space"], text["path"], move) for points in several]
        return walks[0] if len(walks) == 1 else WalkSheet(walks)

    def _check_room(self, pictures: int) -> None:
        """Refuses a text that asks for more pictures than there is room for in the picture."""
        room = self.recipe.text.pixels * self.drawing.channels
        if pictures * self.drawing.picture_bytes > room:
            raise InputError("it names more pictures than are to be seen")


def _difference(drawn: NDArray[np.uint8], picture: Path) -> int | None:
    try:
        with Image.open(picture) as image:
            pixels = np.asarray(image)
    except (OSError, Image.DecompressionBombError, *DAMAGE):
        return None
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    return int(np.abs(drawn.astype(int) - pixels).max()) if pixels.shape == drawn.shape else 255
