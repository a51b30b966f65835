"""The layers between a mapping and a synthesis network: style mixing, the average style, the learned constant.

As in `sle_gan.layers.noise`, the latent codes are the seed of all that is drawn, so a resumed run draws the same as an
uninterrupted one.

Source: Karras et al. 2019, arXiv:1812.04948.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of

_PARTNERS, _COIN, _CUT = range(3)


class LearnedConstant(keras.layers.Layer):
    """The feature map that a synthesis network begins with, the same for all images.

    Args:
        shape: height, width and channels.
        seed: seed of the initial values, N(0, 1).
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, shape: Sequence[int], seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.seed = seed

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the map."""
        initializer = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        self.values = self.add_weight(name="values", shape=self.shape, initializer=initializer)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Repeats the map for every image of a batch.

        Args:
            inputs: `[batch, ...]`, whose values do not matter.

        Returns:
            `[batch, height, width, channels]`.
        """
        return tf.tile(self.values[None], [count_of(inputs), 1, 1, 1])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "shape": self.shape, "seed": self.seed}


class PartnerCodes(keras.layers.Layer):
    """Draws the latent codes whose styles are mixed in; outside training it returns the codes themselves."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Draws latent codes.

        Args:
            inputs: latent codes `[batch, size]`.
            training: whether to draw.

        Returns:
            Latent codes of the same shape, N(0, 1).
        """
        if not training:
            return inputs
        return tf.cast(tf.random.stateless_normal(tf.shape(inputs), _seed(inputs, _PARTNERS)), inputs.dtype)


class StyleMixing(keras.layers.Layer):
    """Gives every layer of a synthesis network its style; in training, later layers often get that of another code.

    Args:
        layer_count: number of styles that the synthesis network takes.
        probability: probability that a batch is mixed. The first layer with the other style is then drawn uniformly.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, layer_count: int, probability: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer_count = layer_count
        self.probability = probability

    def call(self, inputs: Sequence[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Repeats the styles for every layer, and mixes them in training.

        Args:
            inputs: styles `[batch, size]`, other styles `[batch, size]`, and latent codes `[batch, latent size]`.
            training: whether to mix.

        Returns:
            Styles `[batch, layer_count, size]`.
        """
        styles, others, codes = inputs
        repeated = tf.tile(styles[:, None], [1, self.layer_count, 1])
        if not training:
            return repeated
        mixes = tf.random.stateless_uniform([], _seed(codes, _COIN)) < self.probability
        cut = tf.random.stateless_uniform([], _seed(codes, _CUT), 1, self.layer_count, tf.int32)
        is_other = (tf.range(self.layer_count) >= cut) & mixes
        return tf.where(is_other[None, :, None], others[:, None], repeated)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "layer_count": self.layer_count, "probability": self.probability}


class StyleAverage(keras.layers.Layer):
    """Returns styles as they are and keeps their moving average, toward which truncation moves them.

    Args:
        decay: share of the average that is kept at each training pass.
        **kwargs: as `keras.layers.Layer`.

    Attributes:
        average: float32 `[size]`.
    """

    def __init__(self, decay: float = 0.995, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the average."""
        self.average = self.add_weight(
            name="average",
            shape=input_shape[-1:],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns styles `[batch, size]` as they are; a training pass moves the average toward their mean."""
        if training:
            mean = tf.reduce_mean(tf.cast(inputs, tf.float32), axis=0)
            self.average.assign_add((1.0 - self.decay) * (mean - self.average))
        return tf.identity(inputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "decay": self.decay}


def _seed(codes: tf.Tensor, use: int) -> tf.Tensor:
    # Other bits than those that `NoiseInjection` folds its index into, so that no two draws have the same seed.
    bits = tf.bitcast(tf.cast(codes[0, -2:], tf.float32), tf.int32)
    return tf.random.experimental.stateless_fold_in(bits, use)
