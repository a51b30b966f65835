"""Draws one flower from its factors.

A flower is rings of petals, seen from above, before a blurred background. A petal is an outline, a few terms of light
and shade, and the shadow that it casts. All are functions of where a pixel lies along and across the petal's axis.
Every length is a fraction of the picture, so a flower looks the same at any size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sle_gan.data.flowers.canvas import Canvas, Floats
from sle_gan.data.flowers.factors import BACKGROUNDS, RGB, SPECIES, Background, FlowerFactors, Species
from sle_gan.errors import InputError

MIN_SIZE_PX = 16
MAX_SIZE_PX = 4096

# (largest size in pixels, factor of supersampling). Edges are antialiased over one pixel in any case.
_SUPERSAMPLING = ((96, 4), (512, 3), (2048, 2), (MAX_SIZE_PX, 1))

# The background is drawn this small and then enlarged: it is out of focus.
_BACKGROUND_PX = 160
_BOKEH_COUNT = 18

# The direction to the light in the picture: upper left, x to the right, y down.
_LIGHT_X, _LIGHT_Y = -0.6, -0.8

_LEAF = Species((5, 5), (), (), (1.0,), fill=0.6, base=0.7, tip=0.8)
_LEAF_RGB = (0.20, 0.46, 0.17)
_STEM = Species((1, 1), (), (), (1.0,), fill=1.0, base=0.02, tip=0.02)
_SPECKLE_RGB = (0.45, 0.06, 0.10)


def draw_flower(factors: FlowerFactors, size: int) -> Image.Image:
    """Draws one flower.

    Args:
        factors: `FlowerFactors`.
        size: side of the picture in pixels, 16 to 4096.

    Returns:
        RGB `PIL.Image` of `size` x `size` pixels, a pure function of the arguments.

    Raises:
        InputError: if `size` is out of range.
    """
    check_size(size)
    random = np.random.default_rng(factors.detail_seed)
    species = SPECIES[factors.species]
    canvas_px = size * next(times for largest_px, times in _SUPERSAMPLING if size <= largest_px)
    canvas = Canvas(_draw_background(BACKGROUNDS[factors.background], canvas_px, random), factors)
    _draw_stem_and_leaves(canvas, random)
    ramp = _tone_ramp(factors.petal_rgb)
    for petal in _petals(factors, species, random):
        _draw_petal(canvas, petal, species, ramp)
        _draw_speckles(canvas, petal, species, random)
    center_ramp = _tone_ramp(factors.center_rgb)
    _draw_stamens(canvas, species, center_ramp, random)
    _draw_dome(canvas, species.dome, center_ramp)
    image = Image.fromarray(_to_bytes(canvas.pixels).reshape(canvas_px, canvas_px, 3))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def check_size(size: int) -> None:
    """Raises an `InputError` if pictures of `size` pixels cannot be drawn."""
    if not MIN_SIZE_PX <= size <= MAX_SIZE_PX:
        raise InputError(f"size must be {MIN_SIZE_PX} to {MAX_SIZE_PX} pixels; got {size}")


def _to_bytes(pixels: Floats) -> NDArray[np.uint8]:
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def _tone_ramp(rgb: RGB) -> Floats:
    """Returns float32 `[256, 3]` in [0, 1]: a color's shade (tone -1), the color (tone 0), its light (tone 1)."""
    middle = np.array(rgb, np.float32)
    light = middle + 0.6 * (1 - middle)
    # The sky lights shadows outdoors, so they turn toward its color.
    shade = 0.86 * middle * (0.42 + 0.22 * middle.min()) + 0.14 * np.array([0.30, 0.22, 0.50], np.float32)
    tone = np.linspace(-1, 1, 256, dtype=np.float32)[:, None]
    ramp: Floats = middle + np.maximum(tone, 0) * (light - middle) + np.minimum(tone, 0) * (middle - shade)
    return ramp


def _shaded(ramp: Floats, tone: Floats) -> Floats:
    """Returns the colors of a ramp, float32 `[n, 3]`, at float32 tones `[n]` in [-1, 1]."""
    colors: Floats = np.take(ramp, np.clip(tone * 127.5 + 128, 0, 255).astype(np.uint8), axis=0)
    return colors


