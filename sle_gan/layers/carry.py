"""A layer that keeps a network's side branches in its graph."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras


class CarryAlong(keras.layers.Layer):
    """Returns its first input; the other inputs stay in the model's graph and change nothing.

    Some branches of a network, such as decoders, serve only its training. With this layer the network still has one
    output, and the weights of the branches are counted, saved and loaded with it.
    """

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the first of `inputs`."""
        return tf.identity(inputs[0])
