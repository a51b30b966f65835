"""Genotypes of AutoGAN's generator: which cells it is made of, as plain data that is checked. Imports no TensorFlow.

A genotype has a name of the paper (`a`, `b`, `c`) or is a file of JSON, which may come from anyone:

    {"cells": [{"activation": "before", "norm": "none", "up": "nearest", "shortcut": true, "skips": []},
               {"activation": "before", "norm": "none", "up": "bilinear", "shortcut": true, "skips": [1]},
               {"activation": "before", "norm": "none", "up": "nearest", "shortcut": false, "skips": [1, 2]}]}

Settings hold it as the numbers of the paper's controller, which these are too: `1 0 1 1 | 1 0 0 1 1 | 1 0 1 0 3`.

Source: Gong et al., "AutoGAN: Neural Architecture Search for Generative Adversarial Networks", ICCV 2019,
arXiv:1908.03835.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.json_files import read_json
from sle_gan.shell import shell_line

CELL_COUNT = 3
# In the order of the controller's numbers.
ACTIVATIONS = ("after", "before")
NORMS = ("none", "batch", "instance")
UPS = ("bilinear", "nearest", "transposed")

_MOST_TEXT = 100  # characters of a genotype in numbers
_SEPARATOR = " | "


class Cell(NamedTuple):
    """A cell of the generator, which doubles the side of a map.

    Attributes:
        activation: whether normalization and ReLU are `before` each convolution or `after` it.
        norm: at both convolutions: `none`, `batch` or `instance`.
        up: what doubles the map, and brings what skips to its side: `bilinear`, `nearest` or `transposed`, which is a
            convolution of 2x2 and stride 2.
        shortcut: whether the doubled input is added to the output.
        skips: numbers from 1 of the cells before whose maps arrive, in ascending order.
    """

    activation: str
    norm: str
    up: str
    shortcut: bool
    skips: tuple[int, ...]


Genotype = tuple[Cell, ...]

GENOTYPES = {
    "a": (
        Cell("before", "none", "nearest", True, ()),
        Cell("before", "none", "bilinear", True, (1,)),
        Cell("before", "none", "nearest", False, (1, 2)),
    ),
    "b": (
        Cell("before", "none", "nearest", True, ()),
        Cell("before", "none", "nearest", True, (1,)),
        Cell("before", "none", "nearest", True, (1, 2)),
    ),
    "c": (
        Cell("before", "batch", "nearest", True, ()),
        Cell("before", "none", "bilinear", True, (1,)),
        Cell("before", "none", "nearest", False, (1, 2)),
    ),
}
FIRST_GENOTYPE = "a"  # the paper's best


def genotype_of(text: str) -> Genotype:
    """Returns the genotype of a name, or of numbers as `in_numbers` writes them.

    >>> from sle_gan.models.autogan_genotypes import genotype_of
    >>> genotype_of("1 0 1 1 | 1 0 0 1 1 | 1 0 1 0 3") == genotype_of("a")
    True

    Raises:
        ValueError: if there is none.
    """
    if text in GENOTYPES:
        return GENOTYPES[text]
    parts = text[:_MOST_TEXT].split("|")
    if len(parts) != CELL_COUNT:
        raise ValueError(f"a genotype must have {CELL_COUNT} cells; got {text[:_MOST_TEXT]!r}")
    return tuple(_cell_of_numbers(number, part.split()) for number, part in enumerate(parts, start=1))


def in_numbers(genotype: Genotype) -> str:
    """Writes a genotype as the numbers of the paper's controller.

    They are for each cell those of activation, normalization, doubling and shortcut, and from the second cell on one
    for the skips, whose last bit is the cell before, and the next bit the one before that.
    """
    return _SEPARATOR.join(" ".join(map(str, _numbers(number, cell))) for number, cell in enumerate(genotype, start=1))


def settle_genotype(given: str | None) -> str:
    """Returns what `genotype_of` takes of what a user names: the name, the numbers, or a file of JSON.

    Args:
        given: one of these; None for the paper's best.

    Raises:
        InputError: if there is no such genotype, or the file does not hold one.
    """
    if given is None or given in GENOTYPES:
        return given or FIRST_GENOTYPE
    if "|" in given:
        try:
            return in_numbers(genotype_of(given))
        except ValueError as error:
            raise InputError(f"--genotype: {error}") from None
    try:
        content = read_json(Path(given).expanduser())
    except OSError as error:
        names = ", ".join(GENOTYPES)
        raise InputError(f"--genotype must be one of {names}, or a file; {given} cannot be read ({error})") from None
    try:
        return in_numbers(_of_data(content))
    except ValueError as error:
        raise InputError(f"--genotype {shell_line(given)}: {error}") from None


def _of_data(content: Any) -> Genotype:
    """Makes a genotype from what a file holds, whoever wrote it."""
    cells = content.get("cells") if isinstance(content, dict) and content.keys() == {"cells"} else None
    if not isinstance(cells, list) or len(cells) != CELL_COUNT:
        raise ValueError(f"a genotype must be cells, a list of {CELL_COUNT}, and nothing else")
    return tuple(_cell_of_data(number, cell) for number, cell in enumerate(cells, start=1))


def _cell_of_data(number: int, content: Any) -> Cell:
    if not isinstance(content, dict) or content.keys() != set(Cell._fields):
        raise ValueError(f"cell {number} must have {', '.join(Cell._fields)}, and nothing else")
    for name, allowed in (("activation", ACTIVATIONS), ("norm", NORMS), ("up", UPS)):
        if content[name] not in allowed:
            raise ValueError(f"the {name} of cell {number} must be one of {', '.join(allowed)}")
    shortcut, skips = content["shortcut"], content["skips"]
    if not isinstance(shortcut, bool):
        raise ValueError(f"the shortcut of cell {number} must be true or false")
    allowed_skips = [one for one in range(1, number) if isinstance(skips, list) and one in skips]
    if skips != allowed_skips or any(isinstance(one, bool) for one in skips):
        raise ValueError(f"the skips of cell {number} must be a list of cells before it, in ascending order")
    return Cell(content["activation"], content["norm"], content["up"], shortcut, tuple(skips))


def _cell_of_numbers(number: int, words: Sequence[str]) -> Cell:
    sizes = (len(ACTIVATIONS), len(NORMS), len(UPS), 2, *([2 ** (number - 1)] if number > 1 else []))
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) == 1]
    if len(numbers) != len(words) or len(numbers) != len(sizes) or any(map(int.__ge__, numbers, sizes)):
        raise ValueError(f"cell {number} must be {len(sizes)} numbers below {sizes}; got {' '.join(words)!r}")
    activation, norm, up, shortcut, *skips = numbers
    arriving = sorted(_cells_of_bits(number, *skips)) if skips else []
    return Cell(ACTIVATIONS[activation], NORMS[norm], UPS[up], bool(shortcut), tuple(arriving))


def _numbers(number: int, cell: Cell) -> Iterator[int]:
    yield from (ACTIVATIONS.index(cell.activation), NORMS.index(cell.norm), UPS.index(cell.up), int(cell.shortcut))
    if number > 1:
        yield sum(1 << (number - 1 - one) for one in cell.skips)


def _cells_of_bits(number: int, bits: int) -> Iterator[int]:
    return (number - 1 - place for place in range(number - 1) if bits >> place & 1)