def _draw_background(background: Background, side_px: int, random: np.random.Generator) -> Floats:
    """Returns float32 `[side_px, side_px, 3]` in [0, 1]: a gradient with soft patches and discs of light."""
    colors = np.array([background.top_rgb, background.middle_rgb, background.bottom_rgb])
    heights = np.linspace(0.0, 1.0, _BACKGROUND_PX)
    gradient = np.stack([np.interp(heights, (0.0, 0.55, 1.0), colors[:, channel]) for channel in range(3)], -1)
    coarse = Image.fromarray(random.random((5, 5), np.float32))
    patches = np.asarray(coarse.resize((_BACKGROUND_PX, _BACKGROUND_PX), Image.Resampling.BICUBIC))
    pixels = gradient[:, None, :].astype(np.float32) * (0.72 + 0.5 * patches[..., None])
    y, x = np.mgrid[0:_BACKGROUND_PX, 0:_BACKGROUND_PX].astype(np.float32) / _BACKGROUND_PX
    for _ in range(_BOKEH_COUNT):
        rgb = np.array(background.bokeh_rgb[random.integers(len(background.bokeh_rgb))], np.float32)
        center_x, center_y, radius = random.uniform((0, 0, 0.03), (1, 1, 0.11)).astype(np.float32)
        opacity = np.float32(background.bokeh_strength * random.uniform(0.25, 1.0))
        distance = np.hypot(x - center_x, y - center_y) / radius
        # A lens out of focus draws a disc that is brightest at its rim.
        disc = np.clip((1 - distance) / 0.2, 0, 1) * (0.7 + 0.3 * np.minimum(distance, 1) ** 2)
        pixels += (opacity * disc)[..., None] * (rgb - pixels)
    pixels *= 1 - 0.35 * np.maximum(np.hypot(x - 0.5, y - 0.5) - 0.35, 0)[..., None]
    picture = Image.fromarray(_to_bytes(pixels)).resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.asarray(picture).astype(np.float32) / 255


@dataclass(frozen=True)
class _Petal:
    """One petal, leaf or stem; its base is at the flower's center.

    Attributes:
        angle: direction of its axis in radians.
        length: length in flower radii.
        half_width: greatest half width in flower radii.
        hidden: how far along the axis later strokes cover it, in flower radii.
        bend: sideways bend of the tip, over the length.
        phase: where its waves and streaks begin, in radians.
        tone: brightness above or below the color's own, -1 to 1.
    """

    angle: float
    length: float
    half_width: float
    hidden: float
    bend: float
    phase: float
    tone: float

    @property
    def shadow_reach(self) -> float:
        """How far its shadow falls, in flower radii: a small petal lies close on what is below."""
        return min(0.1, 0.035 + 0.25 * self.half_width)


def _grow_petal(random: np.random.Generator, species: Species, angle: float, sector: float, length: float) -> _Petal:
    """Returns a `_Petal` of a species, a little off the given angle (radians) and length (flower radii)."""
    widest = species.base / (species.base + species.tip)
    length *= random.uniform(0.94, 1.0)
    return _Petal(
        angle=angle + sector * random.uniform(-0.07, 0.07),
        length=length,
        half_width=length * species.fill * widest * math.tan(min(sector / 2, 1.0)),
        hidden=0.9 * species.dome,
        bend=random.uniform(-0.06, 0.06),
        phase=random.uniform(0, 2 * math.pi),
        tone=random.uniform(-0.1, 0.1),
    )


def _petals(factors: FlowerFactors, species: Species, random: np.random.Generator) -> Iterator[_Petal]:
    """Yields the petals, the lowest first; each ring is turned by half a petal, and deeper in tone."""
    sector = 2 * math.pi / factors.petal_count
    rotation = math.radians(factors.rotation_degrees)
    for ring, length in enumerate(species.ring_lengths):
        for number in range(factors.petal_count):
            angle = rotation + (number + ring / 2) * sector
            petal = _grow_petal(random, species, angle, sector, length)
            yield replace(petal, tone=petal.tone - species.depth * (1 - length))


