"""Draws flowers: a data set for the demo and the tests that needs no download.

    python -m sle_gan.data.flowers OUTPUT_FOLDER --count 200 --size 128 --seed 0

A flower is rings of petals, seen from above, before a blurred background. A petal is an outline, a few
terms of light and shade, and the shadow that it casts, all functions of where a pixel lies along and across
the petal's axis. Every measure is a fraction of the picture, so a flower is the same at any size; every
picture is a pure function of (seed, index), and what it was drawn from is written beside it.

Imports no TensorFlow.
"""

import argparse
import colorsys
import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from sle_gan.errors import InputError, SleGanError, StorageError

MIN_SIZE_PX = 16
MAX_SIZE_PX = 4096
MAX_COUNT = 100_000

_FACTORS_FILE = "factors.json"

PETAL_COLORS = {
    "white": (0.96, 0.95, 0.93),
    "cream": (0.98, 0.90, 0.70),
    "yellow": (1.00, 0.80, 0.10),
    "orange": (1.00, 0.52, 0.10),
    "coral": (1.00, 0.45, 0.38),
    "red": (0.86, 0.09, 0.13),
    "pink": (0.98, 0.56, 0.70),
    "magenta": (0.86, 0.16, 0.52),
    "violet": (0.52, 0.27, 0.80),
    "blue": (0.25, 0.38, 0.88),
}

CENTER_COLORS = {
    "gold": (0.97, 0.70, 0.10),
    "lime": (0.72, 0.78, 0.24),
    "brown": (0.36, 0.20, 0.10),
    "ink": (0.12, 0.09, 0.20),
}


@dataclass(frozen=True)
class Species:
    """How the flowers of one species are built.

    Lengths are fractions of the flower's radius. The outline of a petal has the half width
    `along**base * (1 - along)**tip`, scaled, at the fraction `along` of its length: a small `tip` is blunt, a
    large one pointed.

    Attributes:
        petal_counts: the fewest and the most petals in a ring.
        petal_colors: names in `PETAL_COLORS`.
        center_colors: names in `CENTER_COLORS`.
        ring_lengths: length of the petals of each ring, the outermost first.
        fill: width of a petal over the width of its sector.
        base: exponent of the outline at the base.
        tip: exponent of the outline at the tip.
        notch: depth of the notches at the tip, over the petal's length.
        ruffle: height of the waves of the tip, over the petal's length.
        throat_rgb: color that the petals fade to at their base.
        throat: fraction of the petal's length at which the throat's color has faded; 0 for none.
        depth: how much darker a petal is for each flower radius that it is shorter.
        speckles: spots on each petal.
        dome: radius of the textured center; 0 for none.
        stamens: number of stamens.
        stamen_length: length of the stamens.
        anther_rgb: color of the stamens' heads.
    """

    petal_counts: tuple
    petal_colors: tuple
    center_colors: tuple
    ring_lengths: tuple
    fill: float
    base: float
    tip: float
    notch: float = 0.0
    ruffle: float = 0.0
    throat_rgb: tuple = (1.0, 1.0, 1.0)
    throat: float = 0.0
    depth: float = 0.5
    speckles: int = 0
    dome: float = 0.0
    stamens: int = 0
    stamen_length: float = 0.0
    anther_rgb: tuple = (0.0, 0.0, 0.0)


