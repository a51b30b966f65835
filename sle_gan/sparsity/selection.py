"""Chooses which weights live: an exact number of them, by magnitude, by gradient or at random. NumPy only.

Ties are broken by position, so the number is exact for any weights, even if all are zero.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.bool_]
Scores = NDArray[np.floating[Any]]


def live_count(size: int, density: float) -> int:
    """Returns how many of `size` weights live at a density in [0, 1]: rounded to the nearest integer, halves up."""
    return math.floor(size * density + 0.5)


def keep_largest(scores: ArrayLike, count: int) -> Mask:
    """Chooses the `count` largest scores.

    Args:
        scores: float array of any shape, without NaN; of equal scores, those that are first in memory are chosen.
        count: how many are chosen, from 0 to the size.

    Returns:
        bool array of that shape; exactly `count` elements are True.

    Raises:
        ValueError: if there are fewer than `count`.
    """
    flat = np.ravel(scores)
    if not 0 <= count <= flat.size:
        raise ValueError(f"count must be from 0 to {flat.size}; got {count}")
    if count == 0:
        return np.zeros(np.shape(scores), bool)
    threshold = np.partition(flat, flat.size - count)[flat.size - count]
    chosen: Mask = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    chosen[ties[: count - np.count_nonzero(chosen)]] = True
    return chosen.reshape(np.shape(scores))


def keep_largest_of_all(scores: Sequence[Scores], count: int) -> list[Mask]:
    """Chooses the `count` largest scores of several arrays together.

    Args:
        scores: list of float arrays; of equal scores, those that are first are chosen, array by array.
        count: how many are chosen in all.

    Returns:
        List of bool arrays of those shapes; exactly `count` elements are True in all.
    """
    chosen = keep_largest(np.concatenate([np.ravel(array) for array in scores]), count)
    ends = np.cumsum([np.size(array) for array in scores])
    return [part.reshape(np.shape(array)) for part, array in zip(np.split(chosen, ends[:-1]), scores, strict=True)]


def keep_random(shape: Sequence[int], count: int, rng: np.random.Generator) -> Mask:
    """Chooses `count` elements at random, all with the same probability.

    Args:
        shape: of the result.
        count: how many are chosen.
        rng: `numpy.random.Generator`.

    Returns:
        bool array; exactly `count` elements are True.
    """
    chosen: Mask = np.zeros(math.prod(shape), bool)
    chosen[rng.permutation(chosen.size)[:count]] = True
    return chosen.reshape(shape)


def magnitude_masks(weights: Sequence[Scores], density: float) -> list[Mask]:
    """Prunes each tensor by magnitude to the same density.

    Args:
        weights: list of float arrays.
        density: share of each tensor that lives, in [0, 1].

    Returns:
        List of bool masks. A tensor whose magnitudes are all equal stays dense, because nothing says which of its
        weights matter. Re-GAN (Saxena et al. 2023), whose threshold is a quantile, leaves it dense too.
    """
    masks = []
    for array in weights:
        magnitudes = np.abs(array)
        constant = magnitudes.size == 0 or magnitudes.min() == magnitudes.max()
        count = magnitudes.size if constant else live_count(magnitudes.size, density)
        masks.append(keep_largest(magnitudes, count))
    return masks


def drop_and_grow(
    weights: Sequence[Scores], mask: Sequence[Mask], growth_scores: Sequence[Scores], count: int
) -> list[Mask]:
    """Drops the smallest live weights and grows as many others, so the number of live weights stays the same.

    A weight that was just dropped may grow again, as in Liu et al. 2022.

    Args:
        weights: list of float arrays, one for each tensor.
        mask: list of bool arrays.
        growth_scores: list of float arrays, 0 or more: the dead weights with the largest scores grow.
        count: how many weights to drop and to grow, over all tensors together.

    Returns:
        List of new bool masks.
    """
    live = sum(int(np.count_nonzero(array)) for array in mask)
    magnitudes = [np.where(alive, np.abs(array), -1.0) for array, alive in zip(weights, mask, strict=True)]
    kept = keep_largest_of_all(magnitudes, live - count)
    candidates = [np.where(alive, -1.0, scores) for scores, alive in zip(growth_scores, kept, strict=True)]
    grown = keep_largest_of_all(candidates, count)
    return [alive | new for alive, new in zip(kept, grown, strict=True)]
