"""Images that show the same: re-encoded, resized, a little retouched or mirrored copies.

Imports no TensorFlow. An image is reduced to the signs of its lowest frequencies, 64 bits, and those of equal bits,
nearly, are compared once more as small pictures.

Source: the perceptual hash by the discrete cosine transform, Zauner 2010, "Implementation and Benchmarking of
Perceptual Image Hash Functions".
Differs: pairs are confirmed by their pixels, because flat images have signs of nothing but noise.
"""

import numpy as np

SIDE_PX = 32
MOST_DIFFERENT_BITS = 8
MOST_DIFFERENCE = 12.0  # of the pixels, in the mean, of 255, beside a difference of all of them
MOST_BRIGHTER = 32.0  # of all of them

_FREQUENCIES = 8
_BLOCK = 1024  # images compared with all others at a time


def perceptual_hashes(pictures):
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
    return coefficients > np.median(coefficients, axis=1, keepdims=True)


def near_duplicates(pictures):
    """Finds groups of pictures that show the same, or the mirror image of the same.

    Args:
        pictures: uint8 `[count, 32, 32]`, grey, each stretched to the square.

    Returns:
        A list of groups, each a list of two indices or more in order. Who is like one of a group is in it.
    """
    pictures = np.asarray(pictures)
    # Products of signs count the bits that agree less those that do not.
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
    groups = {}
    for index in range(len(pictures)):
        groups.setdefault(_root(parents, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _alike(first, second):
    difference = first.astype(np.float32) - second
    brighter = difference.mean()
    return abs(brighter) <= MOST_BRIGHTER and np.abs(difference - brighter).mean() <= MOST_DIFFERENCE


def _root(parents, index):
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
