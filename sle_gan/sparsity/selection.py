"""Which weights live: exact counts of them, by magnitude, by gradient or at random, as NumPy arrays.

Ties are broken by position, so a count holds for any weights, all zeros included.
"""

import math

import numpy as np


def live_count(size, density):
    """Returns how many of `size` weights live at a density in [0, 1]: the nearest whole number, halves up."""
    return math.floor(size * density + 0.5)


def keep_largest(scores, count):
    """Chooses the largest.

    Args:
        scores: float array of any shape, without NaN; of equal ones the first in memory are chosen.
        count: how many are chosen, from 0 to the size.

    Returns:
        bool array of that shape with exactly `count` True.

    Raises:
        ValueError: if there are fewer than `count`.
    """
    flat = np.ravel(scores)
    if not 0 <= count <= flat.size:
        raise ValueError(f"count must be from 0 to {flat.size}; got {count}")
    if count == 0:
        return np.zeros(np.shape(scores), bool)
    threshold = np.partition(flat, flat.size - count)[flat.size - count]
    chosen = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    chosen[ties[: count - np.count_nonzero(chosen)]] = True
    return chosen.reshape(np.shape(scores))


def keep_largest_of_all(scores, count):
    """Chooses the largest over several arrays together.

    Args:
        scores: list of float arrays; of equal ones the first in the first array are chosen.
        count: how many are chosen in all.

    Returns:
        List of bool arrays of those shapes with exactly `count` True in all.
    """
    chosen = keep_largest(np.concatenate([np.ravel(array) for array in scores]), count)
    ends = np.cumsum([np.size(array) for array in scores])
    return [part.reshape(np.shape(array)) for part, array in zip(np.split(chosen, ends[:-1]), scores, strict=True)]


def keep_random(shape, count, rng):
    """Chooses at random, with equal chances.

    Args:
        shape: of the result.
        count: how many are chosen.
        rng: `numpy.random.Generator`.

    Returns:
        bool array with exactly `count` True.
    """
    chosen = np.zeros(math.prod(shape), bool)
    chosen[rng.permutation(chosen.size)[:count]] = True
    return chosen.reshape(shape)


def magnitude_masks(weights, density):
    """Prunes each tensor by magnitude to the same density.

    Args:
        weights: list of float arrays.
        density: share of each that lives, in [0, 1].

    Returns:
        List of bool masks. A tensor whose magnitudes are all equal says nothing of which of its weights matter
        and is left whole, as where a quantile is the threshold (Saxena et al. 2023).
    """
    masks = []
    for array in weights:
        magnitudes = np.abs(array)
        constant = magnitudes.size == 0 or magnitudes.min() == magnitudes.max()
        count = magnitudes.size if constant else live_count(magnitudes.size, density)
        masks.append(keep_largest(magnitudes, count))
    return masks


def drop_and_grow(weights, mask, growth_scores, count):
    """Drops the smallest live weights and grows as many others; the number of live weights stays.

    A weight that was just dropped may grow again, as in Liu et al. 2022.

    Args:
        weights: list of float arrays, one for each tensor.
        mask: list of bool arrays.
        growth_scores: list of float arrays, 0 or more: among the dead the largest grow.
        count: how many change over all tensors together.

    Returns:
        List of new bool masks.
    """
    live = sum(int(np.count_nonzero(array)) for array in mask)
    magnitudes = [np.where(alive, np.abs(array), -1.0) for array, alive in zip(weights, mask, strict=True)]
    kept = keep_largest_of_all(magnitudes, live - count)
    candidates = [np.where(alive, -1.0, scores) for scores, alive in zip(growth_scores, kept, strict=True)]
    grown = keep_largest_of_all(candidates, count)
    return [alive | new for alive, new in zip(kept, grown, strict=True)]
