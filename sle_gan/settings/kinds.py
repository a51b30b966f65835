"""What values a setting takes: how a word of the command line becomes one, and what is refused."""

import math
import numbers
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import ImageColor

from sle_gan.picture_shape import PictureShape, Resolution

LARGEST_WHOLE = 2**31 - 1
LONGEST_TEXT = 4096
_MOST_TEXTS = 100_000
_UNITS_OF_AN_HOUR = {"h": 1, "m": 60}


@dataclass(frozen=True)
class Kind:
    """What values a setting takes.

    Attributes:
        python_type: of its values: `bool`, `int`, `float`, `str` or `tuple` (of texts).
        allows: function of a value of this type -> whether it is allowed.
        requirement: what a value must be, as an error says it.
        choices: the values, where they can be listed.
        read_word: function of a word of the command line -> a value; the type itself without it.
        settle: function of a value of a program or of a file -> a value; without it, values of other types are refused.
        is_path: whether it is a path, whose `~` means a home folder.
        holds_content: whether resolved settings hold what is in the file instead of its path.
    """

    python_type: type
    allows: Callable[[Any], bool]
    requirement: str
    choices: tuple[Any, ...] = ()
    read_word: Callable[[str], Any] | None = None
    settle: Callable[[object], Any] | None = None
    is_path: bool = False
    holds_content: bool = False

    def read(self, text: str) -> Any:
        """Reads a word of the command line.

        Raises:
            ValueError: if it is not allowed; the message says what it must be.
        """
        try:
            value = self._expanded(text) if self.is_path else (self.read_word or self.python_type)(text)
        except ValueError:
            value = None
        if value is None or not self.allows(value):
            raise ValueError(f"must be {self.requirement}; got {text!r}")
        return value

    def accept(self, value: object) -> Any:
        """Checks a value of a program or of a file: whole numbers may stand for any number, lists for tuples.

        Returns:
            The value, of the kind's type.

        Raises:
            ValueError: if it is not allowed; the message says what it must be.
        """
        try:
            converted = self._converted(value)
        except (TypeError, ValueError, OverflowError):
            converted = None
        if converted is None or not self.allows(converted):
            raise ValueError(f"must be {self.requirement}; got {_shortened(value)}")
        return converted

    def _expanded(self, text: str) -> str:
        return os.path.expanduser(text)  # noqa: PTH111 (a `Path` would not keep the text as it is)

    def _converted(self, value: object) -> Any:
        if self.settle is not None:
            return self.settle(value)
        if isinstance(value, bool):
            return value if self.python_type is bool else None
        if isinstance(value, numbers.Integral) and self.python_type is int:
            return int(value)
        if isinstance(value, numbers.Real) and self.python_type is float:
            return float(value)
        if isinstance(value, str | os.PathLike) and self.python_type is str:
            return self._expanded(os.fspath(value)) if self.is_path else os.fspath(value)
        return tuple(value) if isinstance(value, list | tuple) and self.python_type is tuple else None


def whole(first: int, last: int = LARGEST_WHOLE) -> Kind:
    """Whole numbers from `first` to `last`."""
    return Kind(int, lambda value: first <= value <= last, f"a whole number from {first} to {last}")


def choice(*values: Any) -> Kind:
    """One of some words or whole numbers."""
    words = [str(value) for value in values]
    return Kind(type(values[0]), lambda value: value in values, f"{', '.join(words[:-1])} or {words[-1]}", values)


def _read_hours(text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS_OF_AN_HOUR else (text, "h")
    return float(number) / _UNITS_OF_AN_HOUR[unit]


def _read_shape(text: str) -> Resolution:
    return PictureShape.of(text).resolution


def _settle_shape(value: object) -> Resolution:
    if isinstance(value, str) and value.isdecimal():
        raise ValueError("a number is no text, but in the words of a command line")
    return PictureShape.of(value).resolution


def _is_shape(value: Resolution) -> bool:
    return max(PictureShape.of(value)) <= LARGEST_WHOLE


def _read_range(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _is_range(value: tuple[Any, ...]) -> bool:
    are_numbers = all(isinstance(end, numbers.Real) and not isinstance(end, bool) for end in value)
    return len(value) == 2 and are_numbers and -math.inf < value[0] < value[1] < math.inf


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and "\0" not in value


def _is_utf8_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return _is_text(value)


def _is_color(value: str) -> bool:
    try:
        return _is_text(value) and bool(ImageColor.getrgb(value))
    except ValueError:
        return False


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


POSITIVE = whole(1)
FEATURE_SIDE = Kind(int, lambda value: 64 <= value <= 1024 and value % 32 == 0, "a multiple of 32 from 64 to 1024")
FROM_ZERO = whole(0)
RESOLUTION = Kind(
    int,
    _is_shape,
    f"{POSITIVE.requirement}, or width and height such as 384x256",
    (),
    _read_shape,
    _settle_shape,
)
RATE = Kind(float, lambda value: 0 < value < 1, "a number between 0 and 1")  # neither included
DECAY = Kind(float, lambda value: 0 <= value < 1, "a number from 0 to below 1")
DENSITY = Kind(float, lambda value: 0 < value <= 1, "a number above 0 and up to 1")
SHARE = Kind(float, lambda value: 0 <= value <= 1, "a number from 0 to 1")
ABOVE_ZERO = Kind(float, lambda value: 0 < value < math.inf, "a number above 0")
WEIGHT = Kind(float, lambda value: 0 <= value < math.inf, "a number from 0")
HOURS = Kind(
    float, lambda value: 0 < value < math.inf, "a number of hours above 0, or of minutes such as 45m", (), _read_hours
)
RANGE = Kind(tuple, _is_range, "two rising numbers such as 0,4095", (), _read_range)
SWITCH = Kind(bool, lambda value: True, "true or false")
TEXT = Kind(str, _is_text, "text")
PATH = Kind(str, _is_text, "text", is_path=True)
CONTENT_OF_FILE = Kind(str, _is_text, "text", is_path=True, holds_content=True)
UTF8_PATH = Kind(str, _is_utf8_text, "UTF-8 text", is_path=True)  # TensorFlow opens files of such names alone
UTF8_TEXT = Kind(str, _is_utf8_text, "UTF-8 text")
COLOR = Kind(str, _is_color, "a color such as white or #204060")
TEXTS = Kind(tuple, lambda value: len(value) <= _MOST_TEXTS and all(map(_is_text, value)), "a list of texts")
