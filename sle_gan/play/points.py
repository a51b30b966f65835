"""What the page can ask for: the checked form of its JSON. Imports no TensorFlow.

A point is where a picture lies: a seed, numbers of a code or of styles, a place near one of these or between two, and
what is done with it: a move along directions, the finer styles of another seed.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.export.directions import LARGEST_AMOUNT
from sle_gan.export.drawing import LARGEST_SEED, LARGEST_TRUNCATION

MOST_POINTS = 32  # in a request
MOST_PINS = 8
LARGEST_NUMBER = 100.0  # in a code: those of a seed lie within 6
LARGEST_ANGLE = math.pi / 2


class Shape(NamedTuple):
    """What the points of a run are made of.

    Attributes:
        latent_size: length of a code.
        classes: number of classes; 0 without.
        layers: number of layers that take a style; 0 without styles.
        style_size: length of a style.
        directions: number of directions that there are sliders for.
        mix_sides: sides in pixels from which on the styles of another seed can be taken.
    """

    latent_size: int
    classes: int = 0
    layers: int = 0
    style_size: int = 0
    directions: int = 0
    mix_sides: tuple[int, ...] = ()


@dataclass(frozen=True)
class Seed:
    """The code of a seed, and its class: by default the classes in turn."""

    seed: int
    label: int | None = None


@dataclass(frozen=True)
class Code:
    """Numbers of a code, then with classes the share of each, as the bytes of little-endian float32."""

    numbers: bytes


@dataclass(frozen=True)
class Styles:
    """The styles of all layers, `[layers, size]`, as the bytes of little-endian float32."""

    numbers: bytes


Base: TypeAlias = Seed | Code | Styles


@dataclass(frozen=True)
class Near:
    """A place near another: the code turned by an angle, in radians, in the direction that a number stands for."""

    of: Base
    number: int
    angle: float


@dataclass(frozen=True)
class Between:
    """A place on the walk from one point to another; 0 is the first, 1 the second."""

    start: "Point"
    end: "Point"
    share: float


@dataclass(frozen=True)
class Mix:
    """The finer styles of another seed, from maps of a side in pixels on."""

    seed: int
    from_side: int


@dataclass(frozen=True)
class Point:
    """Where a picture lies.

    Attributes:
        place: the `Seed`, `Code`, `Styles`, `Near` or `Between`.
        moves: how far it is moved along each direction, in standard deviations; missing ones are 0.
        mix: the `Mix`, or None.
    """

    place: Base | Near | Between
    moves: tuple[float, ...] = ()
    mix: Mix | None = None


class Place(NamedTuple):
    """Where a point lies among the codes of a network, or among its styles.

    Attributes:
        code: float32 `[latent_size + classes]`: the code, and with classes the share of each; None where styles are
            all there is.
        styles: float32 `[layers, size]`, of all layers; None where the code is all there is.
    """

    code: NDArray[np.float32] | None = None
    styles: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class How:
    """What points are drawn with.

    Attributes:
        step: of the checkpoint.
        truncation: see `sle_gan.export.trained.TrainedGenerator`; None draws as the network is.
    """

    step: int
    truncation: float | None = None


def read_json(body: bytes) -> dict[str, Any]:
    """Reads the object of a request.

    Raises:
        InputError: if it is no JSON of an object, or holds a number that JSON does not know, such as NaN.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number")

    try:
        given = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the request is no JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(given, dict):
        raise InputError("the request must be a JSON object")
    return given


def encode(numbers: NDArray[np.float32]) -> str:
    """Writes numbers as `Reader` reads them."""
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode()


def decode(numbers: bytes) -> NDArray[np.float32]:
    """Returns the numbers of a `Code` or `Styles`, float32 `[count]`."""
    return np.frombuffer(numbers, "<f4")


