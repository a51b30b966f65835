"""Curves over generator steps, as SVG with the colors of the page."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from sle_gan.report.page import element

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


def curves(title: str, lines: Iterable[Line], *, limits: tuple[float, float] | None = None) -> Element | None:
    """Draws curves that share an axis of steps.

    Args:
        title: title of the figure.
        lines: `Line`s. There are four colors; a dashed line has the color of the line before it.
        limits: lowest and highest value of the value axis; chosen from the values if None.

    Returns:
        An element, or None if there is no finite value. A long curve is drawn through the means of 400 equal parts.
    """
    drawable = [line for line in map(_drawable, lines) if line.steps]
    if not drawable:
        return None
    values = [value for line in drawable for value in line.values]
    steps = [step for line in drawable for step in line.steps]
    lowest, highest = limits or (min(values), max(values))
    y_ticks, x_ticks = _ticks(lowest, highest, 5), _ticks(0, max(steps), 5, whole=True)
    low, high = limits or (min(y_ticks[0], *values), max(y_ticks[-1], *values))
    last = max(steps)

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / (last or 1)
        return round(x, 1), round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 1)

    drawn: list[Element] = []
    legend: list[Element] = []
    color = -1
    for line in drawable:
        color = max(color, 0) if line.is_dashed else (color + 1) % _COLORS
        style = f"curve c{color}" + (" dashed" if line.is_dashed else "")
        drawn += _curve_elements(line, place, style, f"c{color}")
        legend.append(_legend_entry(line, style))
    svg = element(
        "svg",
        element("title", title),
        *_axes(place, [tick for tick in x_ticks if tick <= last], [tick for tick in y_ticks if low <= tick <= high]),
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
    )
    return element("figure", element("strong", title), svg, element("div", *legend, class_="legend"), class_="card")


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


def _axes(place: Place, x_ticks: Iterable[float], y_ticks: Sequence[float]) -> Iterator[Element]:
    low = y_ticks[0]
    for tick in y_ticks:
        (left, y), right = place(0, tick), _WIDTH - _RIGHT
        yield element("path", d=f"M{left} {y}H{right}", class_="axis")
        yield element("text", short_number(tick), x=left - 6, y=y + 4, text_anchor="end")
    for tick in x_ticks:
        x, _ = place(tick, low)
        anchor = "end" if x > _WIDTH - 40 else "middle"
        yield element("text", _short_step(tick), x=x, y=_HEIGHT - 7, text_anchor=anchor)


def _curve_elements(line: Line, place: Place, style: str, color: str) -> Iterator[Element]:
    points = [place(step, value) for step, value in zip(line.steps, line.values, strict=True)]
    yield element("path", d="M" + "L".join(f"{x} {y}" for x, y in points), class_=style)
    if len(points) > _MOST_MARKED or line.is_dashed:
        return
    for (x, y), step, value in zip(points, line.steps, line.values, strict=True):
        tooltip = element("title", f"{line.name}, step {short_number(step)}: {short_number(value)}")
        yield element("circle", tooltip, cx=x, cy=y, r=2.6, class_=color)


def _legend_entry(line: Line, style: str) -> Element:
    sample = element("svg", element("path", d="M0 5H24", class_=style), viewBox="0 0 24 10", aria_hidden="true")
    return element("span", sample, f"{line.name} ", element("b", short_number(line.values[-1])))


def _short_step(step: float) -> str:
    return f"{step / 1000:g}k" if step >= 10_000 else f"{step:,.0f}"
