"""Equalized learning rate: weights are stored with variance 1 and scaled when they are used.

Adam's steps have the same size for all weights, so all layers then learn at the same rate.

Source: Karras et al. 2018, arXiv:1710.10196, section 4.1.
"""

import math
from typing import Any

import tensorflow as tf
import tf_keras as keras


def scaled_leaky_relu(x: tf.Tensor) -> tf.Tensor:
    """Applies a leaky ReLU of slope 0.2 below zero, times sqrt(2), which keeps the variance of N(0, 1) near 1."""
    return math.sqrt(2.0) * tf.nn.leaky_relu(x, 0.2)


def equalized_kernel(kernel: tf.Tensor, learning_rate_multiplier: float = 1.0, gain: float = 1.0) -> tf.Tensor:
    """Scales a stored kernel to a variance of gain^2 / fan in: with a gain of sqrt(2) that of He's initializer.

    Args:
        kernel: `[..., channels in, channels out]`, N(0, 1) / `learning_rate_multiplier` at first.
        learning_rate_multiplier: how fast the layer learns, relative to other layers.
        gain: of the activation behind the layer; 1 where the activation has it itself, as `scaled_leaky_relu`.

    Returns:
        The kernel's shape and dtype.
    """
    fan_in = kernel.shape[:-1].num_elements()
    return kernel * (gain * learning_rate_multiplier / math.sqrt(fan_in))


def _initializers(seed: int, learning_rate_multiplier: float, initial_bias: float) -> dict[str, Any]:
    return {
        "kernel_initializer": keras.initializers.RandomNormal(0.0, 1.0 / learning_rate_multiplier, seed=seed),
        "bias_initializer": keras.initializers.Constant(initial_bias),
    }


class EqualizedDense(keras.layers.Dense):
    """`Dense` with equalized learning rate.

    Args:
        units: features out.
        seed: of the initial weights.
        learning_rate_multiplier: how fast the layer learns, relative to other layers; 0.01 in a mapping network.
        initial_bias: initial value of every bias, not yet multiplied by `learning_rate_multiplier`.
        gain: of the scaled kernel; biases are not scaled by it.
        **kwargs: as `keras.layers.Dense`.
    """

    def __init__(
        self,
        units: int,
        seed: int = 0,
        learning_rate_multiplier: float = 1.0,
        initial_bias: float = 0.0,
        gain: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **(_initializers(seed, learning_rate_multiplier, initial_bias) | kwargs))
        self.seed = seed
        self.learning_rate_multiplier = learning_rate_multiplier
        self.initial_bias = initial_bias
        self.gain = gain

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Multiplies `[batch, size]` by the scaled kernel."""
        outputs = tf.matmul(inputs, equalized_kernel(self.kernel, self.learning_rate_multiplier, self.gain))
        if self.use_bias:
            outputs += self.bias * self.learning_rate_multiplier
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = ("seed", "learning_rate_multiplier", "initial_bias", "gain")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


class EqualizedConv2D(keras.layers.Conv2D):
    """`Conv2D` with equalized learning rate.

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels.
        seed: of the initial weights.
        gain: of the scaled kernel; biases are not scaled by it.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def __init__(self, filters: int, kernel_size: int, seed: int = 0, gain: float = 1.0, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **(_initializers(seed, 1.0, 0.0) | kwargs))
        self.seed = seed
        self.gain = gain

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves `[batch, height, width, channels]` with the scaled kernel."""
        outputs = self.convolution_op(inputs, equalized_kernel(self.kernel, gain=self.gain))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed, "gain": self.gain}


class ChannelBias(keras.layers.Layer):
    """Adds a bias to each channel, 0 at first: of a dense layer whose output is reshaped to a map."""

    def build(self, input_shape: Any) -> None:
        """Creates the biases."""
        self.bias = self.add_weight("bias", [input_shape[-1]], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Adds them to `[batch, ..., channels]`."""
        return inputs + self.bias
