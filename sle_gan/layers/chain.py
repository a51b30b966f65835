"""CHAIN: a normalization for discriminators that takes no mean away, and only as much as it is asked for.

Source: Ni & Koniusz, CVPR 2024, arXiv:2404.00521.
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of

_EPSILON = 1e-5
_MOMENTUM = 0.9


class ChainNormalization(keras.layers.Layer):
    """Divides channels by their root mean square over the batch, at random, and scales them to the smallest of these.

    In training each channel of each image is drawn: with `probability` x becomes x / psi * min psi, where psi is the
    root mean square of the channel and the minimum over all channels has no gradient; otherwise it stays. The draws
    follow from the bits of the mean squares, so a resumed run draws what an uninterrupted one would have drawn. At
    probability 0 nothing is changed.

    Outside training every image is judged for itself: by a running mean square, and by the mean of both cases.

    Args:
        index: number of this layer in its network; layers with different numbers draw differently.
        **kwargs: as `keras.layers.Layer`.

    Attributes:
        probability: float32 scalar in [0, 1], which `sle_gan.training.chain` moves.
        mean_square: float32 `[channels]`, a running mean, kept of reals and fakes together.

    Differs: at rest the paper's code has the running mean square of each kind of image.
    """

    def __init__(self, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the probability and the running mean square."""
        state: dict[str, Any] = {
            "trainable": False,
            "dtype": tf.float32,
            "experimental_autocast": False,
            # Every replica computes the same from the mean over all of them, so any one of them is right.
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
        self.probability = self.add_weight(name="probability", shape=[], initializer="zeros", **state)
        channels = input_shape[-1]
        self.mean_square = self.add_weight(name="mean_square", shape=[channels], initializer="ones", **state)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Normalizes.

        Args:
            inputs: features `[batch, height, width, channels]`.
            training: whether the statistics are those of the batch, and channels are drawn.

        Returns:
            The same shape and dtype.
        """
        if not training:
            gains = 1.0 + self.probability * (_gains(self.mean_square) - 1.0)
            return inputs * tf.cast(gains, inputs.dtype)
        mean_square = mean_of_replicas(tf.reduce_mean(tf.cast(inputs, tf.float32) ** 2, axis=[0, 1, 2]))
        self.mean_square.assign(_MOMENTUM * self.mean_square + (1.0 - _MOMENTUM) * mean_square)
        drawn = tf.random.stateless_uniform([count_of(inputs), 1, 1, inputs.shape[-1]], self._seed(mean_square))
        gains = tf.where(drawn < self.probability, _gains(mean_square), 1.0)
        return inputs * tf.cast(gains, inputs.dtype)

    def _seed(self, mean_square: tf.Tensor) -> tf.Tensor:
        seed = tf.bitcast(tf.stack([mean_square[0], mean_square[-1]]), tf.int32)
        seed = tf.random.experimental.stateless_fold_in(seed, self.index)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        # The mean squares are those of all replicas, each of which draws for its own images.
        return tf.random.experimental.stateless_fold_in(seed, context.replica_id_in_sync_group)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "index": self.index}


def mean_of_replicas(values: tf.Tensor) -> tf.Tensor:
    """Returns the mean over the replicas that share a batch, with its gradient; on one device the values themselves."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def _gains(mean_square: tf.Tensor) -> tf.Tensor:
    """Returns what normalized channels are multiplied by: float32 `[channels]`, min psi / psi."""
    roots = tf.sqrt(mean_square + _EPSILON)
    return tf.stop_gradient(tf.reduce_min(roots)) / roots
