"""Writes a data set of flowers, and what each was drawn from."""

import json
from collections.abc import Container
from dataclasses import asdict
from pathlib import Path

from sle_gan.data.flowers.drawing import check_size, draw_flower
from sle_gan.data.flowers.factors import sample_factors
from sle_gan.errors import InputError, StorageError

MAX_COUNT = 100_000

_FACTORS_FILE = "factors.json"


def write_flowers(folder: Path | str, count: int, size: int, seed: int) -> None:
    """Draws a data set: `flower-00000.png`, `flower-00001.png`, ... and `factors.json`.

    `factors.json` is written last: a list with one entry for each picture, its `file` and its factors.

    Args:
        folder: where to write; made if it does not exist. It may hold an earlier data set of at most as many pictures.
        count: number of pictures, 1 to 100000.
        size: side of the pictures in pixels, 16 to 4096.
        seed: non-negative integer; another seed draws other flowers.

    Raises:
        InputError: if a number is out of range, or the folder holds other files.
        StorageError: if the folder cannot be written.
    """
    if not 1 <= count <= MAX_COUNT:
        raise InputError(f"count must be 1 to {MAX_COUNT}; got {count}")
    check_size(size)
    folder = Path(folder)
    factors = {f"flower-{index:05d}.png": sample_factors(seed, index) for index in range(count)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_only(folder, {*factors, _FACTORS_FILE})
        (folder / _FACTORS_FILE).unlink(missing_ok=True)  # or it would describe the pictures that are replaced
        for name, entry in factors.items():
            draw_flower(entry, size).save(folder / name)
        entries = [{"file": name, **asdict(entry)} for name, entry in factors.items()]
        (folder / _FACTORS_FILE).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"flowers must be written to a folder with space; {folder} gave: {error.strerror or error}; "
            "choose another folder or free space"
        ) from error


def _check_only(folder: Path, names: Container[str]) -> None:
    """Refuses a folder in which the flowers would mix with other pictures."""
    others = sorted(path.name for path in folder.iterdir() if path.name not in names and path.name[0] != ".")
    if others:
        raise InputError(
            f"the folder must be empty or hold these flowers alone; {folder} holds {others[0]} "
            f"({len(others)} in all); choose another folder"
        )
