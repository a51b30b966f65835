"""Equalized learning rate: weights are stored with variance 1 and scaled when they are used.

Adam's steps are of one size for all weights, so all layers then learn at one pace.

Source: Karras et al. 2018, arXiv:1710.10196, section 4.1.
"""

import math

import tensorflow as tf
import tf_keras as keras


def scaled_leaky_relu(x):
    """Applies a leaky ReLU of slope 0.2 below zero, times sqrt(2), which keeps the variance of N(0, 1) near 1."""
    return math.sqrt(2.0) * tf.nn.leaky_relu(x, 0.2)


def equalized_kernel(kernel, learning_rate_multiplier=1.0):
    """Scales a stored kernel to the variance of He et al. without its gain: 1 / fan in.

    Args:
        kernel: `[..., channels in, channels out]`, N(0, 1) / `learning_rate_multiplier` at first.
        learning_rate_multiplier: how fast the layer learns beside others.

    Returns:
        The kernel's shape and dtype.
    """
    fan_in = kernel.shape[:-1].num_elements()
    return kernel * (learning_rate_multiplier / math.sqrt(fan_in))


def _initializers(seed, learning_rate_multiplier, initial_bias):
    return {
        "kernel_initializer": keras.initializers.RandomNormal(0.0, 1.0 / learning_rate_multiplier, seed=seed),
        "bias_initializer": keras.initializers.Constant(initial_bias),
    }


class EqualizedDense(keras.layers.Dense):
    """`Dense` with equalized learning rate.

    Args:
        units: numbers out.
        seed: of the initial weights.
        learning_rate_multiplier: how fast the layer learns beside others; 0.01 in a mapping network.
        initial_bias: what every bias begins at, before it is multiplied by `learning_rate_multiplier`.
        **kwargs: as `keras.layers.Dense`.
    """

    def __init__(self, units, seed=0, learning_rate_multiplier=1.0, initial_bias=0.0, **kwargs):
        super().__init__(units, **(_initializers(seed, learning_rate_multiplier, initial_bias) | kwargs))
        self.seed = seed
        self.learning_rate_multiplier = learning_rate_multiplier
        self.initial_bias = initial_bias

    def call(self, inputs):
        """Multiplies `[batch, size]` with the scaled kernel."""
        outputs = tf.matmul(inputs, equalized_kernel(self.kernel, self.learning_rate_multiplier))
        if self.use_bias:
            outputs += self.bias * self.learning_rate_multiplier
        return self.activation(outputs)

    def get_config(self):
        """Returns the constructor's arguments."""
        own = ("seed", "learning_rate_multiplier", "initial_bias")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


class EqualizedConv2D(keras.layers.Conv2D):
    """`Conv2D` with equalized learning rate.

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels.
        seed: of the initial weights.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def __init__(self, filters, kernel_size, seed=0, **kwargs):
        super().__init__(filters, kernel_size, **(_initializers(seed, 1.0, 0.0) | kwargs))
        self.seed = seed

    def call(self, inputs):
        """Convolves `[batch, height, width, channels]` with the scaled kernel."""
        outputs = self.convolution_op(inputs, equalized_kernel(self.kernel))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return self.activation(outputs)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}
