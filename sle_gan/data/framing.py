"""What `--fit crop` cuts off a folder's images, judged by their shapes and by what lies at their borders.

A shape of pictures that keeps more of them is proposed, or another `--fit`.

Imports no TensorFlow.
"""

import collections
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sle_gan.picture_shape import PictureShape
from sle_gan.settings.advice import Advice, as_flags

_PLAIN_SHARE = 0.6  # of the outermost pixels that are of one color, from which a background is plain
_SAME_COLOR = 24  # largest difference of two plain pixels, in [0, 255]
_CUT_SHARE = 0.02  # of the pixels that are cut off, from which something lies there
_NEAR = 1.1  # up to which next to nothing is cut off
_FAR = 1.5  # ratio of an image over that of the pictures, or its inverse, from which the crop loses a third of a scene
_TOO_MANY = 0.25  # of the images
_MUCH_MORE = 0.1  # of an image, that another shape must keep more than the one that was asked for to be proposed


@dataclass(frozen=True)
class Framing:
    """What lies at the borders of an image.

    Attributes:
        background: red, green and blue, in [0, 255], of a plain background; None of a scene that fills the image.
        loses: whether what is cut out of its middle lacks something of a thing on a plain background, or a third or
            more of a scene.
    """

    background: tuple[int, int, int] | None
    loses: bool


def framing(thumbnail: NDArray[np.uint8], width_px: int, height_px: int, shape: PictureShape) -> Framing:
    """Judges what is left out where the middle of an image is cut to a shape.

    Args:
        thumbnail: uint8 `[side, side, 3]`, the image stretched to a square.
        width_px: width of the image.
        height_px: its height.
        shape: of the pictures.

    Returns:
        A `Framing`.
    """
    ring = np.concatenate([thumbnail[0], thumbnail[-1], thumbnail[1:-1, 0], thumbnail[1:-1, -1]])
    color = np.median(ring, axis=0)
    relative = width_px * shape.height / (height_px * shape.width)
    aspect = max(relative, 1 / relative)
    if (np.abs(ring - color).max(axis=-1) <= _SAME_COLOR).mean() < _PLAIN_SHARE:
        return Framing(None, aspect >= _FAR)
    lying = thumbnail if relative > 1 else thumbnail.transpose(1, 0, 2)  # the ends are at the left and right
    cut = round(lying.shape[1] * (1 - 1 / aspect) / 2)
    ends = np.concatenate([lying[:, :cut], lying[:, lying.shape[1] - cut :]], axis=1)
    things = np.abs(ends - color).max(axis=-1) > _SAME_COLOR
    red, green, blue = (round(float(value)) for value in color)
    return Framing((red, green, blue), aspect > _NEAR and cut > 0 and bool(things.mean() >= _CUT_SHARE))


def shape_advice(sizes: Sequence[tuple[int, int]], asked: PictureShape, side_px: int) -> Advice | None:
    """Advises another shape of the pictures where a crop to it keeps much more of the images.

    Args:
        sizes: width and height of each image in pixels, of one at least.
        asked: the shape that was asked for.
        side_px: shorter side of the shapes that are proposed.

    Returns:
        The advice, or None if the shape is right.
    """
    ratios = np.array([width / height for width, height in sizes])

    def kept(shape: PictureShape) -> float:
        relative = ratios * shape.height / shape.width
        return float(np.minimum(relative, 1 / relative).mean())

    typical = float(np.median(ratios))
    ends = (round(1000 * typical), 1000) if typical > 1 else (1000, round(1000 / typical))
    fitting = PictureShape(*ends).of_side(side_px).in_quarters()
    if kept(fitting) < kept(asked) + _MUCH_MORE:
        return None
    changes = {"resolution": fitting.resolution}
    shares = f"shows {kept(fitting):.0%} of an image on average, {asked} {kept(asked):.0%}"
    return Advice(f"most images are about {_ratio(fitting)}: {as_flags(changes)} {shares}", changes)


def _ratio(shape: PictureShape) -> str:
    divisor = math.gcd(*shape)
    return f"{shape.width // divisor}:{shape.height // divisor}"


def fit_advice(framings: Sequence[Framing]) -> Advice | None:
    """Advises another `--fit` where the crop loses something of more than a quarter of the images.

    Args:
        framings: a `Framing` of each image, at least one.

    Returns:
        The advice, or None if the crop is right.
    """
    losing = [framing for framing in framings if framing.loses]
    if len(losing) <= _TOO_MANY * len(framings):
        return None
    of_all = f"of {len(losing)} of the {len(framings)} images"
    plain = [framing.background for framing in losing if framing.background is not None]
    if len(plain) <= len(losing) / 2:
        changes = {"fit": "pad"}
        return Advice(f"the default crop cuts off a third or more {of_all}: {as_flags(changes)} keeps it", changes)
    color = _common_color(plain)
    changes = {"fit": "pad"} | ({"background": color} if color else {})
    cut_off = f"the default crop cuts off parts of what lies on a plain background {of_all}"
    return Advice(f"{cut_off}: {as_flags(changes)} keeps them", changes)


def _common_color(colors: Iterable[tuple[int, int, int]]) -> str | None:
    """Returns the color that most are like, as `#rrggbb`; None if there is none, or it is white, the default."""
    values = np.array(list(colors))
    middle = np.median(values, axis=0)
    alike = collections.Counter((np.abs(values - middle).max(axis=-1) <= _SAME_COLOR).tolist())
    if alike[True] < _PLAIN_SHARE * len(values) or middle.min() >= 255 - _SAME_COLOR / 2:
        return None
    return "#" + "".join(f"{round(float(value)):02x}" for value in middle)
