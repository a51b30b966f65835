"""Modulated convolution: each image has its own kernel, scaled by its style.

Source: Karras et al. 2020, arXiv:1912.04958, section 2.2.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.equalized import equalized_kernel


class ModulatedConv2D(keras.layers.Conv2D):
    """A convolution whose input channels are scaled by styles; each output channel of the kernel is then normalized.

    No image's kernel is built: y = d * conv(s * x, W). Scaling the input channels of the kernel by the styles s
    (equation 1 of the paper) equals scaling those of the features x. The norm of each output channel, 1 / d (equation
    3), is the root of a product of squared styles and squared kernels.

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels.
        seed: of the initial weights.
        demodulate: whether to divide by the norm of the scaled kernel.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def __init__(self, filters: int, kernel_size: int, seed: int = 0, demodulate: bool = True, **kwargs: Any) -> None:
        initializer = keras.initializers.RandomNormal(0.0, 1.0, seed=seed)
        super().__init__(filters, kernel_size, **({"padding": "same", "kernel_initializer": initializer} | kwargs))
        self.seed = seed
        self.demodulate = demodulate
        self.input_spec = None  # that of `Conv2D` accepts one input only

    def build(self, input_shape: Sequence[tf.TensorShape]) -> None:
        """Adds the kernel and the bias."""
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Convolves each image with its kernel.

        Args:
            inputs: features `[batch, height, width, channels in]` and styles `[batch, channels in]`.

        Returns:
            Features `[batch, height, width, filters]`.
        """
        features, styles = inputs
        kernel = equalized_kernel(self.kernel)
        outputs = self.convolution_op(features * styles[:, None, None, :], kernel)
        if self.demodulate:
            outputs *= tf.cast(_inverse_norms(styles, kernel), outputs.dtype)[:, None, None, :]
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """Returns the shape of the output, from the shapes of both inputs or from that of the features."""
        return super().compute_output_shape(input_shape[0] if isinstance(input_shape, list) else input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed, "demodulate": self.demodulate}


def _inverse_norms(styles: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns 1 / norm of the output channels of each image's kernel: float32 `[batch, filters]`. Equation 3."""
    squares = tf.reduce_sum(tf.cast(kernel, tf.float32) ** 2, axis=[0, 1])  # [channels in, filters]
    return tf.math.rsqrt(tf.matmul(tf.cast(styles, tf.float32) ** 2, squares) + 1e-8)