def _draw_stem_and_leaves(canvas: Canvas, random: np.random.Generator) -> None:
    ramp = _tone_ramp(_LEAF_RGB)
    stem = _Petal(math.pi / 2, 2.2, 0.055, hidden=0.3, bend=random.uniform(-0.15, 0.15), phase=0.0, tone=-0.1)
    _draw_petal(canvas, stem, _STEM, ramp)
    sector = 2 * math.pi / _LEAF.petal_counts[0]
    rotation = random.uniform(0, 2 * math.pi)
    for number in range(_LEAF.petal_counts[0]):
        leaf = _grow_petal(random, _LEAF, rotation + number * sector, sector, random.uniform(0.9, 1.25))
        _draw_petal(canvas, leaf, _LEAF, ramp)


def _draw_petal(canvas: Canvas, petal: _Petal, species: Species, ramp: Floats) -> None:
    """Draws a petal, with the shadow that it casts on what lies below.

    Args:
        canvas: `Canvas`.
        petal: `_Petal`.
        species: `Species` that gives the outline and the markings.
        ramp: float32 `[256, 3]`, see `_tone_ramp`.
    """
    reach = petal.shadow_reach
    near = petal.hidden or -reach
    far = petal.length * (1 + species.ruffle + species.notch) + reach
    wide = petal.half_width + abs(petal.bend) * petal.length + reach
    places, along, across = canvas.window((0.0, 0.0), petal.angle, near, far, wide)
    margin = np.minimum(wide - np.abs(across), far - along)  # to the window's border

    along, across = along / petal.length, across / petal.length
    across += petal.bend * along * along
    if species.ruffle or species.notch:
        position = across * (petal.length / petal.half_width)
        along += species.ruffle * np.sin(7 * position + petal.phase)
        along += species.notch * np.cos(9 * position) * along
    half_width, depth = _outline(petal, species, along, across)
    depth *= petal.length
    coverage = np.clip(depth * canvas.radius_px + 0.5, 0, 1)

    light_along, light_across = _light(petal.angle)
    crossing = np.clip(across / half_width, -1, 1)
    shadow = np.clip(1 + np.minimum(depth, 0) / reach, 0, 1)
    shadow *= shadow * np.clip(margin / (0.6 * reach), 0, 1)
    shadow *= 0.42 - (0.2 * light_across * petal.length / wide) * across

    tone = _petal_tone(petal, along, crossing, depth, light_along, light_across)
    colors = _shaded(ramp, tone)
    if species.throat:
        fade = np.clip((1 - along / species.throat) * (1 + 0.3 * np.cos(12 * crossing)), 0, 1)
        throat = _shaded(_tone_ramp(species.throat_rgb), tone)
        colors += fade[:, None] * (throat - colors)
    canvas.paint(places, shadow, coverage, colors)


def _light(angle: float) -> tuple[float, float]:
    """Returns how far an axis and its perpendicular point to the light, each from -1 to 1."""
    along = math.cos(angle) * _LIGHT_X + math.sin(angle) * _LIGHT_Y
    across = math.cos(angle) * _LIGHT_Y - math.sin(angle) * _LIGHT_X
    return along, across


def _outline(petal: _Petal, species: Species, along: Floats, across: Floats) -> tuple[Floats, Floats]:
    """Returns the half width of a petal at each pixel, and each pixel's depth inside the petal's edge.

    All are float32 `[n]`, over the petal's length; the depth is negative outside.
    """
    base, tip = species.base, species.tip
    inside = np.clip(along, 1e-3, 1 - 1e-3)
    widest = base / (base + tip)
    log_scale = math.log(petal.half_width / petal.length)
    log_scale -= base * math.log(widest) + tip * math.log(1 - widest)
    half_width = np.exp(base * np.log(inside) + tip * np.log(1 - inside) + log_scale)
    gap = half_width - np.abs(across)
    # Dividing by the slope turns a distance across the axis into one across the edge. The slope is infinite at a blunt
    # tip, and means nothing far outside the petal.
    slope = np.clip(half_width * (base / inside - tip / (1 - inside)), -3, 3)
    depth = gap / np.where(gap > 0, np.sqrt(1 + slope * slope), math.sqrt(2))
    return half_width, depth - np.abs(along - inside)


