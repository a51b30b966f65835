"""What the page is answered: facts of the run, pictures, near copies, films. Imports no TensorFlow."""

import base64
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sle_gan.checkpoint_files import checkpoints_in
from sle_gan.data.pictures import picture_bytes
from sle_gan.errors import InputError, SleGanError
from sle_gan.export.directions import METHODS
from sle_gan.export.drawing import LARGEST_SEED, LARGEST_TRUNCATION
from sle_gan.export.film_files import LARGEST_FPS, check_film
from sle_gan.export.latents import Code, Latent, Styles, latents_text
from sle_gan.export.route import EASINGS
from sle_gan.export.walk import Pace
from sle_gan.play.copies import TrainingImages
from sle_gan.play.drawing_thread import CHOSEN, FILM, LIVE, WALL, DrawingThread, Drawn
from sle_gan.play.pin_film import Canvas, PinFilm
from sle_gan.play.points import (
    MOST_PINS,
    MOST_POINTS,
    Between,
    How,
    Near,
    Place,
    Point,
    Reader,
    Seed,
    encode,
    number,
    whole,
)
from sle_gan.run import RunFolder

URGENCIES = {"live": LIVE, "chosen": CHOSEN, "wall": WALL}
FILM_TYPES = {"mp4": "video/mp4", "webp": "image/webp", "gif": "image/gif"}
_LARGEST_COUNT = 2**53 - 1  # whole numbers that JavaScript tells apart
_LONGEST_LEG_S = 30
_LARGEST_FILM_BYTES = 2**30  # of pixels


class GoneError(SleGanError):
    """Who asked for a film is gone."""