SPECIES = {
    "daisy": Species(
        petal_counts=(10, 14),
        petal_colors=("white", "pink", "violet", "yellow", "coral"),
        center_colors=("gold",),
        ring_lengths=(1.0, 0.94),
        fill=0.92,
        base=0.45,
        tip=0.24,
        notch=0.03,
        dome=0.27,
    ),
    "sunflower": Species(
        petal_counts=(12, 16),
        petal_colors=("yellow", "orange", "red"),
        center_colors=("brown",),
        ring_lengths=(1.0, 0.93, 0.84),
        fill=1.0,
        base=0.6,
        tip=0.72,
        throat_rgb=(0.75, 0.25, 0.02),
        throat=0.7,
        dome=0.44,
    ),
    "anemone": Species(
        petal_counts=(4, 5),
        petal_colors=("red", "magenta", "violet", "blue", "pink"),
        center_colors=("ink",),
        ring_lengths=(1.0, 0.9),
        fill=1.15,
        base=0.7,
        tip=0.36,
        ruffle=0.02,
        throat=0.42,
        dome=0.15,
        stamens=28,
        stamen_length=0.29,
        anther_rgb=(0.16, 0.12, 0.26),
    ),
    "tulip": Species(
        petal_counts=(3, 3),
        petal_colors=("red", "orange", "yellow", "pink", "violet", "white"),
        center_colors=("lime",),
        ring_lengths=(1.0, 0.86),
        fill=0.95,
        base=0.75,
        tip=0.62,
        throat_rgb=(0.16, 0.08, 0.18),
        throat=0.36,
        dome=0.09,
        stamens=6,
        stamen_length=0.26,
        anther_rgb=(0.20, 0.12, 0.16),
    ),
    "rose": Species(
        petal_counts=(4, 5),
        petal_colors=("red", "pink", "coral", "cream", "orange", "magenta"),
        center_colors=("gold",),
        ring_lengths=(1.0, 0.86, 0.73, 0.61, 0.5, 0.4, 0.31, 0.22, 0.14),
        fill=1.3,
        base=0.8,
        tip=0.3,
        ruffle=0.015,
    ),
    "dahlia": Species(
        petal_counts=(12, 16),
        petal_colors=("magenta", "orange", "coral", "violet", "cream", "red"),
        center_colors=("gold",),
        ring_lengths=(1.0, 0.9, 0.79, 0.68, 0.56, 0.44, 0.32, 0.2),
        fill=1.0,
        base=0.7,
        tip=0.5,
        dome=0.06,
    ),
    "lily": Species(
        petal_counts=(3, 3),
        petal_colors=("orange", "white", "pink", "coral", "yellow"),
        center_colors=("lime",),
        ring_lengths=(1.0, 1.0),
        fill=0.45,
        base=0.8,
        tip=0.95,
        ruffle=0.02,
        throat_rgb=(0.86, 0.86, 0.35),
        throat=0.35,
        speckles=9,
        dome=0.06,
        stamens=6,
        stamen_length=0.46,
        anther_rgb=(0.60, 0.24, 0.06),
    ),
    "cosmos": Species(
        petal_counts=(7, 8),
        petal_colors=("pink", "magenta", "white", "blue", "violet"),
        center_colors=("gold",),
        ring_lengths=(1.0,),
        fill=1.08,
        base=0.85,
        tip=0.2,
        notch=0.06,
        throat_rgb=(0.55, 0.05, 0.35),
        throat=0.4,
        dome=0.15,
    ),
}


@dataclass(frozen=True)
class Background:
    """Colors of a blurred background, RGB in [0, 1].

    Attributes:
        top_rgb: color at the top.
        middle_rgb: color in the middle.
        bottom_rgb: color at the bottom.
        bokeh_rgb: colors of the discs of light.
        bokeh_strength: opacity of the discs, 0 to 1.
    """

    top_rgb: tuple
    middle_rgb: tuple
    bottom_rgb: tuple
    bokeh_rgb: tuple
    bokeh_strength: float


BACKGROUNDS = {
    "sky": Background(
        (0.36, 0.62, 0.90), (0.66, 0.84, 0.97), (0.62, 0.80, 0.55), ((1.0, 1.0, 1.0), (0.85, 0.95, 1.0)), 0.28
    ),
    "meadow": Background(
        (0.60, 0.76, 0.38),
        (0.32, 0.56, 0.22),
        (0.13, 0.33, 0.14),
        ((0.95, 0.92, 0.45), (0.80, 0.95, 0.60), (0.98, 0.75, 0.80)),
        0.38,
    ),
    "dusk": Background(
        (0.20, 0.16, 0.40),
        (0.62, 0.30, 0.48),
        (0.20, 0.14, 0.26),
        ((1.0, 0.68, 0.40), (0.98, 0.50, 0.55)),
        0.42,
    ),
    "forest": Background(
        (0.10, 0.24, 0.20),
        (0.07, 0.20, 0.17),
        (0.03, 0.09, 0.09),
        ((0.60, 0.90, 0.55), (0.95, 0.95, 0.65)),
        0.34,
    ),
    "dawn": Background(
        (0.98, 0.80, 0.66),
        (0.97, 0.70, 0.68),
        (0.58, 0.62, 0.56),
        ((1.0, 0.95, 0.80), (1.0, 0.84, 0.84)),
        0.40,
    ),
    "lagoon": Background(
        (0.10, 0.42, 0.50),
        (0.12, 0.55, 0.58),
        (0.05, 0.22, 0.32),
        ((0.65, 0.98, 0.92), (0.90, 1.0, 0.85)),
        0.34,
    ),
}


