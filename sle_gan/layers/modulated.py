"""Modulated convolution: each image has a kernel of its own, scaled by its style.

Source: Karras et al. 2020, arXiv:1912.04958, section 2.2.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.equalized import equalized_kernel


class ModulatedConv2D(keras.layers.Conv2D):
    """A convolution whose channels in are scaled by styles, and whose channels out are then brought to length 1.

    No image's kernel is built. Scaling the kernel's channels in is scaling the image's, and the length of each
    channel out is a product of squared styles and squared kernels: y = d * conv(s * x, W).

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels.
        seed: of the initial weights.
        demodulate: whether to divide by the length of the scaled kernel.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def __init__(self, filters, kernel_size, seed=0, demodulate=True, **kwargs):
        initializer = keras.initializers.RandomNormal(0.0, 1.0, seed=seed)
        super().__init__(filters, kernel_size, **({"padding": "same", "kernel_initializer": initializer} | kwargs))
        self.seed = seed
        self.demodulate = demodulate
        self.input_spec = None  # that of `Conv2D` knows one input

    def build(self, input_shape):
        """Adds the kernel and the bias."""
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs):
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
            outputs *= tf.cast(_inverse_lengths(styles, kernel), outputs.dtype)[:, None, None, :]
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the features, from the two inputs' shapes or from that of the first."""
        return super().compute_output_shape(input_shape[0] if isinstance(input_shape, list) else input_shape)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed, "demodulate": self.demodulate}


def _inverse_lengths(styles, kernel):
    """Returns 1 / length of each image's channels out: float32 `[batch, filters]`."""
    squares = tf.reduce_sum(tf.cast(kernel, tf.float32) ** 2, axis=[0, 1])  # [channels in, filters]
    return tf.math.rsqrt(tf.matmul(tf.cast(styles, tf.float32) ** 2, squares) + 1e-8)
