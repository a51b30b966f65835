"""What goes into a generator and what comes out of it: latent codes and images."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.keras_version import needs_keras_2

EACH_ITS_OWN = -1
DRAWN_BATCH = 8  # always, the last one padded: how a picture is rounded must not depend on how many are drawn


def create_input_noise(batch_size: int = 1, latent_size: int = 256, seed: int | None = None) -> tf.Tensor:
    """Draws latent codes for a generator.

        >>> import sle_gan
        >>> sle_gan.create_input_noise(batch_size=4, seed=0).shape
        TensorShape([4, 256])

    Args:
        batch_size: number of codes.
        latent_size: length of a code.
        seed: whole number that fixes the codes; drawn anew at each call without one.

    Returns:
        float32 `[batch_size, latent_size]`, N(0, 1).
    """
    # `tf.random.normal` would refuse to draw without a seed once operations are made deterministic.
    key = np.random.default_rng().integers(2**31, size=2) if seed is None else [seed, 0]
    return tf.random.stateless_normal([batch_size, latent_size], key)


def latent_codes(seeds: tf.Tensor | Sequence[int], latent_size: int) -> tf.Tensor:
    """Draws the latent code of each seed, whatever other seeds are asked for beside it.

    Args:
        seeds: int `[count]`.
        latent_size: length of a code.

    Returns:
        float32 `[count, latent_size]`, N(0, 1).
    """
    seeds = tf.cast(seeds, tf.int32)
    return tf.map_fn(
        lambda seed: tf.random.stateless_normal([latent_size], tf.stack([seed, 0])),
        seeds,
        fn_output_signature=tf.float32,
    )


@needs_keras_2
def seed_inputs(
    generator: keras.Model, seeds: tf.Tensor | Sequence[int], label: tf.Tensor | int = EACH_ITS_OWN
) -> tf.Tensor | list[tf.Tensor]:
    """Draws what a generator makes the picture of each seed from.

    Args:
        generator: a functional `keras.Model` of codes, or of codes and one-hot labels.
        seeds: int `[count]`.
        label: the class of all pictures; `EACH_ITS_OWN` for the classes in turn: that of a seed is the seed modulo
            the number of classes.

    Returns:
        float32 codes `[count, latent_size]`; with classes a list of them and labels `[count, classes]`.
    """
    codes = latent_codes(seeds, generator.inputs[0].shape[-1])
    if len(generator.inputs) == 1:
        return codes
    classes = generator.inputs[1].shape[-1]
    seeds, label = tf.cast(seeds, tf.int32), tf.cast(label, tf.int32)
    return [codes, tf.one_hot(tf.where(label == EACH_ITS_OWN, seeds % classes, label), classes)]


def batch_at(inputs: tf.Tensor | list[tf.Tensor], first: int, size: int) -> tf.Tensor | list[tf.Tensor]:
    """Cuts up to `size` rows from number `first` out of a tensor, or out of each of a list."""
    return tf.nest.map_structure(lambda part: part[first : first + size], inputs)


def padded_to(inputs: tf.Tensor | list[tf.Tensor], size: int) -> tf.Tensor | list[tf.Tensor]:
    """Adds rows of zeros to a tensor, or to each of a list, so that there are `size`."""

    def padded(part: tf.Tensor) -> tf.Tensor:
        return tf.pad(part, [[0, size - len(part)]] + [[0, 0]] * (len(part.shape) - 1))

    return tf.nest.map_structure(padded, inputs)


def draw_padded(draw: Callable[[Any], tf.Tensor], inputs: Any) -> NDArray[Any]:
    """Draws up to `DRAWN_BATCH` pictures, or styles, as one batch of that size.

    Args:
        draw: function of a batch of `DRAWN_BATCH` rows -> a tensor of as many.
        inputs: a tensor of up to as many rows, or a list of them.

    Returns:
        What `draw` made of the rows of `inputs`.
    """
    return draw(padded_to(inputs, DRAWN_BATCH)).numpy()[: len(tf.nest.flatten(inputs)[0])]


def postprocess_images(images: tf.Tensor | NDArray[np.floating], dtype: tf.DType | str = tf.uint8) -> tf.Tensor:
    """Brings a generator's images from [-1, 1] to [0, 255].

        >>> import numpy as np
        >>> import sle_gan
        >>> images = np.array([-1.0, 0.0, 1.0], np.float32).reshape(1, 1, 3, 1)
        >>> sle_gan.postprocess_images(images).numpy().ravel().tolist()
        [0, 128, 255]

    Args:
        images: float `[batch, height, width, channels]` in [-1, 1]; values beyond are clipped.
        dtype: of the result; whole-number dtypes are rounded to the nearest.

    Returns:
        `dtype` `[batch, height, width, channels]` in [0, 255].
    """
    images = tf.clip_by_value(tf.cast(images, tf.float32) * 127.5 + 127.5, 0.0, 255.0)
    dtype = tf.as_dtype(dtype)
    return tf.cast(tf.round(images) if dtype.is_integer else images, dtype)


def interpolate_codes(start: tf.Tensor, end: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Walks from latent codes to others along the sphere, where Gaussian codes lie.

    Args:
        start: float32 `[latent_size]` or `[count, latent_size]`.
        end: likewise, not opposite to `start`.
        shares: float32 `[count]`: 0 is `start`, 1 is `end`.

    Returns:
        float32 `[count, latent_size]`. The angle grows evenly, and so does the length from one's to the other's.

    Source: White 2016, arXiv:1609.04468.
    """
    lengths = tf.norm(start, axis=-1, keepdims=True), tf.norm(end, axis=-1, keepdims=True)
    a, b = start / lengths[0], end / lengths[1]
    angle = tf.acos(tf.clip_by_value(tf.reduce_sum(a * b, axis=-1, keepdims=True), -1.0, 1.0))
    shares = shares[:, None]
    even = tf.maximum(tf.sin(angle), 1e-6)  # equal codes: the sines below vanish too
    direction = (tf.sin((1.0 - shares) * angle) * a + tf.sin(shares * angle) * b) / even
    direction = tf.where(angle < 1e-3, (1.0 - shares) * a + shares * b, direction)
    return direction * ((1.0 - shares) * lengths[0] + shares * lengths[1])


def interpolate_straight(start: tf.Tensor, end: tf.Tensor, shares: tf.Tensor | NDArray[np.float32]) -> tf.Tensor:
    """Walks from vectors to others along straight lines.

    Args:
        start: float32 `[size]` or `[count, size]`.
        end: likewise.
        shares: float32 `[count]`: 0 is `start`, 1 is `end`.

    Returns:
        float32 `[count, size]`.
    """
    shares = tf.convert_to_tensor(shares)[:, None]
    return (1.0 - shares) * start + shares * end
