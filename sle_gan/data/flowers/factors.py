"""What flowers are drawn from: tables of species, colors and backgrounds, and a random choice for each picture."""

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sle_gan.errors import InputError

RGB = tuple[float, float, float]  # in [0, 1]

PETAL_COLORS: dict[str, RGB] = {
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

CENTER_COLORS: dict[str, RGB] = {
    "gold": (0.97, 0.70, 0.10),
    "lime": (0.72, 0.78, 0.24),
    "brown": (0.36, 0.20, 0.10),
    "ink": (0.12, 0.09, 0.20),
}


@dataclass(frozen=True)
class Species:
    """How the flowers of one species are built.

    Lengths are fractions of the flower's radius. At the fraction `along` of its length, the half width of a petal is
    proportional to `along**base * (1 - along)**tip`: a small `tip` is blunt, a large one is pointed.

    Attributes:
        petal_counts: the fewest and the most petals in a ring.
        petal_colors: names in `PETAL_COLORS`.
        center_colors: names in `CENTER_COLORS`.
        ring_lengths: length of the petals of each ring, the outermost first.
        fill: width of a petal divided by the width of its sector.
        base: exponent of the outline at the base.
        tip: exponent of the outline at the tip.
        notch: depth of the notches at the tip, as a fraction of the petal's length.
        ruffle: height of the waves at the tip, as a fraction of the petal's length.
        throat_rgb: color that the petals fade to at their base.
        throat: fraction of the petal's length at which the throat's color has faded; 0 for none.
        depth: how much darker a petal is for each flower radius that it is shorter.
        speckles: spots on each petal.
        dome: radius of the textured center; 0 for none.
        stamens: number of stamens.
        stamen_length: length of the stamens.
        anther_rgb: color of the stamens' heads.
    """

    petal_counts: tuple[int, int]
    petal_colors: tuple[str, ...]
    center_colors: tuple[str, ...]
    ring_lengths: tuple[float, ...]
    fill: float
    base: float
    tip: float
    notch: float = 0.0
    ruffle: float = 0.0
    throat_rgb: RGB = (1.0, 1.0, 1.0)
    throat: float = 0.0
    depth: float = 0.5
    speckles: int = 0
    dome: float = 0.0
    stamens: int = 0
    stamen_length: float = 0.0
    anther_rgb: RGB = (0.0, 0.0, 0.0)


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

    top_rgb: RGB
    middle_rgb: RGB
    bottom_rgb: RGB
    bokeh_rgb: tuple[RGB, ...]
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
        scale: diameter of the flower, as a fraction of the side of the picture.
        x: distance of the flower's center from the left, as a fraction of the side of the picture.
        y: distance of the flower's center from the top, as a fraction of the side of the picture.
        rotation_degrees: turn of the petals, clockwise.
        tilt_degrees: angle between the flower's axis and the line of sight.
        tilt_direction_degrees: direction in the picture that the axis leans to, clockwise from the right.
        detail_seed: seed of all that differs between flowers of equal factors: each petal's bend, the bokeh.
    """

    species: str
    petal_count: int
    petal_color: str
    petal_rgb: RGB
    center_color: str
    center_rgb: RGB
    background: str
    scale: float
    x: float
    y: float
    rotation_degrees: float
    tilt_degrees: float
    tilt_direction_degrees: float
    detail_seed: int


def sample_factors(seed: int, index: int) -> FlowerFactors:
    """Draws the factors of one picture.

    Args:
        seed: non-negative integer; another seed draws other flowers.
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


def _choose(random: np.random.Generator, names: Iterable[str]) -> str:
    choices = tuple(names)
    return choices[random.integers(len(choices))]


def _vary(random: np.random.Generator, rgb: RGB) -> RGB:
    """Returns a color near another: up to 5 degrees of hue, 6 % of saturation and 5 % of brightness away."""
    hue, saturation, brightness = colorsys.rgb_to_hsv(*rgb)
    hue = (hue + random.uniform(-0.014, 0.014)) % 1.0
    saturation = min(1.0, saturation * random.uniform(0.94, 1.06))
    brightness = min(1.0, brightness * random.uniform(0.95, 1.05))
    red, green, blue = (round(channel, 4) for channel in colorsys.hsv_to_rgb(hue, saturation, brightness))
    return red, green, blue
