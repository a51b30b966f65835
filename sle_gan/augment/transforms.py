"""Random transforms of images, each with a probability: moves as one affine map, colors as one matrix per image.

Source: Karras et al. 2020, arXiv:2006.06676, appendix B.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from sle_gan.layers.batch import count_of

_COLORS = 3


class Transform(NamedTuple):
    """A random transform of one kind.

    Attributes:
        matrices: function of (count, seed int32 `[2]`, side of the images in pixels) -> one matrix for each image.
        chance: function of the pipe's probability -> the probability that an image is transformed.
    """

    matrices: object
    chance: object


def _plain(probability):
    return probability


def _half_of_two(probability):
    """Returns the probability of each of two turns, one of which at least is to happen with the given one."""
    return 1.0 - tf.sqrt(1.0 - probability)


# A matrix of a move says where a pixel of the result comes from: (x, y, 1), in pixels from the middle of the image.


def _flip(count, seed, side):
    mirrored = tf.random.stateless_uniform([count], seed, 0, 2, tf.int32)
    return _stretched(tf.cast(1 - 2 * mirrored, tf.float32), tf.ones([count]))


def _quarter_turn(count, seed, side):
    quarters = tf.random.stateless_uniform([count], seed, 0, 4, tf.int32)
    # Whole numbers, which no cosine gives.
    return _turned(tf.gather([1.0, 0.0, -1.0, 0.0], quarters), tf.gather([0.0, 1.0, 0.0, -1.0], quarters))


def _whole_shift(count, seed, side):
    shares = tf.random.stateless_uniform([2, count], seed, -0.125, 0.125)
    return _shifted(*tf.unstack(tf.round(side * shares)))


def _scale(count, seed, side):
    factors = 2.0 ** (0.2 * tf.random.stateless_normal([count], seed))
    return _stretched(1.0 / factors, 1.0 / factors)


def _turn(count, seed, side):
    angles = tf.random.stateless_uniform([count], seed, -math.pi, math.pi)
    return _turned(tf.cos(angles), tf.sin(angles))


def _stretch(count, seed, side):
    factors = 2.0 ** (0.2 * tf.random.stateless_normal([count], seed))
    return _stretched(1.0 / factors, factors)


def _shift(count, seed, side):
    shares = 0.125 * tf.random.stateless_normal([2, count], seed)
    return _shifted(*tf.unstack(side * shares))


# A matrix of colors takes (red, green, blue, 1) to the same.


def _brightness(count, seed, side):
    shifts = 0.2 * tf.random.stateless_normal([count], seed)
    column = tf.tile(shifts[:, None, None], [1, _COLORS, 1])  # [count, 3, 1]
    return _colors(tf.eye(_COLORS, batch_shape=[count]), column)


def _contrast(count, seed, side):
    factors = 2.0 ** (0.5 * tf.random.stateless_normal([count], seed))
    return _colors(factors[:, None, None] * tf.eye(_COLORS))


def _luma_flip(count, seed, side):
    flipped = tf.cast(tf.random.stateless_uniform([count], seed, 0, 2, tf.int32), tf.float32)
    return _colors(tf.eye(_COLORS) - 2.0 * flipped[:, None, None] * _luma())


def _hue(count, seed, side):
    angles = tf.random.stateless_uniform([count], seed, -math.pi, math.pi)[:, None, None]
    across = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    # A rotation about the axis of greys.
    return _colors(_luma() + tf.cos(angles) * (tf.eye(_COLORS) - _luma()) + tf.sin(angles) * across)


def _saturation(count, seed, side):
    factors = (2.0 ** tf.random.stateless_normal([count], seed))[:, None, None]
    return _colors(_luma() + factors * (tf.eye(_COLORS) - _luma()))


MOVES = {
    "flip": Transform(_flip, _plain),
    "quarter-turn": Transform(_quarter_turn, _plain),
    "whole-shift": Transform(_whole_shift, _plain),
    "scale": Transform(_scale, _plain),
    "first-turn": Transform(_turn, _half_of_two),
    "stretch": Transform(_stretch, _plain),
    "second-turn": Transform(_turn, _half_of_two),
    "shift": Transform(_shift, _plain),
}
COLORS = {
    "brightness": Transform(_brightness, _plain),
    "contrast": Transform(_contrast, _plain),
    "luma-flip": Transform(_luma_flip, _plain),
    "hue": Transform(_hue, _plain),
    "saturation": Transform(_saturation, _plain),
}
TRANSFORMS = MOVES | COLORS
# By the letters of the paper: pixel blitting, general geometry, color.
PIPES = {
    "b": ("flip", "quarter-turn", "whole-shift"),
    "bg": tuple(MOVES),
    "bc": ("flip", "quarter-turn", "whole-shift", *COLORS),
    "bgc": tuple(TRANSFORMS),
}


class Pipe:
    """Transforms images one kind after the other, in the order of `TRANSFORMS`; each image has draws of its own.

    All moves of an image are one affine map, sampled once between its pixels, with the image mirrored beyond its
    borders; all color changes are one matrix. Gradients flow through both.

    Args:
        names: of the transforms, out of `TRANSFORMS`.

    Raises:
        ValueError: if there is none, or one is unknown.

    Differs: samples are bilinear, without the wavelet filter of the reference around it. A fourth channel (alpha) is
        moved, its values are not changed.
    """

    def __init__(self, names):
        unknown = [name for name in names if name not in TRANSFORMS]
        if unknown or not names:
            raise ValueError(f"transforms must be some of {', '.join(TRANSFORMS)}; got {', '.join(names) or 'none'}")
        self._moves = [name for name in MOVES if name in names]
        self._colors = [name for name in COLORS if name in names]

    def __call__(self, images, seed, probability):
        """Transforms a batch.

        Args:
            images: float32 `[batch, side, side, channels]` in [-1, 1], of static side and channels.
            seed: int32 `[2]`; the same seed transforms in the same way.
            probability: float32 scalar in [0, 1], of each transform of each image. At 0 the images are what they were,
                to the bit.

        Returns:
            The same shape; values may leave [-1, 1].
        """
        if self._moves:
            images = sample(images, self._matrices(self._moves, images, seed, probability))
        if self._colors:
            images = recolor(images, self._matrices(self._colors, images, seed, probability))
        return images

    def _matrices(self, names, images, seed, probability):
        count, side = count_of(images), images.shape[1]
        total = None
        for name in names:
            gate_seed, value_seed = seeds_of(seed, name)
            matrices = TRANSFORMS[name].matrices(count, value_seed, side)
            happens = tf.random.stateless_uniform([count], gate_seed) < TRANSFORMS[name].chance(probability)
            matrices = tf.where(happens[:, None, None], matrices, tf.eye(matrices.shape[-1]))
            if total is None:
                total = matrices
            else:
                # Where a pixel comes from is asked of the last move first, what becomes of a color of the first.
                total = _product(total, matrices) if name in MOVES else _product(matrices, total)
        return total


def seeds_of(seed, name):
    """Returns the seeds of a transform: of whether it happens, and of what it does; int32 `[2]` each."""
    own = tf.random.experimental.stateless_fold_in(seed, list(TRANSFORMS).index(name))
    return tuple(tf.random.experimental.stateless_fold_in(own, use) for use in range(2))


def sample(images, matrices):
    """Draws images through affine maps, bilinearly.

    Args:
        images: float `[batch, side, side, channels]` of static side and channels; mirrored beyond their borders,
            whose pixels are not repeated.
        matrices: float32 `[batch, 3, 3]`: (x, y, 1) of a pixel of the result, in pixels to the right and down from the
            middle of the image, to where it comes from.

    Returns:
        The shape of `images`.
    """
    side, channels = images.shape[2], images.shape[3]
    middle = (side - 1) / 2.0
    places = tf.range(side, dtype=tf.float32) - middle
    x, y = (
        matrices[:, row, 0, None, None] * places + matrices[:, row, 1, None, None] * places[:, None] for row in (0, 1)
    )
    x += matrices[:, 0, 2, None, None] + middle  # [batch, side, side]
    y += matrices[:, 1, 2, None, None] + middle
    left, top = tf.floor(x), tf.floor(y)
    right_share, lower_share = x - left, y - top
    flat = tf.reshape(images, [-1, side * side, channels])
    result = 0.0
    for below in (0, 1):
        rows = _mirrored(tf.cast(top, tf.int32) + below, side)
        row_share = lower_share if below else 1.0 - lower_share
        for beside in (0, 1):
            columns = _mirrored(tf.cast(left, tf.int32) + beside, side)
            share = row_share * (right_share if beside else 1.0 - right_share)
            pixels = tf.gather(flat, tf.reshape(rows * side + columns, [-1, side * side]), batch_dims=1, axis=1)
            result += tf.cast(share, images.dtype)[..., None] * tf.reshape(pixels, [-1, side, side, channels])
    return result


def recolor(images, matrices):
    """Changes the colors of images.

    Args:
        images: float `[batch, height, width, channels]`: of one channel, which is all three colors, or of three and
            perhaps alpha, which stays.
        matrices: float32 `[batch, 4, 4]`: (red, green, blue, 1) to the same.

    Returns:
        The shape of `images`.
    """
    matrices = tf.cast(matrices, images.dtype)
    if images.shape[-1] == 1:
        rows = tf.reduce_mean(matrices[:, :_COLORS], axis=1)  # [batch, 4]
        return images * tf.reduce_sum(rows[:, :_COLORS], axis=1)[:, None, None, None] + rows[:, None, None, _COLORS:]
    columns = matrices[:, None, None, :_COLORS]  # [batch, 1, 1, 3, 4]
    colors = sum(images[..., index : index + 1] * columns[..., index] for index in range(_COLORS))
    return tf.concat([colors + columns[..., _COLORS], images[..., _COLORS:]], axis=-1)


def _mirrored(positions, side):
    last = side - 1
    return last - tf.abs(last - tf.math.floormod(positions, 2 * last))


def _stretched(x_factors, y_factors):
    return tf.linalg.diag(tf.stack([x_factors, y_factors, tf.ones_like(x_factors)], axis=-1))


def _turned(cosines, sines):
    zeros, ones = tf.zeros_like(cosines), tf.ones_like(cosines)
    return _rows([cosines, sines, zeros], [-sines, cosines, zeros], [zeros, zeros, ones])


def _shifted(right, down):
    zeros, ones = tf.zeros_like(right), tf.ones_like(right)
    return _rows([ones, zeros, -right], [zeros, ones, -down], [zeros, zeros, ones])


def _rows(*rows):
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)  # [count, 3, 3]


def _colors(matrices, shifts=None):
    """Makes 4x4 matrices of 3x3 ones and what is added."""
    shifts = tf.zeros_like(matrices[:, :, :1]) if shifts is None else shifts
    last = tf.tile(tf.constant([[[0.0, 0.0, 0.0, 1.0]]]), [count_of(matrices), 1, 1])
    return tf.concat([tf.concat([matrices, shifts], axis=2), last], axis=1)


def _luma():
    return tf.fill([_COLORS, _COLORS], 1.0 / _COLORS)


def _product(a, b):
    # Not `matmul`, which some accelerators round to fewer bits.
    return tf.reduce_sum(a[:, :, :, None] * b[:, None], axis=2)
