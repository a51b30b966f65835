"""The sliced Wasserstein distance on Laplacian pyramids: how alike two sets of images are, scale by scale.

It uses no network, so a network in a training's loss cannot flatter it. Each image becomes a pyramid: at every size,
the details that the next smaller size does not show. Small patches are cut out of each level, and the distance of the
two sets of patches is measured along random directions.

NumPy alone.

Source: Karras et al. 2018, arXiv:1710.10196, section 5 and its program `sliced_wasserstein.py`.
Differs: both sets give some 16,000 patches to a level, spread evenly over their images, instead of 128 patches of each
of 16,384 images: few-shot sets have no such number of images.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

SMALLEST_LEVEL_PX = 16
PATCH_PX = 7
DIRECTIONS = 512
PATCHES = 16_384  # of each level of a set
_FILTER = np.array([1, 4, 6, 4, 1], np.float32) / 16
_UNIT = 1e-3


class LevelPatches:
    """Patches of a set of images, level by level, gathered batch by batch.

    It keeps the patches, 0.6 KiB each in color, and no images.

    Args:
        image_count: how many images will be added.
        seed: of the places of the patches.
        patch_count: patches of each level in all, or a few more: every image gives equally many.

    Attributes:
        per_image: patches of each level of an image.
    """

    def __init__(self, image_count: int, seed: int, patch_count: int = PATCHES) -> None:
        self.per_image = -(-patch_count // image_count)
        self._rng = np.random.default_rng(seed)
        self._levels: dict[int, list[np.ndarray]] = {}

    def add(self, images: np.ndarray) -> "LevelPatches":
        """Adds images to the set.

        Args:
            images: uint8 `[batch, height, width, channels]`; for the sides see `laplacian_pyramid`.

        Returns:
            Itself.
        """
        # One image after the other: the patches do not depend on how the images come in batches.
        for image in images:
            for level in laplacian_pyramid(image[None].astype(np.float32)):
                size = np.array(level.shape[1:3])
                corners = self._rng.integers(size - PATCH_PX + 1, size=(self.per_image, 2))
                windows = np.lib.stride_tricks.sliding_window_view(level[0], (PATCH_PX, PATCH_PX), axis=(0, 1))
                # Patches first, then channels, height and width.
                self._levels.setdefault(int(size.min()), []).append(windows[corners[:, 0], corners[:, 1]])
        return self

    def levels(self, chosen: np.ndarray | None = None) -> dict[int, np.ndarray]:
        """Returns the patches of some images.

        Args:
            chosen: int `[count]`, which of the images in the order in which they were added; None for all.

        Returns:
            float32 `[patches, channels, 7, 7]` by shorter side of the level in pixels, small levels first; the patches
            of an image are neighbors.
        """
        image_count = len(next(iter(self._levels.values())))
        indices = np.arange(image_count) if chosen is None else chosen
        return {
            side_px: np.concatenate([of_images[index] for index in indices])
            for side_px, of_images in sorted(self._levels.items())
        }


def sliced_wasserstein(first: dict[int, np.ndarray], second: dict[int, np.ndarray], seed: int) -> dict[int, float]:
    """Returns the distance of two sets of patches at each level.

    The numbers of each set are brought to mean 0 and deviation 1 by channel: patterns are compared, not brightness
    and contrast. Of the larger set as many patches are taken as the smaller one has, evenly spread.

    Args:
        first: patches by level, as of `LevelPatches.levels`.
        second: the same, of the same levels.
        seed: of the directions.

    Returns:
        By shorter side of the level in pixels: the Wasserstein distance of the patches' projections, as a mean over 512
        random directions, times 10^3.
    """
    rng = np.random.default_rng(seed)
    distances = {}
    for side_px, patches in first.items():
        count = min(len(patches), len(second[side_px]))
        directions = rng.standard_normal([DIRECTIONS, patches[0].size]).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        along = [_sorted_projections(set_of[side_px], count, directions) for set_of in (first, second)]
        distances[side_px] = float(np.abs(along[0] - along[1]).mean(dtype=np.float64) / _UNIT)
    return distances


def _sorted_projections(patches: np.ndarray, count: int, directions: np.ndarray) -> np.ndarray:
    """Returns float32 `[directions, count]`, each row in order."""
    patches = patches[np.arange(count) * len(patches) // count]
    of_channel: dict[str, Any] = {"axis": (0, 2, 3), "keepdims": True, "dtype": np.float64}
    mean, deviation = patches.mean(**of_channel), patches.std(**of_channel)
    patches = ((patches - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
    return np.sort(directions @ patches.reshape(count, -1).T, axis=1)


def laplacian_pyramid(images: np.ndarray) -> Iterator[np.ndarray]:
    """Splits images by scale.

    Args:
        images: float32 `[batch, height, width, channels]`, 16 px a side or more.

    Yields:
        float32 `[batch, height, width, channels]`, `[batch, height / 2, width / 2, channels]`, ...: what an image of
        this size shows and one of half the size, enlarged, does not; at last the image at 16 px or a little more along
        its shorter side, or at an odd side.

    Source: Burt & Adelson 1983.
    """
    while min(images.shape[1:3]) >= 2 * SMALLEST_LEVEL_PX and not any(side % 2 for side in images.shape[1:3]):
        smaller = halve(images)
        yield images - double(smaller)
        images = smaller
    yield images


def halve(images: np.ndarray) -> np.ndarray:
    """Blurs by the 5x5 binomial filter, mirrors at the edges, and keeps every second pixel: float32, half the side."""
    for axis in (1, 2):
        half = images.shape[axis] // 2
        padded = np.moveaxis(np.pad(images, _padding(axis, 2, 2), "reflect"), axis, 0)
        summed = sum(weight * padded[offset : offset + 2 * half : 2] for offset, weight in enumerate(_FILTER))
        images = np.moveaxis(summed, 0, axis)
    return images


def double(images: np.ndarray) -> np.ndarray:
    """Puts zeros between the pixels and blurs by the same filter times 4: float32, twice the side."""
    for axis in (1, 2):
        # Of the enlarged image's mirror image, the last row of pixels comes after its own last row of zeros.
        padded = np.moveaxis(np.pad(images, _padding(axis, 1, 0), "reflect"), axis, 0)
        padded = np.concatenate([padded, padded[-1:]])
        before, here, after = padded[:-2], padded[1:-1], padded[2:]
        even, odd = (before + 6 * here + after) / 8, (here + after) / 2
        images = np.moveaxis(np.stack([even, odd], axis=1).reshape(-1, *here.shape[1:]), 0, axis)
    return images


def _padding(axis: int, before: int, after: int) -> list[tuple[int, int]]:
    return [(before, after) if number == axis else (0, 0) for number in range(4)]
