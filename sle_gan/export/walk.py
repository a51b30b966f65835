"""A walk from seed to seed, frame by frame. TensorFlow is loaded when the first frame is drawn."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import image_sheet
from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.export.drawing import Drawing, checked_points, format_seeds, parted
from sle_gan.export.film import FPS, Film, check_fps
from sle_gan.export.latents import Point, Styles, latents_text
from sle_gan.export.picture_text import PictureText
from sle_gan.export.route import Route, even_route, timed_route

SPACES = ("z", "w")  # of latent codes, and of styles
PATHS = ("sphere", "straight")
FRAMES = 60  # from one seed to the next, unless told otherwise
LONGEST_FILM = 1_000_000  # frames
_KEY_FRAMES = 32  # at most, to choose a GIF's colors from


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a walk goes from seed to seed.

    Attributes:
        frames: from one seed to the next, the next left out; two or more.
        loop: whether to return to the first seed, so that the film has no end; otherwise it ends on the last.
        easing: `even`, or `smooth` to slow down at each seed.
        beat: when the film is at each seed, in seconds, instead of `frames`; with `loop` one time more, for the return.
        fps: frames shown in a second.
    """

    frames: int = FRAMES
    loop: bool = False
    easing: str = "even"
    beat: tuple[float, ...] | None = None
    fps: int = FPS

    def route(self, seeds: int) -> Route:
        """Returns the place of each frame among so many seeds.

        Raises:
            InputError: if a number is out of its range.
        """
        if self.frames < 2:
            raise InputError(f"--frames must be a whole number from 2; got {self.frames}")
        check_fps(self.fps)
        length = self.frames * seeds if self.beat is None else max(self.beat, default=0) * self.fps
        if length > LONGEST_FILM:
            raise InputError(f"a film must have {LONGEST_FILM:,} frames at most; give fewer --frames, or less time")
        if self.beat is None:
            route = even_route(seeds, self.frames, loop=self.loop)
        else:
            route = timed_route(seeds, self.beat, self.fps, loop=self.loop)
        return route.eased(self.easing)

    def words(self) -> dict[str, str]:
        """Returns what the text of a frame says of it: words by name, as `of_text` reads them."""
        words = {"frames": str(self.frames)}
        if self.beat is not None:
            words = {"beat": ",".join(repr(float(time)) for time in self.beat), "fps": str(self.fps)}
        return words | {"easing": self.easing, "loop": "yes" if self.loop else "no"}

    @classmethod
    def of_text(cls, text: PictureText) -> "Pace":
        """Reads what `words` wrote.

        Raises:
            InputError: if it is something else.
        """
        if text["loop"] not in {"yes", "no"}:
            raise InputError(f"loop must be yes or no; got {text['loop'][:40]!r}")
        even = cls(loop=text["loop"] == "yes", easing=text["easing"])
        if "beat" in text:
            return replace(even, beat=text.numbers("beat", ","), fps=text.whole("fps"))
        return replace(even, frames=text.whole("frames"))


