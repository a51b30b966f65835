"""A film of the walk between pinned pictures. Imports no TensorFlow."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.export.film import Film
from sle_gan.export.route import Route, even_route
from sle_gan.export.walk import Pace
from sle_gan.play.points import Between, Point

_DRAWN_AHEAD = 8


class Canvas(NamedTuple):
    """What films are drawn with.

    Attributes:
        draw: function of points -> their pixels, uint8 `[height, width, channels]` each.
        origin: see `Film`.
        background: see `Film`.
        picture_bytes: bytes of the pixels of one picture.
    """

    draw: Callable[[Sequence[Point]], list[NDArray[np.uint8]]]
    origin: dict[str, str]
    background: tuple[int, int, int]
    picture_bytes: int


class PinFilm(Film):
    """The frames of a walk from pin to pin.

    Args:
        canvas: what they are drawn with.
        pins: two points or more, which are no walks.
        pace: the `Pace`.

    Raises:
        InputError: if a number of the pace is out of its range.
    """

    def __init__(self, canvas: Canvas, pins: Sequence[Point], pace: Pace):
        self._draw, self._pins = canvas.draw, pins
        self._points = _points(pins, pace.route(len(pins)))
        self.loop, self.fps = pace.loop, pace.fps
        self.background, self.frame_bytes = canvas.background, canvas.picture_bytes
        self._origin = canvas.origin

    @property
    def origin(self) -> dict[str, str]:
        """What a file says of where it comes from, words by name."""
        return self._origin

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        for first in range(0, len(self._points), _DRAWN_AHEAD):
            yield from self._draw(self._points[first : first + _DRAWN_AHEAD])

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the pins, and the middle between each and the next."""
        return iter(self._draw(_points(self._pins, even_route(len(self._pins), 2, loop=self.loop))))

    def prepare(self) -> None:
        """Draws the first pin, so that what is wrong with the checkpoint is told before a file is there."""
        self._draw(self._pins[:1])


def _points(pins: Sequence[Point], route: Route) -> list[Point]:
    legs = zip(route.starts.tolist(), route.ends.tolist(), route.shares.tolist(), strict=True)
    return [Point(Between(pins[start], pins[end], share)) if share else pins[start] for start, end, share in legs]
