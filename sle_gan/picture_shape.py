"""The shape of a picture: width and height in pixels. Imports nothing of this package."""

from __future__ import annotations

import numbers
import re
from typing import NamedTuple, TypeAlias

Resolution: TypeAlias = int | str  # as settings and files hold a shape: 256 of a square, otherwise "384x256"

_TEXT = re.compile(r"([0-9]+)(?:x([0-9]+))?", re.ASCII)

_FEWEST_QUARTERS, _MOST_QUARTERS = 4, 16  # of the shorter side, in the longer one


class PictureShape(NamedTuple):
    """The shape of a picture.

        >>> PictureShape.of("384x256")
        PictureShape(width=384, height=256)
        >>> PictureShape.of("256x256").resolution
        256
        >>> PictureShape.of("384x256").of_side(4).size
        (4, 6)

    Attributes:
        width: in pixels.
        height: in pixels.
    """

    width: int
    height: int

    @classmethod
    def of(cls, value: object) -> PictureShape:
        """Reads a shape as people, settings and files give it.

        Args:
            value: the side of a square, width and height as `384x256`, or a shape.

        Raises:
            ValueError: if it is none of them, or a side is 0.
        """
        if isinstance(value, PictureShape):
            return value
        match = _TEXT.fullmatch(value) if isinstance(value, str) else None
        if match is not None:
            shape = cls(int(match[1]), int(match[2] or match[1]))
        elif isinstance(value, numbers.Integral) and not isinstance(value, bool):
            shape = cls(int(value), int(value))
        else:
            raise ValueError(f"a shape must be a whole number, or width and height such as 384x256; got {value!r}")
        if min(shape) < 1:
            raise ValueError(f"the sides of a picture must be 1 px or more; got {value!r}")
        return shape

    @classmethod
    def of_array(cls, shape: tuple[int, ...]) -> PictureShape:
        """Returns the shape of the pictures in an array `[..., height, width, channels]`, by the shape of that."""
        return cls(shape[-2], shape[-3])

    @property
    def resolution(self) -> Resolution:
        """The shape as settings and files hold it: the side of a square, otherwise `384x256`."""
        return self.width if self.is_square else str(self)

    @property
    def is_square(self) -> bool:
        """Whether width and height are equal."""
        return self.width == self.height

    @property
    def side(self) -> int:
        """The shorter side in pixels, by which networks count their maps."""
        return min(self)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, as arrays have them."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    def of_side(self, side_px: int) -> PictureShape:
        """Returns the shape of this ratio whose shorter side has so many pixels; the longer one is rounded."""
        width, height = ((2 * length * side_px + self.side) // (2 * self.side) for length in self)
        return PictureShape(width, height)

    def in_quarters(self) -> PictureShape:
        """Returns the nearest shape of the same shorter side that networks can have which draw any shape.

        Its longer side is 4 to 16 quarters of the shorter one: maps begin with 4 px along the shorter side, and both
        sides double from map to map.
        """
        quarters = min((8 * max(self) + self.side) // (2 * self.side), _MOST_QUARTERS)
        longer = quarters * self.side // _FEWEST_QUARTERS
        return PictureShape(longer, self.side) if self.width > self.height else PictureShape(self.side, longer)

    def __str__(self) -> str:
        return str(self.width) if self.is_square else f"{self.width}x{self.height}"
