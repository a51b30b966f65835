"""Random transforms of images, each applied with a probability.

For each image, all geometric transforms are one affine map, and all color transforms are one matrix.

Source: Karras et al. 2020, arXiv:2006.06676, appendix B.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from sle_gan.layers.batch import count_of

Count: TypeAlias = int | tf.Tensor  # images in a batch
Size: TypeAlias = tuple[int, int]  # height and width of the images in pixels

_COLORS = 3


class Transform(NamedTuple):
    """A random transform of one kind.

    Attributes:
        matrices: function of (count, seed int32 `[2]`, height and width of the images) -> float32
            `[count, n, n]`, a matrix for each image: 3x3 for a move, 4x4 for a change of colors.
        chance: function of the pipe's probability -> the probability that an image is transformed.
    """

    matrices: Callable[[Count, tf.Tensor, Size], tf.Tensor]
    chance: Callable[[tf.Tensor], tf.Tensor]


def _unchanged(probability: tf.Tensor) -> tf.Tensor:
    return probability


def _either_rotation(probability: tf.Tensor) -> tf.Tensor:
    """Returns the probability of each of two rotations, so that at least one happens with the given probability."""
    return 1.0 - tf.sqrt(1.0 - probability)


# The matrix of a move maps a pixel of the result, (x, y, 1), to where it comes from, in pixels from the image's middle.


def _flip(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    mirrored = tf.random.stateless_uniform([count], seed, 0, 2, tf.int32)
    return _scaling_matrix(tf.cast(1 - 2 * mirrored, tf.float32), tf.ones([count]))


def _quarter_turn(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    quarters = tf.random.stateless_uniform([count], seed, 0, 4, tf.int32)
    # Exact values, which `tf.cos` does not return.
    return _rotation_matrix(tf.gather([1.0, 0.0, -1.0, 0.0], quarters), tf.gather([0.0, 1.0, 0.0, -1.0], quarters))


def _integer_shift(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    shares = tf.random.stateless_uniform([2, count], seed, -0.125, 0.125)
    return _translation_matrix(*tf.unstack(tf.round(_pixels(shares, size))))


def _scale(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    factors = 2.0 ** (0.2 * tf.random.stateless_normal([count], seed))
    return _scaling_matrix(1.0 / factors, 1.0 / factors)


def _rotation(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    angles = tf.random.stateless_uniform([count], seed, -math.pi, math.pi)
    return _rotation_matrix(tf.cos(angles), tf.sin(angles))


def _anisotropic_scale(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    factors = 2.0 ** (0.2 * tf.random.stateless_normal([count], seed))
    return _scaling_matrix(1.0 / factors, factors)


def _fractional_shift(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    shares = 0.125 * tf.random.stateless_normal([2, count], seed)
    return _translation_matrix(*tf.unstack(_pixels(shares, size)))


def _pixels(shares: tf.Tensor, size: Size) -> tf.Tensor:
    """Returns shares of the width, to the right, and of the height, down, `[2, count]` in pixels."""
    height, width = size
    return tf.constant([[width], [height]], tf.float32) * shares


# The matrix of a color change maps (red, green, blue, 1) to the new colors.


def _brightness(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    shifts = 0.2 * tf.random.stateless_normal([count], seed)
    column = tf.tile(shifts[:, None, None], [1, _COLORS, 1])  # [count, 3, 1]
    return _color_matrix(tf.eye(_COLORS, batch_shape=[count]), column)


def _contrast(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    factors = 2.0 ** (0.5 * tf.random.stateless_normal([count], seed))
    return _color_matrix(factors[:, None, None] * tf.eye(_COLORS))


def _luma_flip(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    flipped = tf.cast(tf.random.stateless_uniform([count], seed, 0, 2, tf.int32), tf.float32)
    return _color_matrix(tf.eye(_COLORS) - 2.0 * flipped[:, None, None] * _luma())


def _hue(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    angles = tf.random.stateless_uniform([count], seed, -math.pi, math.pi)[:, None, None]
    cross_product = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)
    # Rodrigues' formula: a rotation about the axis of greys, where red, green and blue are equal.
    return _color_matrix(_luma() + tf.cos(angles) * (tf.eye(_COLORS) - _luma()) + tf.sin(angles) * cross_product)


def _saturation(count: Count, seed: tf.Tensor, size: Size) -> tf.Tensor:
    factors = (2.0 ** tf.random.stateless_normal([count], seed))[:, None, None]
    return _color_matrix(_luma() + factors * (tf.eye(_COLORS) - _luma()))


MOVES = {
    "flip": Transform(_flip, _unchanged),
    "quarter-turn": Transform(_quarter_turn, _unchanged),
    "whole-shift": Transform(_integer_shift, _unchanged),
    "scale": Transform(_scale, _unchanged),
    "first-turn": Transform(_rotation, _either_rotation),
    "stretch": Transform(_anisotropic_scale, _unchanged),
    "second-turn": Transform(_rotation, _either_rotation),
    "shift": Transform(_fractional_shift, _unchanged),
}
COLORS = {
    "brightness": Transform(_brightness, _unchanged),
    "contrast": Transform(_contrast, _unchanged),
    "luma-flip": Transform(_luma_flip, _unchanged),
    "hue": Transform(_hue, _unchanged),
    "saturation": Transform(_saturation, _unchanged),
}
TRANSFORMS = MOVES | COLORS
# By the paper's letters: b for pixel blitting, g for general geometric transforms, c for color transforms.
PIPES = {
    "b": ("flip", "quarter-turn", "whole-shift"),
    "bg": tuple(MOVES),
    "bc": ("flip", "quarter-turn", "whole-shift", *COLORS),
    "bgc": tuple(TRANSFORMS),
}


class Pipe:
    """The augmentation pipeline of the paper: transforms in the order of `TRANSFORMS`, drawn anew for each image.

    All moves of an image are one affine map: the image, mirrored beyond its borders, is interpolated once. It keeps its
    shape, also where it is turned by a quarter and not square: what is turned is the scene in its frame. All color
    changes are one matrix. Gradients flow through both.

    Args:
        names: names of the transforms, from `TRANSFORMS`.

    Raises:
        ValueError: if there is no name, or one is unknown.

    Differs: interpolation is bilinear, without the reference's wavelet filters before and after. A fourth channel
        (alpha) is moved, but its values do not change with the colors.
    """

    def __init__(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in TRANSFORMS]
        if unknown or not names:
            raise ValueError(f"transforms must be some of {', '.join(TRANSFORMS)}; got {', '.join(names) or 'none'}")
        self._move_names = [name for name in MOVES if name in names]
        self._color_names = [name for name in COLORS if name in names]

    def __call__(self, images: tf.Tensor, seed: tf.Tensor, probability: tf.Tensor) -> tf.Tensor:
        """Transforms a batch.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], of static height, width and channels.
            seed: int32 `[2]`; the same seed transforms in the same way.
            probability: float32 scalar in [0, 1]: the probability of each transform for each image. At 0 the images are
                returned bit for bit.

        Returns:
            The same shape; values may leave [-1, 1].
        """
        if self._move_names:
            images = sample(images, self._matrices(self._move_names, images, seed, probability))
        if self._color_names:
            images = recolor(images, self._matrices(self._color_names, images, seed, probability))
        return images

    def _matrices(self, names: Sequence[str], images: tf.Tensor, seed: tf.Tensor, probability: tf.Tensor) -> tf.Tensor:
        count, size = count_of(images), tuple(images.shape[1:3])
        total = None
        for name in names:
            gate_seed, value_seed = seeds_of(seed, name)
            matrices = TRANSFORMS[name].matrices(count, value_seed, size)
            happens = tf.random.stateless_uniform([count], gate_seed) < TRANSFORMS[name].chance(probability)
            matrices = tf.where(happens[:, None, None], matrices, tf.eye(matrices.shape[-1]))
            if total is None:
                total = matrices
            else:
                # Moves map from the result back to the image, so the last one is applied first; colors map forward.
                total = _product(total, matrices) if name in MOVES else _product(matrices, total)
        return total


def seeds_of(seed: tf.Tensor, name: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns two seeds of a transform, int32 `[2]` each: for whether it is applied, and for its values."""
    own = tf.random.experimental.stateless_fold_in(seed, list(TRANSFORMS).index(name))
    gate_seed, value_seed = (tf.random.experimental.stateless_fold_in(own, use) for use in range(2))
    return gate_seed, value_seed


