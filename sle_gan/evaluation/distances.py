"""Distances between sets of features, in float64 and in blocks, so that no matrix of all pairs is ever held."""

import numpy as np

BLOCK_ROWS = 1024


def blocks(features):
    """Walks through features block by block.

    Args:
        features: `[count, d]`.

    Yields:
        (slice of the rows, float64 `[rows, d]`).
    """
    for first in range(0, len(features), BLOCK_ROWS):
        rows = slice(first, min(first + BLOCK_ROWS, len(features)))
        yield rows, np.asarray(features[rows], np.float64)


def squared_distances(first, second):
    """Returns the squared Euclidean distance of each pair: float64 `[n, m]`, 0 or more.

    Args:
        first: float64 `[n, d]`.
        second: float64 `[m, d]`.
    """
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * (first @ second.T)
    return np.maximum(squares, 0)  # of equal rows rounding leaves a little on either side of 0


def neighbor_distances(features, neighbors):
    """Finds how far each row's k-th nearest other row is.

    Args:
        features: `[count, d]`, more rows than `neighbors`.
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
                np.fill_diagonal(squares, np.inf)  # no row is its own neighbor; equal rows are
            nearest = np.concatenate([nearest, squares], axis=1)
            nearest = np.partition(nearest, neighbors - 1, axis=1)[:, :neighbors]
        result[rows] = nearest.max(axis=1)
    return result
