"""DiffAugment: differentiable augmentation of everything that the discriminator sees.

Source: Zhao et al. 2020, arXiv:2006.10738.
"""

from collections.abc import Sequence

import tensorflow as tf

from sle_gan.layers.batch import count_of

OPERATIONS = ("color", "translation", "cutout")


class DiffAugment:
    """Augments images in a fixed order: brightness, saturation, contrast, translation, cutout.

    Every operation of the policy is always applied, with other random numbers for each image. Nothing is clipped.
    Gradients flow through all operations.

    Args:
        policy: some of `color`, `translation`, `cutout`.
        brightness: greatest shift, on the scale of images in [-1, 1].
        saturation: greatest change of the factor around 1.
        contrast: greatest change of the factor around 1.
        translation: greatest shift, as a fraction of each side.
        cutout: sides of what is cut out, as a fraction of the image's sides.

    Raises:
        ValueError: if the policy is empty or names another operation.

    Differs: a fourth channel (alpha) is translated and cut out; its values do not change with the colors.
    """

    def __init__(
        self,
        policy: Sequence[str] = OPERATIONS,
        *,
        brightness: float = 0.5,
        saturation: float = 1.0,
        contrast: float = 0.5,
        translation: float = 0.125,
        cutout: float = 0.5,
    ) -> None:
        unknown = [operation for operation in policy if operation not in OPERATIONS]
        if unknown or not policy:
            raise ValueError(f"policy must name some of {', '.join(OPERATIONS)}; got {', '.join(policy) or 'none'}")
        self.policy = tuple(operation for operation in OPERATIONS if operation in policy)
        self.brightness = brightness
        self.saturation = saturation
        self.contrast = contrast
        self.translation = translation
        self.cutout = cutout

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Augments a batch.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], of static height and width.
            seed: int32 `[2]`; the same seed augments in the same way.

        Returns:
            The same shape; values may leave [-1, 1].
        """
        apply = {"color": self._color, "translation": self._translation, "cutout": self._cutout}
        for operation in self.policy:
            images = apply[operation](images, _fold(seed, OPERATIONS.index(operation)))
        return images

    def _color(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        count = count_of(images)
        colors, alpha = images[..., :3], images[..., 3:]
        shifts = _uniform(count, _fold(seed, 0), -self.brightness, self.brightness)
        saturations = _uniform(count, _fold(seed, 1), 1 - self.saturation, 1 + self.saturation)
        contrasts = _uniform(count, _fold(seed, 2), 1 - self.contrast, 1 + self.contrast)
        colors = shift_brightness(colors, shifts)
        colors = scale_contrast(scale_saturation(colors, saturations), contrasts)
        return tf.concat([colors, alpha], axis=-1) if alpha.shape[-1] else colors

    def _translation(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        count, (height, width) = count_of(images), images.shape[1:3]
        down = _integers(count, _fold(seed, 0), int(self.translation * height + 0.5))
        right = _integers(count, _fold(seed, 1), int(self.translation * width + 0.5))
        return translate(images, down, right)

    def _cutout(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        count = count_of(images)
        sizes = [int(self.cutout * side + 0.5) for side in images.shape[1:3]]
        centers = [
            tf.random.stateless_uniform([count], _fold(seed, axis), 0, side + 1 - size % 2, tf.int32)
            for axis, (side, size) in enumerate(zip(images.shape[1:3], sizes, strict=True))
        ]
        return cut_out(images, centers, sizes)


def shift_brightness(images: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    """Adds a number to all values of each image.

    Args:
        images: float `[batch, height, width, channels]`.
        shifts: float `[batch]`.

    Returns:
        The shape of `images`.
    """
    return images + shifts[:, None, None, None]


def scale_saturation(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Scales each pixel's distance from the mean of its channels.

    Args:
        images: float `[batch, height, width, channels]`.
        factors: float `[batch]`; 0 turns an image grey.

    Returns:
        The shape of `images`.
    """
    means = tf.reduce_mean(images, axis=-1, keepdims=True)
    return (images - means) * factors[:, None, None, None] + means


def scale_contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Scales each value's distance from the mean of its image.

    Args:
        images: float `[batch, height, width, channels]`.
        factors: float `[batch]`.

    Returns:
        The shape of `images`.
    """
    means = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - means) * factors[:, None, None, None] + means


def translate(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Shifts each image by whole pixels and fills with zeros.

    Args:
        images: float `[batch, height, width, channels]`.
        down: int32 `[batch]`, pixels; negative shifts up.
        right: int32 `[batch]`, pixels; negative shifts left.

    Returns:
        The shape of `images`.
    """
    height, width = images.shape[1:3]
    rows = tf.range(height) - down[:, None]  # [batch, height]: the row that each row comes from
    columns = tf.range(width) - right[:, None]
    images = tf.gather(images, tf.clip_by_value(rows, 0, height - 1), batch_dims=1, axis=1)
    images = tf.gather(images, tf.clip_by_value(columns, 0, width - 1), batch_dims=1, axis=2)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    return images * tf.cast(inside, images.dtype)[..., None]


def cut_out(images: tf.Tensor, centers: Sequence[tf.Tensor], sizes: Sequence[int]) -> tf.Tensor:
    """Sets a rectangle of each image to zero.

    Args:
        images: float `[batch, height, width, channels]`.
        centers: two int32 `[batch]`: row and column of the center; the rectangle begins `size // 2` before it
            and is clipped at the edges.
        sizes: height and width of the rectangle in pixels.

    Returns:
        The shape of `images`.
    """
    rows, columns = (
        _between(side, center - size // 2, center - size // 2 + size)
        for side, center, size in zip(images.shape[1:3], centers, sizes, strict=True)
    )
    cut = rows[:, :, None] & columns[:, None, :]  # [batch, height, width]
    return images * tf.cast(~cut, images.dtype)[..., None]


def parse_policy(text: str) -> tuple[str, ...]:
    """Parses a policy as the command line gives it.

    Args:
        text: operations joined by commas, such as `color,translation`.

    Returns:
        A tuple of operations.

    Raises:
        ValueError: if an operation is unknown.
    """
    return DiffAugment(tuple(part.strip() for part in text.split(","))).policy


def _between(side: int, first: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    positions = tf.range(side)
    return (positions >= first[:, None]) & (positions < end[:, None])


def _uniform(count: int | tf.Tensor, seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return tf.random.stateless_uniform([count], seed, low, high)


def _integers(count: int | tf.Tensor, seed: tf.Tensor, greatest: int) -> tf.Tensor:
    return tf.random.stateless_uniform([count], seed, -greatest, greatest + 1, tf.int32)


def _fold(seed: tf.Tensor, use: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, use)
