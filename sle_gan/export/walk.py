"""A walk from seed to seed, frame by frame. TensorFlow is loaded when the first frame is drawn."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import image_sheet
from sle_gan.errors import InputError
from sle_gan.export.drawing import Drawing, checked_seeds, format_seeds
from sle_gan.export.film import FPS, Film, check_fps
from sle_gan.export.route import Route, even_route, timed_route

SPACES = ("z", "w")  # of latent codes, and of styles
PATHS = ("sphere", "straight")
FRAMES = 60  # from one seed to the next, unless told otherwise
_KEY_SEEDS = 16  # of a film's seeds, to choose a GIF's colors from


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
        if self.beat is None:
            route = even_route(seeds, self.frames, loop=self.loop)
        else:
            route = timed_route(seeds, self.beat, self.fps, loop=self.loop)
        return route.eased(self.easing)


class Walk(Film):
    """The frames of a walk from seed to seed.

    Args:
        drawing: the `Drawing`; for the space `w` of a network with styles.
        seeds: two whole numbers or more, from 0 to 2**31 - 1.
        pace: the `Pace`.
        space: `z` to walk among latent codes, or `w` among styles, always straight.
        path: among latent codes, along the `sphere` where they lie, or `straight`.

    Raises:
        InputError: if an argument is out of its range.
    """

    def __init__(
        self, drawing: Drawing, seeds: Iterable[int], pace: Pace, space: str = SPACES[0], path: str = PATHS[0]
    ):
        self.drawing = drawing
        self.seeds = checked_seeds(seeds, least=2)
        if space not in SPACES:
            raise InputError(f"--space must be z or w; got {space!r}")
        if path not in PATHS:
            raise InputError(f"--path must be sphere or straight; got {path!r}")
        self.space, self.path = space, path
        self.route = pace.route(len(self.seeds))
        self.loop, self.fps = pace.loop, pace.fps
        self.origin = drawing.origin | {"seeds": format_seeds(self.seeds)}
        self.background, self.frame_bytes = drawing.background, drawing.picture_bytes

    def __len__(self) -> int:
        return len(self.route.shares)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        return self._drawn(self.seeds, self.route)

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws some of the seeds, and the middle between each and the next."""
        seeds = self.seeds[:: -(-len(self.seeds) // _KEY_SEEDS)]
        if len(seeds) < 2:
            seeds = self.seeds[:2]
        return self._drawn(seeds, even_route(len(seeds), 2, loop=self.loop))

    def prepare(self) -> None:
        """Loads the generator."""
        _ = self.drawing.trained

    def _drawn(self, seeds: Sequence[int], route: Route) -> Iterator[NDArray[np.uint8]]:
        trained = self.drawing.trained
        if self.space == "w":
            return trained.draw_style_walk(seeds, route)
        return trained.draw_walk(seeds, route, straight=self.path == "straight")


class WalkSheet(Film):
    """Several walks side by side, as a sheet in each frame.

    Args:
        walks: with as many seeds each, of one pace and one run.

    Raises:
        InputError: if they differ in their length.
    """

    def __init__(self, walks: Sequence[Walk]):
        counts = sorted({len(walk.seeds) for walk in walks})
        if len(counts) > 1:
            raise InputError(f"--seeds of walks side by side must be as many each; got {counts[0]} and {counts[-1]}")
        self.walks = walks
        first = walks[0]
        self.loop, self.fps, self.background = first.loop, first.fps, first.background
        self.origin = first.origin | {"seeds": " ".join(format_seeds(walk.seeds) for walk in walks)}
        self.frame_bytes = sum(walk.frame_bytes for walk in walks)

    def __len__(self) -> int:
        return len(self.walks[0])

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Draws the frames, uint8 `[height, width, channels]` each."""
        return map(_sheet, zip(*self.walks, strict=True))

    def key_frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draws some frames of each walk."""
        return map(_sheet, zip(*(walk.key_frames() for walk in self.walks), strict=True))

    def prepare(self) -> None:
        """Loads the generator."""
        self.walks[0].prepare()


def _sheet(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return image_sheet(np.stack(pictures))