def _petal_tone(
    petal: _Petal, along: Floats, crossing: Floats, depth: Floats, light_along: float, light_across: float
) -> Floats:
    """Returns the brightness of a petal at each pixel, float32 `[n]`, -1 for shade to 1 for light.

    The petal is a trough across its axis, and rises from the base before it bends down to the tip.
    """
    tone = crossing * (-0.5 * light_across) + (along - 0.5) * (0.75 * light_along)
    tone -= 0.85 * np.maximum(1 - along / 0.5, 0)
    tone -= 0.2 * np.exp(-100 * crossing * crossing) * (1 - along)  # the midrib
    tone += 0.06 * np.sin(15 * crossing + petal.phase)  # veins
    tone += 0.3 * np.exp(np.maximum(depth, 0) / -0.016)  # light through the thin edge
    return tone + petal.tone


def _draw_speckles(canvas: Canvas, petal: _Petal, species: Species, random: np.random.Generator) -> None:
    ramp = _tone_ramp(_SPECKLE_RGB)
    for _ in range(species.speckles):
        along = petal.length * random.uniform(0.25, 0.68)
        across = petal.half_width * random.uniform(-0.45, 0.45)
        across -= petal.bend * petal.length * (along / petal.length) ** 2
        place = _on_axis(petal.angle, along, across)
        _draw_rod(canvas, place, place, random.uniform(0.008, 0.017), ramp)


def _on_axis(angle: float, along: float, across: float) -> tuple[float, float]:
    """Returns x and y of a place given along and across an axis through the flower's center."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return along * cosine - across * sine, along * sine + across * cosine


def _draw_stamens(canvas: Canvas, species: Species, filament_ramp: Floats, random: np.random.Generator) -> None:
    anther_ramp = _tone_ramp(species.anther_rgb)
    turn = random.uniform(0, 2 * math.pi)
    for number in range(species.stamens):
        angle = turn + (number + random.uniform(-0.2, 0.2)) * 2 * math.pi / species.stamens
        length = species.stamen_length * random.uniform(0.8, 1.0)
        _draw_rod(canvas, (0.0, 0.0), _on_axis(angle, length, 0.0), 0.011, filament_ramp)
        half_anther = 0.12 * species.stamen_length
        ends = _on_axis(angle, length, -half_anther), _on_axis(angle, length, half_anther)
        _draw_rod(canvas, *ends, 0.022, anther_ramp)


def _draw_rod(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], radius: float, ramp: Floats
) -> None:
    """Draws a rod with round ends; one without a length is a ball.

    Args:
        canvas: `Canvas`.
        start: x and y of one end in the flower's plane, in flower radii.
        end: x and y of the other end.
        radius: half the rod's thickness in flower radii.
        ramp: float32 `[256, 3]`, see `_tone_ramp`.
    """
    length, angle = math.dist(start, end), math.atan2(end[1] - start[1], end[0] - start[0])
    places, along, across = canvas.window(start, angle, -2 * radius, length + 2 * radius, 2 * radius)
    beyond = along - np.clip(along, 0, length)
    distance = np.hypot(beyond, across)
    light_along, light_across = _light(angle)
    tone = (beyond * light_along + across * light_across) * (0.7 / radius)
    coverage = np.clip((radius - distance) * canvas.radius_px + 0.5, 0, 1)
    canvas.paint(places, 0.35 * np.clip(2 - distance / radius, 0, 1), coverage, _shaded(ramp, tone))


def _draw_dome(canvas: Canvas, dome: float, ramp: Floats) -> None:
    """Draws the center: florets along 13 spirals one way and 21 the other, as in real flowers.

    Args:
        canvas: `Canvas`.
        dome: radius in flower radii; nothing is drawn for 0.
        ramp: float32 `[256, 3]`, see `_tone_ramp`.
    """
    if not dome:
        return
    reach = 0.3 * dome
    places, u, v = canvas.window((0.0, 0.0), 0.0, -dome - reach, dome + reach, dome + reach)
    radius, angle = np.hypot(u, v) / dome, np.arctan2(v, u)
    spiral = 8 * np.log(np.maximum(radius, 0.02))
    florets = (0.5 + 0.5 * np.cos(13 * angle + spiral)) * (0.5 + 0.5 * np.cos(21 * angle - spiral))
    tone = (u * _LIGHT_X + v * _LIGHT_Y) * (0.55 / dome) + 0.9 * florets - 0.45
    coverage = np.clip((1 - radius) * (dome * canvas.radius_px) + 0.5, 0, 1)
    shadow = np.clip(1 - (radius - 1) * dome / reach, 0, 1)
    canvas.paint(places, 0.5 * shadow * shadow, coverage, _shaded(ramp, tone))
