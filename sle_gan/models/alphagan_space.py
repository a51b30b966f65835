"""The space that alphaGAN searches: the operations, the places of its generator, and what was found. No TensorFlow.

Source: Tian et al. 2021, "AlphaGAN: Fully Differentiable Architecture Search for Generative Adversarial Networks",
arXiv:2006.09134.
"""

from sle_gan.models.genotype_space import Genotype, GenotypeSpace

UP_OPERATIONS = ("deconv", "nearest", "bilinear")
NORMAL_OPERATIONS = ("conv_1x1", "conv_3x3", "conv_5x5", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
CELLS = (1, 2, 3)

_OF_CELL = ("up0", "up1", "normal0", "normal1", "normal2")
_SKIPS = ((1, 2), (1, 3), (2, 3))  # from a cell to a later one


def cell_place(cell: int, name: str) -> str:
    """Returns the place of a cell's own edge: `up0`, `up1`, `normal0`, `normal1` or `normal2`."""
    return f"cell{cell}_{name}"


def skip_place(cell: int, later: int) -> str:
    """Returns the place of the skip from a cell to a later one."""
    return f"skip{cell}to{later}"


PLACES = {
    cell_place(cell, name): UP_OPERATIONS if name.startswith("up") else NORMAL_OPERATIONS
    for cell in CELLS
    for name in _OF_CELL
} | {skip_place(*ends): UP_OPERATIONS for ends in _SKIPS}


def _genotype(*words: str) -> Genotype:
    return dict(zip(PLACES, words, strict=True))


SPACE = GenotypeSpace(
    "alphagan",
    PLACES,
    {
        "alphagan-s": _genotype(
            *("bilinear", "deconv", "conv_1x1", "sep_conv_3x3", "conv_1x1"),
            *("deconv", "deconv", "sep_conv_5x5", "sep_conv_3x3", "sep_conv_3x3"),
            *("deconv", "nearest", "sep_conv_5x5", "sep_conv_3x3", "sep_conv_3x3"),
            *("nearest", "deconv", "bilinear"),
        ),
        "alphagan-l": _genotype(
            *("deconv", "bilinear", "conv_5x5", "conv_5x5", "sep_conv_5x5"),
            *("deconv", "bilinear", "conv_5x5", "conv_1x1", "conv_3x3"),
            *("nearest", "bilinear", "conv_1x1", "conv_5x5", "sep_conv_3x3"),
            *("nearest", "bilinear", "nearest"),
        ),
    },
)
