"""Draws flowers: a data set for the demo and the tests that needs no download.

Every picture is a pure function of (seed, index), and what it was drawn from is written beside it. Imports no
TensorFlow.
"""

from sle_gan.data.flowers.data_set import write_flowers
from sle_gan.data.flowers.drawing import draw_flower
from sle_gan.data.flowers.factors import (
    BACKGROUNDS,
    CENTER_COLORS,
    PETAL_COLORS,
    SPECIES,
    FlowerFactors,
    sample_factors,
)

__all__ = [
    "BACKGROUNDS",
    "CENTER_COLORS",
    "PETAL_COLORS",
    "SPECIES",
    "FlowerFactors",
    "draw_flower",
    "sample_factors",
    "write_flowers",
]