class Reader:
    """Checks what is asked of a run.

    Args:
        shape: the `Shape` of its points.
    """

    def __init__(self, shape: Shape):
        self.shape = shape

    def how(self, given: dict[str, Any], steps: Iterable[int]) -> How:
        """Reads `step` and `truncation` of a request.

        Args:
            given: the request.
            steps: those that there is a checkpoint of.

        Raises:
            InputError: if one cannot be.
        """
        step = given.get("step")
        if type(step) is not int or step not in set(steps):
            there = ", ".join(map(str, sorted(steps)))
            raise InputError(f"step must be one that there is a checkpoint of, {there}; got {_short(step)}")
        truncation = given.get("truncation")
        if truncation is None:
            return How(step)
        self._needs_styles("truncation")
        return How(step, number("truncation", truncation, 0, LARGEST_TRUNCATION))

    def points(self, given: Any, name: str = "points", most: int = MOST_POINTS) -> list[Point]:
        """Reads a list of points.

        Args:
            given: what came.
            name: of it in the request.
            most: how many there may be; one at least.

        Raises:
            InputError: if one is none.
        """
        if not isinstance(given, list) or not 1 <= len(given) <= most:
            what = f"got {len(given)}" if isinstance(given, list) else f"got {_short(given)}"
            raise InputError(f"{name} must be a list of 1 to {most} points; {what}")
        return [self.point(one) for one in given]

    def point(self, given: Any) -> Point:
        """Reads a point.

        Raises:
            InputError: if it is none of this run.
        """
        if not isinstance(given, dict):
            raise InputError(f"a point must be an object; got {_short(given)}")
        rest = dict(given)
        moves = self._moves(rest.pop("moves", None))
        mix = self._mix(rest.pop("mix", None))
        return Point(self._place(rest), moves, mix)

    def _place(self, given: dict[str, Any]) -> Base | Near | Between:
        match given:
            case {"near": of, "number": which, "angle": angle, **more} if not more and isinstance(of, dict):
                turned = number("angle", angle, 0, LARGEST_ANGLE)
                return Near(self._base(of), whole("number", which, 0, LARGEST_SEED), turned)
            case {"between": [start, end], "share": share, **more} if not more:
                ends = self._end(start), self._end(end)
                return Between(*ends, number("share", share, 0, 1))
        return self._base(given)

    def _end(self, given: Any) -> Point:
        point = self.point(given)
        if isinstance(point.place, Between):
            raise InputError("a walk must be between seeds and codes, not between walks")
        return point

    def _base(self, given: dict[str, Any]) -> Base:
        match given:
            case {"seed": seed, **more} if set(more) <= {"label"}:
                return Seed(whole("seed", seed, 0, LARGEST_SEED), self._label(more.get("label")))
            case {"code": code, **more} if not more:
                return Code(_numbers("code", code, self.shape.latent_size + self.shape.classes))
            case {"styles": styles, **more} if not more:
                self._needs_styles("styles")
                return Styles(_numbers("styles", styles, self.shape.layers * self.shape.style_size))
        raise InputError(f"a point must have a seed, a code, or be near or between them; got {_short(given)}")

    def _label(self, given: Any) -> int | None:
        if given is None:
            return None
        if not self.shape.classes:
            raise InputError("label needs a run with classes")
        return whole("label", given, 0, self.shape.classes - 1)

    def _moves(self, given: Any) -> tuple[float, ...]:
        if given is None:
            return ()
        if not isinstance(given, list) or len(given) > self.shape.directions:
            raise InputError(f"moves must be a list of {self.shape.directions} numbers at most")
        moves = tuple(number("moves", amount, -LARGEST_AMOUNT, LARGEST_AMOUNT) for amount in given)
        return moves if any(moves) else ()

    def _mix(self, given: Any) -> Mix | None:
        if given is None:
            return None
        self._needs_styles("mix")
        match given:
            case {"seed": seed, "from": side, **more} if not more:
                if type(side) is not int or side not in self.shape.mix_sides:
                    raise InputError(f"from must be one of {', '.join(map(str, self.shape.mix_sides))}")
                return Mix(whole("seed", seed, 0, LARGEST_SEED), side)
        raise InputError(f"mix must have a seed and from; got {_short(given)}")

    def _needs_styles(self, name: str) -> None:
        if not self.shape.layers:
            raise InputError(f"{name} needs a run of a network with styles, such as stylegan2")


def whole(name: str, given: Any, least: int, most: int) -> int:
    """Returns a whole number of a request.

    Raises:
        InputError: if it is none, or out of its range.
    """
    if type(given) is not int or not least <= given <= most:
        raise InputError(f"{name} must be a whole number from {least} to {most}; got {_short(given)}")
    return given


def number(name: str, given: Any, least: float, most: float) -> float:
    """Returns a number of a request.

    Raises:
        InputError: if it is none, or out of its range.
    """
    if type(given) not in {int, float} or not least <= given <= most:
        raise InputError(f"{name} must be a number from {least:g} to {most:g}; got {_short(given)}")
    return float(given)


def _numbers(name: str, given: Any, count: int) -> bytes:
    try:
        content = base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error):
        content = b""
    if len(content) != 4 * count or not (np.abs(decode(content)) <= LARGEST_NUMBER).all():  # NaN is refused too
        most = f"from {-LARGEST_NUMBER:g} to {LARGEST_NUMBER:g}"
        raise InputError(f"{name} must be {count} numbers of float32 {most} in base64; got {_short(given)}")
    return content


def _short(given: Any) -> str:
    try:
        text = json.dumps(given)
    except ValueError:  # a whole number of thousands of digits
        text = "a number too large"
    return text if len(text) <= 60 else f"{text[:57]}..."
