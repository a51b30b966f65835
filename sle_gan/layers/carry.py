"""A layer that keeps a network's side branches in its graph."""

import tensorflow as tf
import tf_keras as keras


class CarryAlong(keras.layers.Layer):
    """Passes its first input on; the others stay in the graph of the model and change nothing.

    A network with branches that serve training alone (a second picture, decoders) keeps one output for its
    users, while the weights of the branches are counted, saved and loaded with it.
    """

    def call(self, inputs):
        """Returns the first of `inputs`."""
        return tf.identity(inputs[0])