# (largest size in pixels, times that it is supersampled); edges are soft by themselves, by one pixel.
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


@dataclass(frozen=True)
class FlowerFactors:
    """What a picture is drawn from.

    Attributes:
        species: name in `SPECIES`.
        petal_count: petals in each ring.
        petal_color: name in `PETAL_COLORS`.
        petal_rgb: the petals' color, three floats in [0, 1], near the named one.
        center_color: name in `CENTER_COLORS`.
        center_rgb: the center's color, three floats in [0, 1].
        background: name in `BACKGROUNDS`.
        scale: diameter of the flower over the side of the picture.
        x: the flower's center from the left, over the side of the picture.
        y: the flower's center from the top, over the side of the picture.
        rotation_degrees: turn of the petals, clockwise.
        tilt_degrees: angle between the flower's axis and the line of sight.
        tilt_direction_degrees: where in the picture the axis leans to, clockwise from the right.
        detail_seed: seed of what distinguishes flowers of equal factors: each petal's bend, the bokeh.
    """

    species: str
    petal_count: int
    petal_color: str
    petal_rgb: tuple
    center_color: str
    center_rgb: tuple
    background: str
    scale: float
    x: float
    y: float
    rotation_degrees: float
    tilt_degrees: float
    tilt_direction_degrees: float
    detail_seed: int


def sample_factors(seed, index):
    """Draws the factors of one picture.

    Args:
        seed: non-negative integer that names the data set.
        index: non-negative integer, the number of the picture.

    Returns:
        `FlowerFactors`, a pure function of (seed, index).

    Raises:
        InputError: if the seed or the index is negative.
    """
    if seed < 0 or index < 0:
        raise InputError(f"seed and index must be 0 or more; got seed {seed}, index {index}")
    random = np.random.default_rng([seed, index])
    name = _choose(random, SPECIES)
    species = SPECIES[name]
    petal_color = _choose(random, species.petal_colors)
    center_color = _choose(random, species.center_colors)
    return FlowerFactors(
        species=name,
        petal_count=int(random.integers(species.petal_counts[0], species.petal_counts[1] + 1)),
        petal_color=petal_color,
        petal_rgb=_vary(random, PETAL_COLORS[petal_color]),
        center_color=center_color,
        center_rgb=_vary(random, CENTER_COLORS[center_color]),
        background=_choose(random, BACKGROUNDS),
        scale=round(random.uniform(0.78, 0.92), 4),
        x=round(random.uniform(0.47, 0.53), 4),
        y=round(random.uniform(0.45, 0.51), 4),
        rotation_degrees=round(random.uniform(0, 360), 2),
        tilt_degrees=round(random.uniform(0, 30), 2),
        tilt_direction_degrees=round(random.uniform(0, 360), 2),
        detail_seed=int(random.integers(2**31)),
    )


def _choose(random, names):
    names = tuple(names)
    return names[random.integers(len(names))]


def _vary(random, rgb):
    """Returns a color near another: up to 5 degrees of hue, 6 % of saturation and 5 % of brightness away."""
    hue, saturation, brightness = colorsys.rgb_to_hsv(*rgb)
    hue = (hue + random.uniform(-0.014, 0.014)) % 1.0
    saturation = min(1.0, saturation * random.uniform(0.94, 1.06))
    brightness = min(1.0, brightness * random.uniform(0.95, 1.05))
    return tuple(round(channel, 4) for channel in colorsys.hsv_to_rgb(hue, saturation, brightness))


def draw_flower(factors, size):
    """Draws one flower.

    Args:
        factors: `FlowerFactors`.
        size: side of the picture in pixels, 16 to 4096.

    Returns:
        RGB `PIL.Image` of `size` x `size` pixels, a pure function of the arguments.

    Raises:
        InputError: if `size` is out of range.
    """
    _check_size(size)
    random = np.random.default_rng(factors.detail_seed)
    species = SPECIES[factors.species]
    canvas_px = size * next(times for largest_px, times in _SUPERSAMPLING if size <= largest_px)
    canvas = _Canvas(_draw_background(BACKGROUNDS[factors.background], canvas_px, random), factors)
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


