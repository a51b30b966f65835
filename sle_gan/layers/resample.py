"""Resampling by whole factors and cropping, in forms whose gradients are right at every order and under XLA.

`tf.image.resize` and `UpSampling2D` have wrong or missing second-order gradients, so nothing here uses them.
"""

import tensorflow as tf


def upsample_nearest(images, factor=2):
    """Repeats every pixel `factor` times along height and width.

    Args:
        images: float `[batch, height, width, channels]`; height and width are static.
        factor: whole number of repetitions, 1 or more.

    Returns:
        The same dtype, `[batch, factor * height, factor * width, channels]`.
    """
    if factor == 1:
        return images
    height, width, channels = images.shape[1:]
    columns = tf.concat([images] * factor, axis=-1)  # each row already holds its pixels side by side
    rows = tf.reshape(columns, [-1, height, 1, factor * width, channels])
    return tf.reshape(tf.concat([rows] * factor, axis=2), [-1, factor * height, factor * width, channels])


def downsample_nearest(images, size_px):
    """Takes pixel `k * i` of every `k`, as an image is brought down to `size_px`; smaller ones are repeated up.

    Args:
        images: float `[batch, side, side, channels]`; `side` is static and a multiple or a divisor of `size_px`.
        size_px: side of the result in pixels.

    Returns:
        The same dtype, `[batch, size_px, size_px, channels]`.

    Raises:
        ValueError: if neither side divides the other.
    """
    side = images.shape[1]
    if side % size_px == 0:
        factor = side // size_px
        return images[:, ::factor, ::factor]
    if size_px % side == 0:
        return upsample_nearest(images, size_px // side)
    raise ValueError(f"one side must divide the other; got images of {side} px for {size_px} px")


def average_pool_to(images, size_px):
    """Averages equal squares so that `size_px` of them stand along each side.

    Args:
        images: float `[batch, side, side, channels]`; `side` is static and a multiple of `size_px`.
        size_px: side of the result.

    Returns:
        The same dtype, `[batch, size_px, size_px, channels]`.

    Raises:
        ValueError: if `size_px` does not divide `side`.
    """
    side = images.shape[1]
    if side % size_px:
        raise ValueError(f"the side must be a multiple of {size_px}; got {side}")
    if side == size_px:
        return images
    window = side // size_px
    return tf.nn.avg_pool2d(images, window, window, "VALID")


def crop_quadrant(images, quadrants):
    """Cuts one quarter out of each square image or map.

    Args:
        images: float `[batch, side, side, channels]` of static, even side.
        quadrants: int32 `[batch]`: 0 top left, 1 top right, 2 bottom left, 3 bottom right.

    Returns:
        The same dtype, `[batch, side / 2, side / 2, channels]`.
    """
    half, channels = images.shape[1] // 2, images.shape[-1]
    quarters = tf.reshape(images, [-1, 2, half, 2, half, channels])
    # A sum over three zeros and a one: a slice at a drawn place would compile badly under XLA.
    chosen = tf.reshape(tf.one_hot(quadrants, 4, dtype=images.dtype), [-1, 2, 1, 2, 1, 1])
    return tf.reduce_sum(quarters * chosen, axis=[1, 3])


def upsample_fir(images):
    """Doubles the side, each pixel 3/4 of its nearest and 1/4 of its next neighbor along each axis.

    Zeros inserted between pixels, filtered with [1, 3, 3, 1]; the border sees zeros beyond it.

    Args:
        images: float `[batch, height, width, channels]`; height and width are static.

    Returns:
        The same dtype, `[batch, 2 * height, 2 * width, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    return _doubled(_doubled(images, axis=1), axis=2)


def blur_fir(images):
    """Filters with [1, 3, 3, 1] / 8 along each axis, two pixels of zeros around: the side grows by one.

    A 3x3 convolution of stride 2 without padding then halves the side that the images had.

    Args:
        images: float `[batch, height, width, channels]`.

    Returns:
        The same dtype, `[batch, height + 1, width + 1, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    x = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
    for axis in (1, 2):
        size = x.shape[axis] - 3
        taps = [_part(x, axis, start, size) for start in range(4)]
        x = 0.125 * (taps[0] + taps[3]) + 0.375 * (taps[1] + taps[2])
    return x


def downsample_fir(images):
    """Halves the side after a filter of [1, 3, 3, 1] / 8 along each axis; the border sees zeros beyond it.

    Args:
        images: float `[batch, height, width, channels]` of even height and width.

    Returns:
        The same dtype, `[batch, height / 2, width / 2, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    return _halved(_halved(images, axis=1), axis=2)


def _doubled(images, axis):
    size = images.shape[axis]
    padded = tf.pad(images, [[0, 0] if each != axis else [1, 1] for each in range(4)])
    before, after = (_part(padded, axis, start, size) for start in (0, 2))
    near = 0.75 * images
    shape = [-1, *images.shape[1:]]
    shape[axis] = 2 * size
    return tf.reshape(tf.stack([0.25 * before + near, near + 0.25 * after], axis=axis + 1), shape)


def _halved(images, axis):
    """Filters and keeps every second pixel; the others are never computed."""
    padded = tf.pad(images, [[0, 0] if each != axis else [1, 1] for each in range(4)])
    pairs = padded.shape[axis] // 2
    shape = [-1, *padded.shape[1:]]
    even, odd = tf.unstack(tf.reshape(padded, [*shape[:axis], pairs, 2, *shape[axis + 1 :]]), axis=axis + 1)
    first = _part(0.125 * even + 0.375 * odd, axis, 0, pairs - 1)
    return first + _part(0.375 * even + 0.125 * odd, axis, 1, pairs - 1)


def _part(images, axis, start, size):
    """Slices along one axis by `tf.split`.

    Its gradient, a concatenation, is much cheaper on a CPU than that of `[start:end]`, and has a gradient under XLA,
    where that of `tf.slice` has none.
    """
    return tf.split(images, [start, size, images.shape[axis] - start - size], axis)[1]
