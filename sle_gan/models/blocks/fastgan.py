"""Layers of FastGAN's generator and discriminator, and the side of the second picture that both know.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
ICLR 2021, arXiv:2101.04775. `docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import average_pool_to
from sle_gan.layers.spectral import SpectralConv2D, SpectralUpConv2D
from sle_gan.models.seeded import SeededLayers

SMALL_SIDE = 128


class FastGANLayers(SeededLayers):
    """Spectrally normalized convolutions without biases, batch normalization, and skip-layer excitation."""

    def normal(self, mean: float = 0.0) -> keras.initializers.Initializer:
        """Returns the next initializer, N(mean, 0.02)."""
        return keras.initializers.RandomNormal(mean, 0.02, seed=self.next_seed())

    def conv(
        self,
        x: tf.Tensor,
        filters: int,
        size: int | tuple[int, int],
        name: str,
        strides: int = 1,
        padding: str = "same",
    ) -> tf.Tensor:
        """Applies a convolution."""
        return SpectralConv2D(
            filters,
            size,
            self.next_seed(),
            strides=strides,
            padding=padding,
            use_bias=False,
            kernel_initializer=self.normal(),
            name=name,
        )(x)

    def up_conv(self, x: tf.Tensor, filters: int, name: str) -> tf.Tensor:
        """Doubles the side of a map and applies a 3x3 convolution."""
        return SpectralUpConv2D(
            filters,
            left_vector_seed=self.next_seed(),
            use_bias=False,
            kernel_initializer=self.normal(),
            name=name,
        )(x)

    def batch_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes over the batch."""
        return batch_norm(x, self.normal(1.0), name)

    def excite(self, low: tf.Tensor, high: tf.Tensor, name: str) -> tf.Tensor:
        """Skip-layer excitation: scales the channels of `high` by what `low` holds; Equation 1 of the paper."""
        x = average_pool_to(low, 4)
        x = tf.nn.silu(self.conv(x, high.shape[-1], tuple(x.shape[1:3]), f"{name}_squeeze", padding="valid"))
        return high * tf.nn.sigmoid(self.conv(x, high.shape[-1], 1, f"{name}_gate"))  # [batch, 1, 1, channels]


def small_side_of(side: int) -> int:
    """Returns the shorter side in pixels of the small picture beside images of a shorter side: 128, or half of less."""
    return min(SMALL_SIDE, side // 2)


def gated_linear_unit(x: tf.Tensor) -> tf.Tensor:
    """Returns half the channels, each times the sigmoid of one of the other half."""
    values, gates = tf.split(x, 2, axis=-1)
    return values * tf.nn.sigmoid(gates)


def channel_count(share: float, width: int) -> int:
    """Returns a number of channels that is given in multiples of the width."""
    return int(share * width)