def _check_size(size):
    if not MIN_SIZE_PX <= size <= MAX_SIZE_PX:
        raise InputError(f"size must be {MIN_SIZE_PX} to {MAX_SIZE_PX} pixels; got {size}")


class _Canvas:
    """Pixels, and the plane of the flower in them, which the tilt foreshortens.

    Args:
        picture: float32 `[side_px, side_px, 3]` in [0, 1]; drawn over in place.
        factors: `FlowerFactors`.

    Attributes:
        side_px: width and height.
        pixels: float32 `[side_px * side_px, 3]` in [0, 1].
        radius_px: the flower's radius in pixels.
    """

    def __init__(self, picture, factors):
        self.side_px = len(picture)
        self.pixels = picture.reshape(-1, 3)
        self.radius_px = factors.scale / 2 * self.side_px
        self._center_px = np.array([factors.x, factors.y]) * self.side_px
        direction = np.radians(factors.tilt_direction_degrees)
        lean = np.array([np.cos(direction), np.sin(direction)])
        self._to_picture = np.eye(2) - (1 - np.cos(np.radians(factors.tilt_degrees))) * np.outer(lean, lean)
        self._to_plane = np.linalg.inv(self._to_picture)

    def window(self, origin, angle, near, far, half_width):
        """Finds the pixels in a rectangle of the flower's plane.

        Args:
            origin: x and y of a point of the rectangle's axis, in flower radii from the flower's center.
            angle: direction of the axis in radians.
            near: where the rectangle begins along the axis, in flower radii from the origin.
            far: where it ends.
            half_width: half its extent across the axis, in flower radii.

        Returns:
            The pixels' places in `pixels`, int64 `[n]`; their coordinates along and across the axis, float32
            `[n]`, in flower radii from the origin.
        """
        origin_px = origin @ self._to_picture * self.radius_px + self._center_px
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = np.array([[near, -half_width], [near, half_width], [far, -half_width], [far, half_width]])
        corners_px = corners @ axes @ self._to_picture * self.radius_px + origin_px
        first = np.clip(np.floor(corners_px.min(0)), 0, self.side_px).astype(int)
        last = np.clip(np.ceil(corners_px.max(0)), 0, self.side_px).astype(int)
        columns, rows = np.arange(first[0], last[0]), np.arange(first[1], last[1])
        x = ((columns + 0.5 - origin_px[0]) / self.radius_px).astype(np.float32)
        y = ((rows + 0.5 - origin_px[1]) / self.radius_px).astype(np.float32)
        turned = (axes @ self._to_plane).astype(np.float32)
        along = turned[0, 0] * x + turned[0, 1] * y[:, None]
        across = turned[1, 0] * x + turned[1, 1] * y[:, None]
        inside = (along > near) & (along < far) & (np.abs(across) < half_width)
        places = columns + rows[:, None] * self.side_px
        return places[inside], along[inside], across[inside]

    def paint(self, places, shadow, coverage, colors):
        """Darkens pixels, then covers them.

        Args:
            places: int64 `[n]`, rows of `pixels`.
            shadow: float32 `[n]`, the part of the light that is taken.
            coverage: float32 `[n]`, the part of each pixel that is covered.
            colors: float32 `[n, 3]` in [0, 1]; overwritten.
        """
        pixels = np.take(self.pixels, places, axis=0)
        pixels *= ((1 - shadow) * (1 - coverage))[:, None]
        colors *= coverage[:, None]
        pixels += colors
        self.pixels[places] = pixels


def _to_bytes(pixels):
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def _tone_ramp(rgb):
    """Returns float32 `[256, 3]` in [0, 1]: a color's shade (tone -1), itself (0), its light (1)."""
    middle = np.array(rgb, np.float32)
    light = middle + 0.6 * (1 - middle)
    # Shadows outdoors are lit by the sky: they turn toward its color.
    shade = 0.86 * middle * (0.42 + 0.22 * middle.min()) + 0.14 * np.array([0.30, 0.22, 0.50], np.float32)
    tone = np.linspace(-1, 1, 256, dtype=np.float32)[:, None]
    return middle + np.maximum(tone, 0) * (light - middle) + np.minimum(tone, 0) * (middle - shade)


