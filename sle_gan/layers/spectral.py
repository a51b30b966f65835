"""Spectral normalization: layers whose kernel is divided by its largest singular value.

The stored kernel is never overwritten: sigma is computed in the forward pass. So gradients flow through sigma, masks
and optimizers see the kernel itself, and a weight file holds it once.

Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
"""

from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of
from sle_gan.layers.resample import side_of, upsample_nearest

# For smaller maps, filtering the kernel costs more than the transposed convolution saves.
_TRANSPOSED_FROM_SIDE = 16


def spectral_norm(matrix: tf.Tensor, left_vector: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Makes one step of the power iteration for the largest singular value.

    Args:
        matrix: float32 `[rows, columns]`.
        left_vector: float32 `[1, columns]`, the estimate so far, of any length.

    Returns:
        `(sigma, new_left_vector)`: a float32 scalar, differentiable in `matrix`, and `[1, columns]` of length 1. For a
        matrix of zeros, such as a layer that is pruned whole, 0 and the estimate so far.
    """
    right = tf.math.l2_normalize(tf.matmul(left_vector, matrix, transpose_b=True), epsilon=1e-12)
    product = tf.matmul(tf.stop_gradient(right), matrix)  # [1, columns]
    new_left_vector = tf.where(tf.norm(product) > 0.0, tf.math.l2_normalize(product, epsilon=1e-12), left_vector)
    new_left_vector = tf.stop_gradient(new_left_vector)
    return tf.reduce_sum(product * new_left_vector), new_left_vector


if TYPE_CHECKING:
    from tf_keras.layers import Layer as _KerasLayer  # every subclass below is a Keras layer too
else:
    _KerasLayer = object


class _SpectralKernel(_KerasLayer):
    """Shared by the layers: the estimate of the singular vector, and the division by sigma."""

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the kernel and the estimate of its singular vector."""
        super().build(input_shape)
        self.left_vector = self.add_weight(
            name="left_vector",
            shape=[1, self.compute_output_shape(input_shape)[-1]],
            initializer=keras.initializers.RandomNormal(seed=self.left_vector_seed),
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            # All replicas compute the same vector from the same kernel, so that of the first is right.
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def normalized_kernel(self, training: bool | None) -> tf.Tensor:
        """Returns the kernel divided by its largest singular value; a training pass also stores the new estimate.

        Args:
            training: whether this is a training pass.

        Returns:
            The kernel's shape, in the dtype that the layer computes in.
        """
        matrix = tf.reshape(self._channels_out_last(self.kernel), [-1, self.left_vector.shape[1]])
        sigma, left_vector = spectral_norm(tf.cast(matrix, tf.float32), self.left_vector)
        if training:
            self.left_vector.assign(left_vector)
        return self.kernel * tf.cast(tf.math.divide_no_nan(1.0, sigma), self.kernel.dtype)

    def _channels_out_last(self, kernel: tf.Tensor) -> tf.Tensor:
        return kernel

    def _finish(self, outputs: tf.Tensor) -> tf.Tensor:
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "left_vector_seed": self.left_vector_seed}


class SpectralDense(_SpectralKernel, keras.layers.Dense):
    """`Dense` with a spectrally normalized kernel; every training pass makes one step of the power iteration.

    Args:
        units: features out.
        left_vector_seed: seed of the first estimate of the singular vector.
        **kwargs: as `keras.layers.Dense`.
    """

    def __init__(self, units: int, left_vector_seed: int = 0, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.left_vector_seed = left_vector_seed

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Multiplies `[batch, size]` by the normalized kernel."""
        return self._finish(tf.matmul(inputs, self.normalized_kernel(training)))


class _SpectralConvolution(_SpectralKernel):
    """Shared by the convolutions: the constructor."""

    def __init__(
        self, filters: int, kernel_size: int | tuple[int, int], left_vector_seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        self.left_vector_seed = left_vector_seed


class SpectralConv2D(_SpectralConvolution, keras.layers.Conv2D):
    """`Conv2D` with a spectrally normalized kernel; every training pass makes one step of the power iteration.

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels, or its height and width.
        left_vector_seed: seed of the first estimate of the singular vector.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves `[batch, height, width, channels]` with the normalized kernel."""
        return self._finish(self.convolution_op(inputs, self.normalized_kernel(training)))


class SpectralUpConv2D(SpectralConv2D):
    """Nearest upsampling by two, then a spectrally normalized 3x3 convolution that keeps the side.

    On larger maps both are one transposed convolution of stride 2, whose kernel is filtered by a 2x2 box. It computes
    the same sums with 16 products instead of 36, so the result differs only by rounding.

    Args:
        filters: channels out.
        left_vector_seed: seed of the first estimate of the singular vector.
        **kwargs: as `keras.layers.Conv2D`.
    """

    def __init__(self, filters: int, kernel_size: int = 3, left_vector_seed: int = 0, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, left_vector_seed, **(kwargs | {"padding": "same"}))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Upsamples and convolves `[batch, height, width, channels]`, of static height and width."""
        kernel = self.normalized_kernel(training)
        if side_of(inputs) < _TRANSPOSED_FROM_SIDE:
            return self._finish(self.convolution_op(upsample_nearest(inputs), kernel))
        outputs = tf.nn.conv2d_transpose(
            inputs,
            tf.transpose(_box_filtered(tf.reverse(kernel, [0, 1])), [0, 1, 3, 2]),
            output_shape=[count_of(inputs), *self.compute_output_shape(inputs.shape)[1:]],
            strides=2,
        )
        return self._finish(outputs)

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        """Returns the shape of the upsampled map."""
        batch, height, width, _ = input_shape
        return tf.TensorShape([batch, 2 * height, 2 * width, self.filters])


def _box_filtered(kernel: tf.Tensor) -> tf.Tensor:
    """Sums each 2x2 square of a zero-padded kernel: `[3, 3, in, out]` -> `[4, 4, in, out]`."""
    rows = tf.pad(kernel, [[0, 1], [0, 0], [0, 0], [0, 0]]) + tf.pad(kernel, [[1, 0], [0, 0], [0, 0], [0, 0]])
    return tf.pad(rows, [[0, 0], [0, 1], [0, 0], [0, 0]]) + tf.pad(rows, [[0, 0], [1, 0], [0, 0], [0, 0]])


class SpectralConv2DTranspose(_SpectralConvolution, keras.layers.Conv2DTranspose):
    """`Conv2DTranspose` with a spectrally normalized kernel; as a matrix it has one column per output channel.

    Args:
        filters: channels out.
        kernel_size: side of the kernel in pixels, or its height and width.
        left_vector_seed: seed of the first estimate of the singular vector.
        **kwargs: as `keras.layers.Conv2DTranspose`.
    """

    def _channels_out_last(self, kernel: tf.Tensor) -> tf.Tensor:
        return tf.transpose(kernel, [0, 1, 3, 2])

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves `[batch, height, width, channels]`, of static height and width."""
        outputs = tf.nn.conv2d_transpose(
            inputs,
            self.normalized_kernel(training),
            output_shape=[count_of(inputs), *self.compute_output_shape(inputs.shape)[1:]],
            strides=self.strides,
            padding=self.padding.upper(),
        )
        return self._finish(outputs)
