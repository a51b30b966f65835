"""One thread that owns the network: it draws what all requests ask for, in batches. Imports no TensorFlow."""

import collections
import itertools
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError, SleGanError
from sle_gan.play.points import How, Place, Point, Shape

LIVE, CHOSEN, WALL, FILM = range(4)  # what is drawn first: what is being moved, the large picture, the wall, a film
_MOST_WAITING = 1024
_MOST_LANES = 64
_KEPT_BYTES = 64 * 2**20  # of pictures that were drawn


class Drawn(NamedTuple):
    """A picture.

    Attributes:
        pixels: uint8 `[height, width, channels]`.
        place: the `Place` of the point, before it is moved or mixed.
        source: the `Place` that it is drawn from.
    """

    pixels: NDArray[np.uint8]
    place: Place
    source: Place


class Drawer(Protocol):
    """What draws.

    Attributes:
        shape: the `Shape` of its points.
        batch: how many points are drawn together.
    """

    shape: Shape
    batch: int

    def draw(self, how: How, points: Sequence[Point]) -> list[Drawn]:
        """Draws points, `batch` of them at most."""


class StaleError(SleGanError):
    """A newer request of the same lane took this one's place."""


@dataclass(order=True)
class _Waiting:
    urgency: int
    turn: int
    how: How = field(compare=False)
    point: Point = field(compare=False)
    drawn: "Future[Drawn]" = field(compare=False, default_factory=Future)


class DrawingThread:
    """Draws points one batch after another, the most urgent first, and of a slider's the newest alone.

    Args:
        make_drawer: function that loads the `Drawer`, called in the thread.

    Attributes:
        shape: the `Shape` of the drawer's points.

    Raises:
        SleGanError: what `make_drawer` raises.
    """

    def __init__(self, make_drawer: Callable[[], Drawer]):
        self._waiting: list[_Waiting] = []
        self._lanes: collections.OrderedDict[Hashable, tuple[int, list[_Waiting]]] = collections.OrderedDict()
        self._kept: collections.OrderedDict[tuple[How, Point], Drawn] = collections.OrderedDict()
        self._kept_bytes = 0
        self._changed = threading.Condition()
        self._turns = itertools.count()
        self._ended = False
        loaded: Future[Drawer] = Future()
        self._thread = threading.Thread(target=self._run, args=(make_drawer, loaded), name="drawing", daemon=True)
        self._thread.start()
        self.shape = loaded.result().shape

    def draw(
        self, how: How, points: Sequence[Point], urgency: int = WALL, lane: tuple[Hashable, int] | None = None
    ) -> list[Drawn]:
        """Draws points and waits for them.

        Args:
            how: what they are drawn with.
            points: the points.
            urgency: `LIVE`, `CHOSEN`, `WALL` or `FILM`.
            lane: of a slider: which one, and the number of the request. What waits of earlier ones is dropped.

        Raises:
            StaleError: if a later request of the lane came before this was drawn.
            SleGanError: what the drawer raises; and if too much waits already.
        """
        with self._changed:
            if self._ended:
                raise InputError("the page has ended")
            missing = [point for point in points if (how, point) not in self._kept]
            if len(self._waiting) + len(missing) > _MOST_WAITING:
                raise InputError("too many pictures are asked for at once; wait for some")
            asked = [_Waiting(urgency, next(self._turns), how, point) for point in missing]
            self._take_lane(lane, asked)
            self._waiting += asked
            at_once = {point: self._recall(how, point) for point in points if (how, point) in self._kept}
            self._changed.notify()
        drawn = {one.point: one.drawn.result() for one in asked}
        return [at_once[point] if point in at_once else drawn[point] for point in points]

    def end(self) -> None:
        """Ends the thread after the batch that it draws; what waits is given up."""
        with self._changed:
            self._ended = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify()
        for one in waiting:
            one.drawn.set_exception(InputError("the page has ended"))
        self._thread.join()

    def _take_lane(self, lane: tuple[Hashable, int] | None, asked: list[_Waiting]) -> None:
        if lane is None:
            return
        name, number = lane
        newest, earlier = self._lanes.pop(name, (-1, []))
        if number <= newest:
            self._lanes[name] = newest, earlier
            raise StaleError("a newer request has come")
        for one in earlier:
            if one in self._waiting:
                self._waiting.remove(one)
                one.drawn.set_exception(StaleError("a newer request has come"))
        self._lanes[name] = number, asked
        while len(self._lanes) > _MOST_LANES:
            self._lanes.popitem(last=False)

    def _run(self, make_drawer: Callable[[], Drawer], loaded: "Future[Drawer]") -> None:
        try:
            drawer = make_drawer()
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(drawer)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if self._ended:
                    return
                batch = self._next_batch(drawer.batch)
            self._draw(drawer, batch)

    def _next_batch(self, size: int) -> list[_Waiting]:
        """Takes the most urgent, and what can be drawn together with it."""
        how = min(self._waiting).how
        batch = sorted(one for one in self._waiting if one.how == how)[:size]
        chosen = {id(one) for one in batch}
        self._waiting = [one for one in self._waiting if id(one) not in chosen]
        return batch

    def _draw(self, drawer: Drawer, batch: list[_Waiting]) -> None:
        try:
            pictures: list[Any] = drawer.draw(batch[0].how, [one.point for one in batch])
        except Exception as error:
            for one in batch:
                one.drawn.set_exception(error)
            return
        for one, drawn in zip(batch, pictures, strict=True):
            if one.urgency in {CHOSEN, WALL}:  # those of sliders and films do not come again
                self._keep(one, drawn)
            one.drawn.set_result(drawn)

    def _keep(self, one: _Waiting, drawn: Drawn) -> None:
        with self._changed:
            if (one.how, one.point) in self._kept:
                return
            self._kept[one.how, one.point] = drawn
            self._kept_bytes += drawn.pixels.nbytes
            while self._kept_bytes > _KEPT_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= oldest.pixels.nbytes

    def _recall(self, how: How, point: Point) -> Drawn:
        self._kept.move_to_end((how, point))
        return self._kept[how, point]
