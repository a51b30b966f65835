"""A sum of several operations, in which each counts as much as architecture parameters say."""

from typing import Any

import tensorflow as tf
import tf_keras as keras

_DEVIATION = 1e-3  # of the initial parameters


class Mixture(keras.layers.Layer):
    """Adds up maps, weighted by the softmax of as many architecture parameters.

    The parameters are no trainable weights: an optimizer of the network leaves them alone, and a search moves them by
    one of its own.

    Args:
        seed: of the initial parameters, 1e-3 N(0, 1).

    Attributes:
        architecture: the parameters, float32 `[maps]`.

    Source: Liu, Simonyan & Yang 2019, arXiv:1806.09055 (DARTS), equation 2; Tian et al. 2021, arXiv:2006.09134.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape: list[tf.TensorShape]) -> None:
        """Makes a parameter for each map."""
        self.architecture = self.add_weight(
            "architecture",
            [len(input_shape)],
            dtype=tf.float32,
            initializer=keras.initializers.RandomNormal(0.0, _DEVIATION, seed=self.seed),
            trainable=False,
            experimental_autocast=False,
        )
        super().build(input_shape)

    def shares(self) -> tf.Tensor:
        """Returns how much each map counts: float32 `[maps]`, positive, of sum 1."""
        return tf.nn.softmax(self.architecture)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Adds up maps of one shape."""
        shares = tf.unstack(tf.cast(self.shares(), inputs[0].dtype))
        return tf.add_n([share * one for share, one in zip(shares, inputs, strict=True)])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return super().get_config() | {"seed": self.seed}
