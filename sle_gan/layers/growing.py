"""Networks that grow: what says which side they have grown to, and how the next side fades in.

A level is 0 at the full side and rises by 1 for each halving: a whole number while a side is trained, between two while
the side above the larger fades in.

Source: Karras et al. 2018, arXiv:1710.10196, section 3 and figure 2; the authors' code calls the level `lod`.
"""

import math
from typing import Any

import tensorflow as tf
import tf_keras as keras

FIRST_SIDE = 4  # of the smallest pictures


def level_of_side(full_side: int, side: int) -> int:
    """Returns the level at which a network of `full_side` pixels has grown to `side` pixels."""
    return int(math.log2(full_side // side))


def faded(new: tf.Tensor, old: tf.Tensor, level: tf.Tensor, new_level: int) -> tf.Tensor:
    """Mixes what a side makes with what the half side makes, while the side fades in.

    Args:
        new: float tensor of the side.
        old: of the half side, of the same shape and dtype.
        level: float32 scalar, of the network.
        new_level: at which the side is there alone; `old` is alone from 1 above it.

    Returns:
        (1 - t) new + t old, with t the level's distance from `new_level`, within [0, 1].
    """
    share = tf.cast(tf.clip_by_value(level - float(new_level), 0.0, 1.0), new.dtype)
    return new + share * (old - new)


class GrowthLevel(keras.layers.Layer):
    """Holds the level of a network, 0 at first; training sets it, and no optimizer."""

    def build(self, input_shape: Any) -> None:
        """Creates the level."""
        # All devices are given the same one.
        self.level = self.add_weight(
            "level",
            [],
            tf.float32,
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the level, float32 scalar, whatever the inputs are."""
        return tf.identity(self.level)


class GrownPicture(keras.layers.Layer):
    """Makes a picture of the mixed colors: as they are, or by the hyperbolic tangent from 8 px on.

    Args:
        full_side: of the network's pictures in pixels.
        is_bounded: whether pictures of 8 px and above are bounded.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, full_side: int, is_bounded: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.full_side = full_side
        self.is_bounded = is_bounded

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns the picture float32 `[batch, height, width, channels]` of (colors of that shape, the level)."""
        colors, level = inputs
        if not self.is_bounded:
            return colors
        return tf.where(level < level_of_side(self.full_side, FIRST_SIDE), tf.tanh(colors), colors)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "full_side": self.full_side, "is_bounded": self.is_bounded}