class Walk(Film):
    """The frames of a walk from seed to seed.

    Args:
        drawing: the `Drawing`; for the space `w` of a network with styles.
        points: seeds, whole numbers from 0 to 2**31 - 1, and behind them codes and styles; two or more, or one with a
            move.
        pace: the `Pace`.
        space: `z` to walk among latent codes, or `w` among styles, always straight.
        path: among latent codes, along the `sphere` where they lie, or `straight`.
        move: a direction that the film moves along from its beginning to its end, from the one amount to the other;
            with a loop there and back. It is among styles in `w`, and among codes in `z`. None to move nothing.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self,
        drawing: Drawing,
        points: Iterable[Point],
        pace: Pace,
        space: str = SPACES[0],
        path: str = PATHS[0],
        move: Move | None = None,
    ):
        self.drawing, self.pace, self.move = drawing, pace, move
        self.points = checked_points(points, least=2 if move is None else 1)
        if space not in SPACES:
            raise InputError(f"--space must be z or w; got {space!r}")
        if path not in PATHS:
            raise InputError(f"--path must be sphere or straight; got {path!r}")
        if space == "z" and any(isinstance(point, Styles) for point in self.points):
            raise InputError("styles in --latents are walked among with --space w")
        if move is not None:
            self._check_move(move, space)
        self.space, self.path = space, path
        self.route = pace.route(max(2, len(self.points)))  # one point goes to itself, and is moved on the way
        self.loop, self.fps = pace.loop, pace.fps
        self.background, self.frame_bytes = drawing.background, drawing.picture_bytes

    def _check_move(self, move: Move, space: str) -> None:
        move.check(self.drawing)
        if move.direction is None:
            raise InputError("a film needs --direction, such as 0")
        if space == "z" and self.drawing.truncation is not None:
            raise InputError("--direction of a network with styles is one of styles: give --space w")

    @property
    def origin(self) -> dict[str, str]:
        """What a file says of where it comes from: words by name."""
        seeds, latents = parted(self.points)
        words = {"seeds": format_seeds(seeds)} if seeds else {}
        words |= {"latents": latents_text(latents)} if latents else {}
        of_move = {} if self.move is None else self.move.words()
        return self.drawing.origin | words | {"space": self.space, "path": self.path} | self.pace.words() | of_move

    def __len__(self) -> int:
        return len(self.route.shares)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        rows = np.arange(len(self))
        if not self._comes_back:
            yield from self._drawn(rows)
            return
        forth = []
        for frame in self._drawn(rows[: len(self) // 2 + 1]):
            forth.append(frame)
            yield frame
        yield from forth[-2:0:-1]

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Draws one of the frames, as it is among all, to the last bit.

        Args:
            index: its number, from 0.

        Raises:
            InputError: if there is no such frame.
        """
        if not 0 <= index < len(self):
            raise InputError(f"a frame must be from 0 to {len(self) - 1}; got {index}")
        self.prepare()
        from sle_gan.models.io import DRAWN_BATCH

        if self._comes_back:
            index = min(index, len(self) - index)
        first = index - index % DRAWN_BATCH  # of the batch that it is drawn in
        rows = np.arange(first, min(first + DRAWN_BATCH, len(self)))
        return list(self._drawn(rows))[index - first]

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws some frames: about the seeds, and those half way between."""
        count = min(_KEY_FRAMES, max(3, 2 * len(self.points) - 1))
        return self._drawn(np.linspace(0, len(self) - 1, count).round().astype(int))

    def prepare(self) -> None:
        """Loads the generator, and finds the direction."""
        self.drawing.trained.check(self.points)
        _ = self._moves

    @property
    def _comes_back(self) -> bool:
        """Whether the second half of the frames is the first in reverse."""
        return len(self.points) == 1 and self.loop and self.pace.beat is None

    @functools.cached_property
    def _moves(self) -> NDArray[np.float32] | None:
        """What is added to the code or style of each frame."""
        if self.move is None:
            return None
        legs = max(2, len(self.points)) - (0 if self.loop else 1)
        shares = (self.route.starts + self.route.shares.astype(float)) / legs
        return self.move.along(self.drawing.trained, 1 - np.abs(1 - 2 * shares) if self.loop else shares)

    def _drawn(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        self.prepare()
        trained, route = self.drawing.trained, self.route.at(rows)
        if len(self.points) == 1:
            route = Route(route.starts * 0, route.ends * 0, route.shares * 0)
        moves = None if self._moves is None else self._moves[rows]
        if self.space == "w":
            return trained.draw_style_walk(self.points, route, moves)
        return trained.draw_walk(self.points, route, moves, straight=self.path == "straight")


class WalkSheet(Film):
    """Several walks side by side, as a sheet in each frame.

    Args:
        walks: with as many seeds each, and nothing but seeds, of one pace and one run.

    Raises:
        InputError: if they differ in their length.
    """

    def __init__(self, walks: Sequence[Walk]):
        counts = sorted({len(walk.points) for walk in walks})
        if len(counts) > 1:
            raise InputError(f"--seeds of walks side by side must be as many each; got {counts[0]} and {counts[-1]}")
        self.walks = walks
        first = walks[0]
        self.loop, self.fps, self.background = first.loop, first.fps, first.background
        self.frame_bytes = sum(walk.frame_bytes for walk in walks)

    @property
    def origin(self) -> dict[str, str]:
        """What a file says of where it comes from: words by name."""
        seeds = " ".join(format_seeds(parted(walk.points)[0]) for walk in self.walks)
        return self.walks[0].origin | {"seeds": seeds}

    def __len__(self) -> int:
        return len(self.walks[0])

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        return map(_sheet, zip(*self.walks, strict=True))

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Draws one of the frames, see `Walk.frame`."""
        return _sheet([walk.frame(index) for walk in self.walks])

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws some frames of each walk."""
        return map(_sheet, zip(*(walk.key_frames() for walk in self.walks), strict=True))

    def prepare(self) -> None:
        """Loads the generator, and finds the directions."""
        for walk in self.walks:
            walk.prepare()


def _sheet(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return image_sheet(np.stack(pictures))
