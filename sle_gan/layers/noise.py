"""Noise injection: a map of Gaussian noise per image, scaled by one learned number."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of


class NoiseInjection(keras.layers.Layer):
    """Adds `scale * N(0, 1)`: one map per image, shared by its channels. `scale` is learned and begins at 0.

    In training, the maps are drawn anew for every batch, with the bits of its first latent code as the seed. So a
    resumed run draws the same noise as an uninterrupted one. Outside training, one fixed map serves all images: a code
    always gives the same picture, and a film of an interpolation does not flicker.

    Args:
        index: number of this layer in its network; layers with different numbers draw different noise.
        **kwargs: as `keras.layers.Layer`.

    Source: Karras et al. 2019, arXiv:1812.04948, with one scale per layer as in Liu et al. 2021,
    arXiv:2101.04775.
    """

    def __init__(self, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def build(self, input_shape: Sequence[tf.TensorShape]) -> None:
        """Adds the scale."""
        self.scale = self.add_weight(name="scale", shape=[], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Sequence[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Adds the noise.

        Args:
            inputs: features `[batch, height, width, channels]` and latent codes `[batch, size]`.
            training: whether to draw one map per image; otherwise the fixed map is added.

        Returns:
            Features of the same shape.
        """
        features, codes = inputs
        height, width = features.shape[1:3]
        if training:
            seed = tf.bitcast(tf.cast(codes[0, :2], tf.float32), tf.int32)
            seed = tf.random.experimental.stateless_fold_in(seed, self.index)
            noise = tf.random.stateless_normal([count_of(features), height, width, 1], seed)
        else:
            noise = tf.random.stateless_normal([1, height, width, 1], [self.index, 0])
        return features + self.scale * tf.cast(noise, features.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "index": self.index}