def _shaded(ramp, tone):
    """Returns float32 `[n, 3]`, the colors of a ramp at float32 tones `[n]`."""
    return np.take(ramp, np.clip(tone * 127.5 + 128, 0, 255).astype(np.uint8), axis=0)


def _draw_background(background, side_px, random):
    """Returns float32 `[side_px, side_px, 3]` in [0, 1]: a gradient with soft patches and discs of light."""
    colors = np.array([background.top_rgb, background.middle_rgb, background.bottom_rgb])
    heights = np.linspace(0.0, 1.0, _BACKGROUND_PX)
    gradient = np.stack([np.interp(heights, (0.0, 0.55, 1.0), colors[:, channel]) for channel in range(3)], -1)
    patches = Image.fromarray(random.random((5, 5), np.float32))
    patches = np.asarray(patches.resize((_BACKGROUND_PX, _BACKGROUND_PX), Image.Resampling.BICUBIC))
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
    def shadow_reach(self):
        """How far its shadow falls, in flower radii: a small petal lies close on what is below."""
        return min(0.1, 0.035 + 0.25 * self.half_width)


def _grow_petal(random, species, angle, sector, length):
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


def _petals(factors, species, random):
    """Yields the petals, the lowest first; each ring is turned by half a petal, and deeper in tone."""
    sector = 2 * math.pi / factors.petal_count
    rotation = math.radians(factors.rotation_degrees)
    for ring, length in enumerate(species.ring_lengths):
        for number in range(factors.petal_count):
            angle = rotation + (number + ring / 2) * sector
            petal = _grow_petal(random, species, angle, sector, length)
            yield replace(petal, tone=petal.tone - species.depth * (1 - length))


def _draw_stem_and_leaves(canvas, random):
    ramp = _tone_ramp(_LEAF_RGB)
    stem = _Petal(math.pi / 2, 2.2, 0.055, hidden=0.3, bend=random.uniform(-0.15, 0.15), phase=0.0, tone=-0.1)
    _draw_petal(canvas, stem, _STEM, ramp)
    sector = 2 * math.pi / _LEAF.petal_counts[0]
    rotation = random.uniform(0, 2 * math.pi)
    for number in range(_LEAF.petal_counts[0]):
        leaf = _grow_petal(random, _LEAF, rotation + number * sector, sector, random.uniform(0.9, 1.25))
        _draw_petal(canvas, leaf, _LEAF, ramp)


def _draw_petal(canvas, petal, species, ramp):
    """Draws a petal, with the shadow that it casts on what lies below.

    Args:
        canvas: `_Canvas`.
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


def _light(angle):
    """Returns how far an axis points to the light, and how far the axis across it does, -1 to 1."""
    along = math.cos(angle) * _LIGHT_X + math.sin(angle) * _LIGHT_Y
    across = math.cos(angle) * _LIGHT_Y - math.sin(angle) * _LIGHT_X
    return along, across


def _outline(petal, species, along, across):
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
    # The slope turns a distance across the axis into one across the edge. It is endless at a blunt tip, and
    # says nothing of what lies far outside.
    slope = np.clip(half_width * (base / inside - tip / (1 - inside)), -3, 3)
    depth = gap / np.where(gap > 0, np.sqrt(1 + slope * slope), math.sqrt(2))
    return half_width, depth - np.abs(along - inside)


def _petal_tone(petal, along, crossing, depth, light_along, light_across):
    """Returns the brightness of a petal at each pixel, float32 `[n]`, -1 for shade to 1 for light.

    The petal is a trough across its axis, and rises from the base before it bends down to the tip.
    """
    tone = crossing * (-0.5 * light_across) + (along - 0.5) * (0.75 * light_along)
    tone -= 0.85 * np.maximum(1 - along / 0.5, 0)
    tone -= 0.2 * np.exp(-100 * crossing * crossing) * (1 - along)  # the midrib
    tone += 0.06 * np.sin(15 * crossing + petal.phase)  # veins
    tone += 0.3 * np.exp(np.maximum(depth, 0) / -0.016)  # light through the thin edge
    return tone + petal.tone


def _draw_speckles(canvas, petal, species, random):
    ramp = _tone_ramp(_SPECKLE_RGB)
    for _ in range(species.speckles):
        along = petal.length * random.uniform(0.25, 0.68)
        across = petal.half_width * random.uniform(-0.45, 0.45)
        across -= petal.bend * petal.length * (along / petal.length) ** 2
        place = _on_axis(petal.angle, along, across)
        _draw_rod(canvas, place, place, random.uniform(0.008, 0.017), ramp)


def _on_axis(angle, along, across):
    """Returns x and y of a place given along and across an axis through the flower's center."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return along * cosine - across * sine, along * sine + across * cosine


