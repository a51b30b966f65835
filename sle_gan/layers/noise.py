"""Noise injection: a map of Gaussian noise per image, scaled by one learned number."""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of


class NoiseInjection(keras.layers.Layer):
    """Adds `scale * N(0, 1)`, one map per image shared by its channels; `scale` is learned and begins at 0.

    The map is a pure function of the latent codes: in training it is drawn anew for every batch from the bits
    of the first code, so a resumed run draws what the uninterrupted one would have drawn. Otherwise one fixed
    map serves all images, so a code always gives the same picture and a film of an interpolation does not
    flicker.

    Args:
        index: number of this layer in its network; layers of different numbers draw different noise.
        **kwargs: as `keras.layers.Layer`.

    Source: Karras et al. 2019, arXiv:1812.04948, with one scale per layer as in Liu et al. 2021,
    arXiv:2101.04775.
    """

    def __init__(self, index, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def build(self, input_shape):
        """Adds the scale."""
        self.scale = self.add_weight(name="scale", shape=[], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs, training=None):
        """Adds the noise.

        Args:
            inputs: features `[batch, height, width, channels]` and latent codes `[batch, size]`.
            training: draw one map per image; otherwise the fixed map.

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

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "index": self.index}
