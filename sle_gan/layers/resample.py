"""Resampling by integer factors, and cropping, with gradients that are right at every order and under XLA.

`tf.image.resize` and `UpSampling2D` have wrong or missing second-order gradients, so nothing here uses them.
"""

import tensorflow as tf


def side_of(images: tf.Tensor) -> int:
    """Returns the shorter side of images or maps `[batch, height, width, channels]` of static height and width."""
    return int(min(images.shape[1:3]))


def upsample_nearest(images: tf.Tensor, factor: int = 2) -> tf.Tensor:
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


def downsample_nearest(images: tf.Tensor, size_px: int) -> tf.Tensor:
    """Keeps every k-th pixel, so that `size_px` remain along the shorter side, or repeats the pixels of smaller images.

    Args:
        images: float `[batch, height, width, channels]`, static; the shorter side is a multiple or a divisor of
            `size_px`.
        size_px: shorter side of the result in pixels.

    Returns:
        The same dtype, `[batch, height, width, channels]` of the new height and width.

    Raises:
        ValueError: if neither side divides the other.
    """
    side = side_of(images)
    if side % size_px == 0:
        factor = side // size_px
        return images[:, ::factor, ::factor]
    if size_px % side == 0:
        return upsample_nearest(images, size_px // side)
    raise ValueError(f"one side must divide the other; got images of {side} px for {size_px} px")


def average_pool_to(images: tf.Tensor, size_px: int) -> tf.Tensor:
    """Averages equal squares of pixels, `size_px` of them along the shorter side.

    Args:
        images: float `[batch, height, width, channels]`, static; the shorter side is a multiple of `size_px`.
        size_px: shorter side of the result.

    Returns:
        The same dtype, `[batch, height, width, channels]` of the new height and width.

    Raises:
        ValueError: if `size_px` does not divide the side, or its squares the other side.
    """
    side = side_of(images)
    window, rest = divmod(side, size_px)
    if rest or max(images.shape[1:3]) % window:
        raise ValueError(f"the side must be a multiple of {size_px}; got {side}")
    if window == 1:
        return images
    return tf.nn.avg_pool2d(images, window, window, "VALID")


def crop_quadrant(images: tf.Tensor, quadrants: tf.Tensor) -> tf.Tensor:
    """Cuts one quarter out of each image or map.

    Args:
        images: float `[batch, height, width, channels]` of static, even height and width.
        quadrants: int32 `[batch]`: 0 top left, 1 top right, 2 bottom left, 3 bottom right.

    Returns:
        The same dtype, `[batch, height / 2, width / 2, channels]`.
    """
    height, width, channels = images.shape[1:]
    quarters = tf.reshape(images, [-1, 2, height // 2, 2, width // 2, channels])
    # A weighted sum with weights 0, 0, 0 and 1: XLA compiles a slice at a drawn position badly.
    chosen = tf.reshape(tf.one_hot(quadrants, 4, dtype=images.dtype), [-1, 2, 1, 2, 1, 1])
    return tf.reduce_sum(quarters * chosen, axis=[1, 3])


def upsample_bilinear(images: tf.Tensor, factor: int = 2) -> tf.Tensor:
    """Enlarges images by straight lines between the centers of pixels; beyond the outermost centers nothing changes.

    Args:
        images: float `[batch, height, width, channels]`; height and width are static.
        factor: even number of times that height and width grow.

    Returns:
        The same dtype, `[batch, factor * height, factor * width, channels]`.

    Raises:
        ValueError: if the factor is odd.
    """
    if factor % 2:
        raise ValueError(f"factor must be even; got {factor}")
    return _interpolate(_interpolate(images, factor, axis=1), factor, axis=2)


def upsample_fir(images: tf.Tensor) -> tf.Tensor:
    """Doubles the side: each new pixel is 3/4 of its nearest and 1/4 of its second nearest pixel along each axis.

    This inserts zeros between the pixels and filters with [1, 3, 3, 1] / 4. Beyond the border there are zeros.

    Args:
        images: float `[batch, height, width, channels]`; height and width are static.

    Returns:
        The same dtype, `[batch, 2 * height, 2 * width, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    return _double(_double(images, axis=1), axis=2)


def blur_fir(images: tf.Tensor) -> tf.Tensor:
    """Filters with [1, 3, 3, 1] / 8 along each axis, with two pixels of zeros around: the side grows by one.

    A 3x3 convolution of stride 2 without padding then gives half the original side.

    Args:
        images: float `[batch, height, width, channels]`.

    Returns:
        The same dtype, `[batch, height + 1, width + 1, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    x = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
    for axis in (1, 2):
        size = x.shape[axis] - 3
        taps = [_slice(x, axis, start, size) for start in range(4)]
        x = 0.125 * (taps[0] + taps[3]) + 0.375 * (taps[1] + taps[2])
    return x


def downsample_fir(images: tf.Tensor) -> tf.Tensor:
    """Filters with [1, 3, 3, 1] / 8 along each axis, then halves the side. Beyond the border there are zeros.

    Args:
        images: float `[batch, height, width, channels]` of even height and width.

    Returns:
        The same dtype, `[batch, height / 2, width / 2, channels]`.

    Source: Karras et al. 2020, arXiv:1912.04958.
    """
    return _halve(_halve(images, axis=1), axis=2)


def _double(images: tf.Tensor, axis: int) -> tf.Tensor:
    size = images.shape[axis]
    padded = tf.pad(images, [[0, 0] if each != axis else [1, 1] for each in range(4)])
    before, after = (_slice(padded, axis, start, size) for start in (0, 2))
    near = 0.75 * images
    shape = [-1, *images.shape[1:]]
    shape[axis] = 2 * size
    return tf.reshape(tf.stack([0.25 * before + near, near + 0.25 * after], axis=axis + 1), shape)


def _interpolate(images: tf.Tensor, factor: int, axis: int) -> tf.Tensor:
    size = images.shape[axis]
    first, last = (_slice(images, axis, start, 1) for start in (0, size - 1))
    padded = tf.concat([first, images, last], axis)
    before, after = (_slice(padded, axis, start, size) for start in (0, 2))
    new = []
    for place in range(factor):
        offset = (place + 0.5) / factor - 0.5  # of the new pixel's center from that of the pixel that it lies in
        new.append((1.0 - abs(offset)) * images + abs(offset) * (before if offset < 0.0 else after))
    shape = [-1, *images.shape[1:]]
    shape[axis] = factor * size
    return tf.reshape(tf.stack(new, axis=axis + 1), shape)


def _halve(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Filters, but computes only every second pixel."""
    padded = tf.pad(images, [[0, 0] if each != axis else [1, 1] for each in range(4)])
    pairs = padded.shape[axis] // 2
    shape = [-1, *padded.shape[1:]]
    even, odd = tf.unstack(tf.reshape(padded, [*shape[:axis], pairs, 2, *shape[axis + 1 :]]), axis=axis + 1)
    first = _slice(0.125 * even + 0.375 * odd, axis, 0, pairs - 1)
    return first + _slice(0.375 * even + 0.125 * odd, axis, 1, pairs - 1)


def _slice(images: tf.Tensor, axis: int, start: int, size: int) -> tf.Tensor:
    """Slices along one axis with `tf.split`.

    The gradient of `tf.split` is a concatenation. It is much cheaper on a CPU than that of `[start:end]`, and under XLA
    it has a gradient itself, which that of `tf.slice` does not.
    """
    return tf.split(images, [start, size, images.shape[axis] - start - size], axis)[1]
