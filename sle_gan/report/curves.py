"""Curves over generator steps, laid out for the page, which draws them in its colors."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Place = Callable[[float, float], tuple[float, float]]  # of (step, value) -> x and y in the drawing

_WIDTH, _HEIGHT = 420, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 24
_MOST_POINTS = 400
_MOST_MARKED = 40
_COLORS = 4
_LARGEST = float(np.finfo(np.float32).max)  # training computes in float32


class Line(NamedTuple):
    """One curve.

    Attributes:
        name: name in the legend.
        steps: whole numbers, in rising order.
        values: a number for each step. What is not a finite float32 is left out.
        is_dashed: whether the line is dashed.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[Any]
    is_dashed: bool = False


class Tick(NamedTuple):
    """A mark on an axis: its text, and where the text stands."""

    label: str
    x: float
    y: float


class Curve(NamedTuple):
    """A curve in a drawing.

    Attributes:
        name: name in the legend.
        last: its last value, as text.
        style: its color `c0` to `c3`, and `dashed` if it is.
        points: x and y of each corner.
        dots: x, y and text of each point that is marked; empty in a long or dashed curve.
    """

    name: str
    last: str
    style: str
    points: list[tuple[float, float]]
    dots: list[tuple[float, float, str]]


class Figure(NamedTuple):
    """Curves that share an axis of steps. Units are those of the drawing, whose upper left corner is 0, 0.

    Attributes:
        title: what is drawn.
        note: how it was measured; may be empty.
        text: the first and the last value of each curve, for people who do not see it.
        x_ticks: marks of the steps.
        y_ticks: marks of the values.
        curves: the curves.
        width: of the whole drawing.
        height: of the whole drawing.
        left: where the axes begin.
        right: where they end.
    """

    title: str
    note: str
    text: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    curves: list[Curve]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT


def curves(
    title: str, lines: Iterable[Line], *, note: str = "", limits: tuple[float, float] | None = None
) -> Figure | None:
    """Lays out curves that share an axis of steps.

    Args:
        title: title of the figure.
        lines: `Line`s. There are four colors; a dashed line has the color of the line before it.
        note: how the values were measured.
        limits: lowest and highest value of the value axis; chosen from the values if None.

    Returns:
        A `Figure`, or None if there is no finite value. A long curve is drawn through the means of 400 equal parts.
    """
    drawable = [line for line in map(_drawable, lines) if line.steps]
    if not drawable:
        return None
    values = [value for line in drawable for value in line.values]
    lowest, highest = limits or (min(values), max(values))
    last = max(step for line in drawable for step in line.steps)
    y_ticks, x_ticks = _ticks(lowest, highest, 5), _ticks(0, last, 5, whole=True)
    low, high = limits or (min(y_ticks[0], *values), max(y_ticks[-1], *values))

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / (last or 1)
        return round(x, 1), round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 1)

    return Figure(
        title,
        note,
        f"{title}. " + "; ".join(map(_describe, drawable)),
        [Tick(_short_step(tick), place(tick, low)[0], _HEIGHT - 7) for tick in x_ticks if tick <= last],
        [Tick(short_number(tick), _LEFT - 6, place(0, tick)[1]) for tick in y_ticks if low <= tick <= high],
        list(_placed(drawable, place)),
    )


def drawn(figures: Iterable[Figure | None]) -> list[Figure]:
    """Returns the figures that there are."""
    return [figure for figure in figures if figure is not None]


def short_number(value: float) -> str:
    """Formats a number with about three digits: `12,345`, `0.0312`, `4.5e+12`."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def _drawable(line: Line) -> Line:
    pairs = [(step, value) for step, value in zip(line.steps, line.values, strict=True) if _is_number(value)]
    if len(pairs) > _MOST_POINTS:
        parts = np.array_split(np.array(pairs, np.float64), _MOST_POINTS)
        pairs = [(step, value) for step, value in (part.mean(axis=0) for part in parts)]
    return line._replace(steps=[step for step, _ in pairs], values=[value for _, value in pairs])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= _LARGEST


def _ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    from matplotlib.ticker import MaxNLocator  # not needed in a training before its first curve

    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    return [float(tick) for tick in MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high)]


def _describe(line: Line) -> str:
    first, last = (f"{short_number(line.values[at])} at step {short_number(line.steps[at])}" for at in (0, -1))
    return f"{line.name}: {last}" if len(line.steps) == 1 else f"{line.name}: from {first} to {last}"


def _placed(lines: Iterable[Line], place: Place) -> Iterator[Curve]:
    color = -1
    for line in lines:
        color = max(color, 0) if line.is_dashed else (color + 1) % _COLORS
        points = [place(step, value) for step, value in zip(line.steps, line.values, strict=True)]
        dots = [
            (x, y, f"{line.name}, step {short_number(step)}: {short_number(value)}")
            for (x, y), step, value in zip(points, line.steps, line.values, strict=True)
            if len(points) <= _MOST_MARKED and not line.is_dashed
        ]
        style = f"c{color} dashed" if line.is_dashed else f"c{color}"
        yield Curve(line.name, short_number(line.values[-1]), style, points, dots)


def _short_step(step: float) -> str:
    return f"{step / 1000:g}k" if step >= 10_000 else f"{step:,.0f}"
