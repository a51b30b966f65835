"""Images that show the same: re-encoded, resized, a little retouched or mirrored copies.

An image is reduced to a hash of 64 bits: the signs of its lowest frequencies. Images whose hashes are nearly equal are
then compared by the pixels of their thumbnails. Imports no TensorFlow.

Source: the perceptual hash by the discrete cosine transform, Zauner 2010, "Implementation and Benchmarking of
Perceptual Image Hash Functions".
Differs: pairs are confirmed by their pixels, because the hash of a flat image is nothing but noise.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIDE_PX = 32
MOST_DIFFERENT_BITS = 8
MOST_DIFFERENCE = 12.0  # mean difference of two pixels in [0, 255], after the difference in brightness is taken off
MOST_BRIGHTER = 32.0  # difference in mean brightness, in [0, 255]

_FREQUENCIES = 8
_BLOCK = 1024  # images compared with all others at a time


def perceptual_hashes(pictures: ArrayLike) -> NDArray[np.bool_]:
    """Hashes pictures by their lowest frequencies.

    Args:
        pictures: `[count, 32, 32]`, grey.

    Returns:
        bool `[count, 64]`: whether each of the 8x8 lowest coefficients of the cosine transform is above their
        median.
    """
    position = np.arange(SIDE_PX) + 0.5
    transform = np.cos(np.pi / SIDE_PX * np.arange(_FREQUENCIES)[:, None] * position)  # [8, 32]
    coefficients = transform @ np.asarray(pictures, np.float64) @ transform.T
    coefficients = coefficients.reshape(-1, _FREQUENCIES**2)
    hashes: NDArray[np.bool_] = coefficients > np.median(coefficients, axis=1, keepdims=True)
    return hashes


def near_duplicates(pictures: ArrayLike) -> list[list[int]]:
    """Groups the pictures that show the same, or the mirror image of the same.

    Args:
        pictures: uint8 `[count, 32, 32]`, grey, each stretched to the square.

    Returns:
        A list of groups: each is a list of at least two indices in order. A picture that is like one of a group belongs
        to that group.
    """
    pictures = np.asarray(pictures, np.uint8)
    # The product of two rows of signs is the number of equal bits minus the number of different ones.
    signs, mirrored_signs = (
        np.where(perceptual_hashes(seen), 1, -1).astype(np.float32) for seen in (pictures, pictures[:, :, ::-1])
    )
    parents = list(range(len(pictures)))
    least_product = _FREQUENCIES**2 - 2 * MOST_DIFFERENT_BITS
    for start in range(0, len(pictures), _BLOCK):
        for others, seen in ((signs, pictures), (mirrored_signs, pictures[:, :, ::-1])):
            candidates = signs[start : start + _BLOCK] @ others.T >= least_product
            for row, second in np.argwhere(np.triu(candidates, start + 1)).tolist():
                roots = _root(parents, start + row), _root(parents, second)
                if roots[0] != roots[1] and _alike(pictures[start + row], seen[second]):
                    parents[max(roots)] = min(roots)
    groups: dict[int, list[int]] = {}
    for index in range(len(pictures)):
        groups.setdefault(_root(parents, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    difference = first.astype(np.float32) - second
    brighter = difference.mean()
    return bool(abs(brighter) <= MOST_BRIGHTER and np.abs(difference - brighter).mean() <= MOST_DIFFERENCE)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
