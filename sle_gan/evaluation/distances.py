"""Distances between sets of features, in float64. They are computed in blocks, never as one matrix of all pairs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating[Any]]

BLOCK_ROWS = 1024


def blocks(features: Features) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Iterates over features in blocks of rows.

    Args:
        features: `[count, d]`.

    Yields:
        (slice of the rows, float64 `[rows, d]`).
    """
    for first in range(0, len(features), BLOCK_ROWS):
        rows = slice(first, min(first + BLOCK_ROWS, len(features)))
        yield rows, np.asarray(features[rows], np.float64)


def squared_distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the squared Euclidean distances of all pairs: float64 `[n, m]`, 0 or more.

    Args:
        first: float64 `[n, d]`.
        second: float64 `[m, d]`.
    """
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * (first @ second.T)
    distances: NDArray[np.float64] = np.maximum(squares, 0)  # rounding can leave a little less than 0 for equal rows
    return distances


def neighbor_distances(features: Features, neighbors: int) -> NDArray[np.float64]:
    """Computes the distance from each row to its k-th nearest other row.

    Args:
        features: `[count, d]`, with more rows than `neighbors`.
        neighbors: k.

    Returns:
        float64 `[count]`, squared Euclidean distances.
    """
    result = np.empty(len(features))
    for rows, block in blocks(features):
        nearest = np.empty([len(block), 0])
        for columns, others in blocks(features):
            squares = squared_distances(block, others)
            if rows == columns:
                np.fill_diagonal(squares, np.inf)  # a row is not its own neighbor, but an equal row is
            nearest = np.concatenate([nearest, squares], axis=1)
            nearest = np.partition(nearest, neighbors - 1, axis=1)[:, :neighbors]
        result[rows] = nearest.max(axis=1)
    return result
