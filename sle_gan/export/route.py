"""Where each frame of a walk lies: between which two seeds, and how far from the one to the other. NumPy alone."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError

EASINGS = ("even", "smooth")


class Route(NamedTuple):
    """A place for each frame.

    Attributes:
        starts: int64 `[frames]`: number of the seed that the frame comes from.
        ends: int64 `[frames]`: number of the seed that it goes to.
        shares: float32 `[frames]` in [0, 1]: how far it is; 0 is the first of the two.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    shares: NDArray[np.float32]

    def at(self, rows: NDArray[np.int64] | slice) -> "Route":
        """Returns the places of some of the frames."""
        return Route(self.starts[rows], self.ends[rows], self.shares[rows])

    def eased(self, easing: str) -> "Route":
        """Returns the same way at another pace.

        Args:
            easing: `even`, or `smooth` to leave each seed and come to the next without a jerk, 3 s^2 - 2 s^3.

        Raises:
            InputError: if there is no such pace.
        """
        if easing not in EASINGS:
            raise InputError(f"--easing must be {' or '.join(EASINGS)}; got {easing!r}")
        if easing == "even":
            return self
        return self._replace(shares=self.shares**2 * (3 - 2 * self.shares))


def even_route(seeds: int, frames: int, *, loop: bool) -> Route:
    """Gives each leg as many frames.

    Args:
        seeds: number of them, two or more.
        frames: from one seed to the next, the next left out.
        loop: whether to return to the first seed; otherwise the last frame lies on the last seed.
    """
    legs = seeds if loop else seeds - 1
    starts = np.repeat(np.arange(legs), frames)
    shares = np.tile(np.arange(frames, dtype=np.float32) / np.float32(frames), legs)
    return _with_end(starts, shares, seeds, loop=loop)


def timed_route(seeds: int, times_s: Sequence[float], fps: float, *, loop: bool) -> Route:
    """Comes to the seeds at given times.

    Args:
        seeds: number of them, two or more.
        times_s: when the film is at each of them, in seconds, rising from 0 or more; with `loop` one time more, when it
            is at the first again. Before the first time it stays there.
        fps: frames shown in a second.
        loop: see `even_route`.

    Raises:
        InputError: if there are fewer or more times, or they do not rise.
    """
    needed = seeds + 1 if loop else seeds
    rising = all(earlier < later for earlier, later in itertools.pairwise(times_s))
    if len(times_s) != needed or not rising or not all(math.isfinite(time) and time >= 0 for time in times_s):
        what = f"a time in seconds for each seed{' and one for the return' if loop else ''}"
        raise InputError(f"--beat must be {needed} rising numbers from 0, {what}; got {', '.join(map(str, times_s))}")
    times = np.asarray(times_s, np.float64)
    at = np.arange(math.ceil(times[-1] * fps)) / fps  # without the end
    starts = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    shares = np.clip((at - times[starts]) / (times[starts + 1] - times[starts]), 0.0, 1.0)
    return _with_end(starts, shares.astype(np.float32), seeds, loop=loop)


def _with_end(starts: NDArray[np.int64], shares: NDArray[np.float32], seeds: int, *, loop: bool) -> Route:
    ends = (starts + 1) % seeds
    if loop:
        return Route(starts, ends, shares)
    last = seeds - 1
    return Route(np.append(starts, last), np.append(ends, last), np.append(shares, np.float32(0.0)))