def sample(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Resamples images through affine maps, with bilinear interpolation.

    Args:
        images: float `[batch, height, width, channels]` of static height, width and channels; mirrored beyond their
            borders without repeating the border pixels.
        matrices: float32 `[batch, 3, 3]`: from (x, y, 1) of a pixel of the result to where it comes from. Both are in
            pixels from the middle of the image, x to the right and y down.

    Returns:
        The shape of `images`.
    """
    height, width, channels = images.shape[1:]
    across, down = ((side - 1) / 2.0 for side in (width, height))  # to the middle
    columns, rows = tf.range(width, dtype=tf.float32) - across, tf.range(height, dtype=tf.float32) - down
    x, y = (
        matrices[:, row, 0, None, None] * columns + matrices[:, row, 1, None, None] * rows[:, None] for row in (0, 1)
    )
    x += matrices[:, 0, 2, None, None] + across  # [batch, height, width]
    y += matrices[:, 1, 2, None, None] + down
    left, top = tf.floor(x), tf.floor(y)
    right_weight, lower_weight = x - left, y - top
    flat = tf.reshape(images, [-1, height * width, channels])
    result = 0.0
    for below in (0, 1):
        from_rows = _mirrored(tf.cast(top, tf.int32) + below, height)
        row_weight = lower_weight if below else 1.0 - lower_weight
        for beside in (0, 1):
            from_columns = _mirrored(tf.cast(left, tf.int32) + beside, width)
            weight = row_weight * (right_weight if beside else 1.0 - right_weight)
            places = tf.reshape(from_rows * width + from_columns, [-1, height * width])
            pixels = tf.reshape(tf.gather(flat, places, batch_dims=1, axis=1), [-1, height, width, channels])
            result += tf.cast(weight, images.dtype)[..., None] * pixels
    return result


def recolor(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Changes the colors of images.

    Args:
        images: float `[batch, height, width, channels]`: 1 channel (grey, taken as three equal colors), 3
            (RGB), or 4 (RGB and alpha, which stays).
        matrices: float32 `[batch, 4, 4]`: from (red, green, blue, 1) to the new colors and 1.

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


def _mirrored(positions: tf.Tensor, side: int) -> tf.Tensor:
    last = side - 1
    return last - tf.abs(last - tf.math.floormod(positions, 2 * last))


def _scaling_matrix(x_factors: tf.Tensor, y_factors: tf.Tensor) -> tf.Tensor:
    return tf.linalg.diag(tf.stack([x_factors, y_factors, tf.ones_like(x_factors)], axis=-1))


def _rotation_matrix(cosines: tf.Tensor, sines: tf.Tensor) -> tf.Tensor:
    zeros, ones = tf.zeros_like(cosines), tf.ones_like(cosines)
    return _matrix_of_rows([cosines, sines, zeros], [-sines, cosines, zeros], [zeros, zeros, ones])


def _translation_matrix(right: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    zeros, ones = tf.zeros_like(right), tf.ones_like(right)
    return _matrix_of_rows([ones, zeros, -right], [zeros, ones, -down], [zeros, zeros, ones])


def _matrix_of_rows(*rows: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)  # [count, 3, 3]


def _color_matrix(matrices: tf.Tensor, shifts: tf.Tensor | None = None) -> tf.Tensor:
    """Returns 4x4 matrices that apply 3x3 ones `[count, 3, 3]`, then add `[count, 3, 1]`."""
    shifts = tf.zeros_like(matrices[:, :, :1]) if shifts is None else shifts
    last = tf.tile(tf.constant([[[0.0, 0.0, 0.0, 1.0]]]), [count_of(matrices), 1, 1])
    return tf.concat([tf.concat([matrices, shifts], axis=2), last], axis=1)


def _luma() -> tf.Tensor:
    return tf.fill([_COLORS, _COLORS], 1.0 / _COLORS)


def _product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    # Not `tf.matmul`, which some accelerators compute with fewer bits.
    return tf.reduce_sum(a[:, :, :, None] * b[:, None], axis=2)