def _draw_stamens(canvas, species, filament_ramp, random):
    anther_ramp = _tone_ramp(species.anther_rgb)
    turn = random.uniform(0, 2 * math.pi)
    for number in range(species.stamens):
        angle = turn + (number + random.uniform(-0.2, 0.2)) * 2 * math.pi / species.stamens
        length = species.stamen_length * random.uniform(0.8, 1.0)
        _draw_rod(canvas, (0.0, 0.0), _on_axis(angle, length, 0.0), 0.011, filament_ramp)
        half_anther = 0.12 * species.stamen_length
        ends = _on_axis(angle, length, -half_anther), _on_axis(angle, length, half_anther)
        _draw_rod(canvas, *ends, 0.022, anther_ramp)


def _draw_rod(canvas, start, end, radius, ramp):
    """Draws a rod with round ends; one without a length is a ball.

    Args:
        canvas: `_Canvas`.
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


def _draw_dome(canvas, dome, ramp):
    """Draws the center: florets along 13 spirals one way and 21 the other, as they grow.

    Args:
        canvas: `_Canvas`.
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


def write_flowers(folder, count, size, seed):
    """Draws a data set: `flower-00000.png`, `flower-00001.png`, ... and `factors.json`.

    `factors.json` is written last: a list with one entry for each picture, its `file` and its factors.

    Args:
        folder: where to write; made if need be. It may hold an earlier data set of no more pictures.
        count: number of pictures, 1 to 100000.
        size: side of the pictures in pixels, 16 to 4096.
        seed: non-negative integer that names the data set.

    Raises:
        InputError: if a number is out of range, or the folder holds other files.
        StorageError: if the folder cannot be written.
    """
    if not 1 <= count <= MAX_COUNT:
        raise InputError(f"count must be 1 to {MAX_COUNT}; got {count}")
    _check_size(size)
    folder = Path(folder)
    factors = {f"flower-{index:05d}.png": sample_factors(seed, index) for index in range(count)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_only(folder, {*factors, _FACTORS_FILE})
        (folder / _FACTORS_FILE).unlink(missing_ok=True)  # or it would tell of pictures that are replaced
        for name, entry in factors.items():
            draw_flower(entry, size).save(folder / name)
        entries = [{"file": name, **asdict(entry)} for name, entry in factors.items()]
        (folder / _FACTORS_FILE).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"flowers must be written to a folder with space; {folder} gave: {error.strerror or error}; "
            "choose another folder or free space"
        ) from error


def _check_only(folder, names):
    """Refuses a folder in which the flowers would mix with other pictures."""
    others = sorted(path.name for path in folder.iterdir() if path.name not in names and path.name[0] != ".")
    if others:
        raise InputError(
            f"the folder must be empty or hold these flowers alone; {folder} holds {others[0]} "
            f"({len(others)} in all); choose another folder"
        )


def main(argv=None):
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 the folder cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sle_gan.data.flowers",
        description="Draw flowers, and write beside them what each was drawn from.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("output_folder", metavar="OUTPUT_FOLDER", help="where the pictures are written")
    parser.add_argument("--count", type=int, default=200, help="number of pictures")
    parser.add_argument("--size", type=int, default=128, help="side of the pictures in pixels, 16 to 4096")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other flowers")
    arguments = parser.parse_args(argv)
    try:
        write_flowers(arguments.output_folder, arguments.count, arguments.size, arguments.seed)
    except SleGanError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"drew {arguments.count} flowers of {arguments.size} px in {arguments.output_folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