class Answers:
    """Answers the requests of the page.

    Args:
        run: the `RunFolder`.
        thread: the `DrawingThread` of its generator.
        training_images: the `TrainingImages` of the run.
        latents: codes and styles that the page pins when it is opened.

    Raises:
        InputError: if one of the latents does not fit the network.
    """

    def __init__(
        self,
        run: RunFolder,
        thread: DrawingThread,
        training_images: TrainingImages,
        latents: Sequence[Latent] = (),
    ):
        self._run, self._thread, self._images = run, thread, training_images
        self._settings = run.settings()
        self._reader = Reader(thread.shape)
        self._latents = [self._place_of(latent) for latent in latents[:MOST_PINS]]
        self._filming = threading.Lock()
        self._frames = 0, 0

    def facts(self) -> dict[str, Any]:
        """Tells of the run, and of what can be asked for."""
        settings, shape, shown = self._settings, self._thread.shape, self._settings.images.shape
        best = checkpoints_in(self._run.best)
        return {
            "run": self._run.name,
            "network": settings.network.generator,
            "width": shown.width,
            "height": shown.height,
            "classes": list(settings.images.class_names),
            "steps": [{"step": step, "best": step in best} for step in self._steps()],
            "styles": bool(shape.layers),
            "mix_sides": shape.mix_sides,
            "directions": shape.directions,
            "latents": self._latents,
            "films": {name: _why_not(name) for name in FILM_TYPES},
            "largest_seed": LARGEST_SEED,
            "largest_truncation": LARGEST_TRUNCATION,
            "most_pins": MOST_PINS,
        }

    def pictures(self, given: dict[str, Any]) -> dict[str, Any]:
        """Draws points.

        Args:
            given: `step`, `truncation`, `points`, and how urgent it is: `live`, `chosen` or `wall`; with `lane` and
                `turn` what is asked by a slider, of which the newest turn alone is drawn.

        Returns:
            `pictures`: of each the PNG in base64, and the `code` or the `styles` of a point that is near or between.

        Raises:
            InputError: if something of it cannot be.
            StaleError: if a newer request of the lane has come.
        """
        how, points = self._read_points(given)
        urgency = given.get("urgency", "wall")
        if urgency not in tuple(URGENCIES):
            raise InputError(f"urgency must be {', '.join(URGENCIES)}")
        lane = None
        if given.get("lane") is not None:
            name = given["lane"]
            if not isinstance(name, str) or len(name) > 64:
                raise InputError("lane must be a word of 64 letters at most")
            lane = name, whole("turn", given.get("turn"), 0, _LARGEST_COUNT)
        drawn = self._thread.draw(how, points, URGENCIES[urgency], lane)
        return {"pictures": [self._drawn_for_page(how, *one) for one in zip(points, drawn, strict=True)]}

    def copies(self, given: dict[str, Any]) -> dict[str, Any]:
        """Finds the nearest training images of points.

        Args:
            given: `step`, `truncation`, `points`.

        Returns:
            `copies`: of each the number of the training `image`, the `ratio` of the distance, whether it `is_copy` and
            whether the training image `is_mirrored`.

        Raises:
            SleGanError: if something of it cannot be, or the training images are not there.
        """
        how, points = self._read_points(given)
        drawn = self._thread.draw(how, points)
        found = self._images.nearest([one.pixels for one in drawn])
        return {"copies": [nearest._asdict() for nearest in found]}

    def training_image(self, number: int) -> bytes:
        """Returns a training image as PNG.

        Raises:
            SleGanError: if it is not there.
        """
        return bytes(picture_bytes(self._images.picture(number), ".png", {}))

    def film(self, given: dict[str, Any], is_gone: Callable[[], bool]) -> tuple[str, bytes]:
        """Makes a film of the walk between pins; one at a time.

        Args:
            given: `step`, `truncation`, `pins`, `format`, `seconds` from one pin to the next, `fps`, `easing`, `loop`.
            is_gone: function that says whether who asked for it is gone: then no more of it is made.

        Returns:
            Its media type and content.

        Raises:
            SleGanError: if something of it cannot be, or another film is made.
        """
        how, pins = self._read_points(given, "pins", MOST_PINS)
        if len(pins) < 2 or any(isinstance(pin.place, Between) for pin in pins):
            raise InputError("pins must be two at least, and none of them between others")
        name = given.get("format")
        if name not in tuple(FILM_TYPES):
            raise InputError(f"format must be one of {', '.join(FILM_TYPES)}")
        film = PinFilm(self._canvas(how, pins, is_gone), pins, _pace(given, LARGEST_FPS[f".{name}"]))
        check_film(Path(f"film.{name}"), film.fps)
        if len(film) * film.frame_bytes > _LARGEST_FILM_BYTES:
            raise InputError("the film is too long for its size; give fewer seconds, frames or pins")
        if not self._filming.acquire(blocking=False):
            raise InputError("another film is being made; wait until it is there")
        try:
            self._frames = 0, len(film)
            with tempfile.TemporaryDirectory(prefix="sle-gan-film-") as folder:
                return FILM_TYPES[name], film.save(Path(folder) / f"film.{name}").read_bytes()
        finally:
            self._frames = 0, 0
            self._filming.release()

    def film_progress(self) -> dict[str, int]:
        """Tells how many frames of the film are drawn; `total` is 0 where none is made."""
        done, total = self._frames
        return {"done": min(done, total), "total": total}

    def _place_of(self, latent: Latent) -> dict[str, str]:
        """Returns a code or styles as the page asks for them."""
        shape = self._thread.shape
        if isinstance(latent, Styles):
            repeats = shape.layers if len(latent.numbers) == 1 else 1  # one style is that of all layers
            place = {"styles": encode(np.repeat(latent.numbers, repeats, axis=0))}
        else:
            if shape.classes and latent.classes is None:
                raise InputError("codes in --latents must say their classes, as those of this run do")
            numbers = [latent.numbers, *([] if latent.classes is None else [latent.classes])]
            place = {"code": encode(np.concatenate(numbers))}
        self._reader.point(place)
        return place

    def _steps(self) -> list[int]:
        return sorted(checkpoints_in(self._run.best) | checkpoints_in(self._run.checkpoints))

    def _read_points(
        self, given: dict[str, Any], name: str = "points", most: int = MOST_POINTS
    ) -> tuple[How, list[Point]]:
        return self._reader.how(given, self._steps()), self._reader.points(given.get(name), name, most)

    def _drawn_for_page(self, how: How, point: Point, drawn: Drawn) -> dict[str, str]:
        png = picture_bytes(drawn.pixels, ".png", self._words(how, point, drawn))
        told = {"png": base64.b64encode(png).decode()}
        if not isinstance(point.place, Near | Between):
            return told
        return told | {name: encode(numbers) for name, numbers in drawn.place._asdict().items() if numbers is not None}

    def _origin(self, how: How) -> dict[str, str]:
        words = {"run": self._run.name, "step": str(how.step)}
        return words if how.truncation is None else words | {"truncation": repr(how.truncation)}

    def _words(self, how: How, point: Point, drawn: Drawn) -> dict[str, str]:
        """Says where a picture comes from, as the text of `generate.py`'s pictures does."""
        place, moves = point.place, {index: amount for index, amount in enumerate(point.moves) if amount}
        if not isinstance(place, Seed) or len(moves) > 1 or (moves and point.mix):
            words = {"latent": self._latent(drawn.source)}  # the whole of it: no seed and one move say that
            return words | (self._origin(how) if drawn.source.styles is None else self._origin(How(how.step)))
        by_styles = drawn.source.styles is not None and how.truncation is None
        words = self._origin(How(how.step, 1.0) if by_styles else how)
        if place.label is not None:
            words["class"] = self._settings.images.class_names[place.label]
        words["seed"] = str(place.seed)
        if point.mix:
            words |= {"mix_from": str(point.mix.from_side), "mix_seed": str(point.mix.seed)}
        for direction, amount in moves.items():
            words |= {"method": METHODS[0], "direction": str(direction), "amount": repr(amount).removesuffix(".0")}
        return words

    def _latent(self, source: Place) -> str:
        """Writes what a picture is drawn from as text, to the last bit."""
        if source.styles is not None:
            return latents_text([Styles(source.styles)])
        assert source.code is not None
        code, classes = np.split(source.code, [self._thread.shape.latent_size])
        return latents_text([Code(code, classes if len(classes) else None)])

    def _canvas(self, how: How, pins: Sequence[Point], is_gone: Callable[[], bool]) -> Canvas:
        images = self._settings.images

        def draw(points: Sequence[Point]) -> list[NDArray[np.uint8]]:
            if is_gone():
                raise GoneError("who asked for the film is gone")
            drawn = [one.pixels for one in self._thread.draw(how, points, FILM)]
            self._frames = self._frames[0] + len(drawn), self._frames[1]
            return drawn

        words = self._origin(how)
        if all(isinstance(pin.place, Seed) for pin in pins):
            words["seeds"] = ",".join(str(pin.place.seed) for pin in pins if isinstance(pin.place, Seed))
        return Canvas(draw, words, images.background_rgb, images.shape.pixels * images.channels)


def _why_not(name: str) -> str | None:
    """Says why a film of a format cannot be made; None if it can."""
    try:
        check_film(Path(f"film.{name}"), 1)
    except InputError as error:
        return str(error)
    return None


def _pace(given: dict[str, Any], largest_fps: int) -> Pace:
    seconds = number("seconds", given.get("seconds"), 0.1, _LONGEST_LEG_S)
    fps = whole("fps", given.get("fps"), 1, min(largest_fps, 60))
    easing, loop = given.get("easing", EASINGS[0]), given.get("loop", False)
    if easing not in EASINGS or not isinstance(loop, bool):
        raise InputError(f"easing must be {' or '.join(EASINGS)}, loop true or false")
    return Pace(frames=max(2, round(seconds * fps)), loop=loop, easing=easing, fps=fps)
