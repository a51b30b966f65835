"""The pixels that a flower is drawn on, and the tilted plane that it lies in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.flowers.factors import FlowerFactors

Floats = NDArray[np.floating[Any]]


class Canvas:
    """The pixels of a picture, and the plane of the flower in it, which is tilted and so foreshortened.

    Args:
        picture: float32 `[side_px, side_px, 3]` in [0, 1]; drawn on in place.
        factors: `FlowerFactors`.

    Attributes:
        side_px: width and height.
        pixels: float32 `[side_px * side_px, 3]` in [0, 1].
        radius_px: the flower's radius in pixels.
    """

    def __init__(self, picture: Floats, factors: FlowerFactors) -> None:
        self.side_px = len(picture)
        self.pixels = picture.reshape(-1, 3)
        self.radius_px = factors.scale / 2 * self.side_px
        self._center_px = np.array([factors.x, factors.y]) * self.side_px
        direction = np.radians(factors.tilt_direction_degrees)
        lean = np.array([np.cos(direction), np.sin(direction)])
        self._to_picture = np.eye(2) - (1 - np.cos(np.radians(factors.tilt_degrees))) * np.outer(lean, lean)
        self._to_plane = np.linalg.inv(self._to_picture)

    def window(
        self, origin: tuple[float, float], angle: float, near: float, far: float, half_width: float
    ) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Finds the pixels in a rectangle of the flower's plane.

        Args:
            origin: x and y of a point of the rectangle's axis, in flower radii from the flower's center.
            angle: direction of the axis in radians.
            near: where the rectangle begins along the axis, in flower radii from the origin.
            far: where it ends.
            half_width: half its extent across the axis, in flower radii.

        Returns:
            Three arrays: the pixels' indices in `pixels`, int64 `[n]`, and their coordinates along and across the axis,
            float32 `[n]`, in flower radii from the origin.
        """
        origin_px = origin @ self._to_picture * self.radius_px + self._center_px
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = np.array([[near, -half_width], [near, half_width], [far, -half_width], [far, half_width]])
        corners_px = corners @ axes @ self._to_picture * self.radius_px + origin_px
        first = np.clip(np.floor(corners_px.min(0)), 0, self.side_px).astype(int)
        last = np.clip(np.ceil(corners_px.max(0)), 0, self.side_px).astype(int)
        columns, rows = np.arange(first[0], last[0]), np.arange(first[1], last[1])
        x = ((columns + 0.5 - origin_px[0]) / self.radius_px).astype(np.float32)
        y = ((rows + 0.5 - origin_px[1]) / self.radius_px).astype(np.float32)
        turned = (axes @ self._to_plane).astype(np.float32)
        along = turned[0, 0] * x + turned[0, 1] * y[:, None]
        across = turned[1, 0] * x + turned[1, 1] * y[:, None]
        inside = (along > near) & (along < far) & (np.abs(across) < half_width)
        places = columns + rows[:, None] * self.side_px
        return places[inside], along[inside], across[inside]

    def paint(
        self,
        places: NDArray[np.int64],
        shadow: Floats,
        coverage: Floats,
        colors: Floats,
    ) -> None:
        """Darkens pixels, then covers them.

        Args:
            places: int64 `[n]`, indices of rows of `pixels`.
            shadow: float32 `[n]` in [0, 1], the share of the light that is taken away.
            coverage: float32 `[n]` in [0, 1], the share of each pixel that is covered.
            colors: float32 `[n, 3]` in [0, 1]; overwritten.
        """
        pixels = np.take(self.pixels, places, axis=0)
        pixels *= ((1 - shadow) * (1 - coverage))[:, None]
        colors *= coverage[:, None]
        pixels += colors
        self.pixels[places] = pixels
