"""BigGAN's networks of each resolution, and the layers that both have.

Source: Brock, Donahue & Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019,
arXiv:1809.11096, appendix B, table 4; at 32 px as in Zhao et al. 2020, arXiv:2006.10738; the discriminator of 64 px as
in Chen et al., NeurIPS 2021, arXiv:2103.00397, on Tiny-ImageNet. `docs/methods.md` lists the deviations.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.norm import batch_norm
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models.seeded import SeededLayers


class Architecture(NamedTuple):
    """The networks of one resolution.

    Attributes:
        latent_size: length of a code.
        chunk_size: numbers at the end of a code that each block of the generator is given, behind those that shape
            the first map; 0 where blocks see none of it, and classes have an embedding of each block's own.
        generator: channels of the first map and after each block, in multiples of the width.
        discriminator: channels after each block, likewise.
        halvings: the discriminator's first blocks that halve the map, the others keep it.
        attention_side: side of the map that both networks attend to, in pixels; None for no attention.
        initializer: function of a seed -> the initializer of all kernels.
    """

    latent_size: int
    chunk_size: int
    generator: tuple
    discriminator: tuple
    halvings: int
    attention_side: int | None
    initializer: Callable[[int], keras.initializers.Initializer]


def _narrow(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02, seed)


def _orthogonal(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.Orthogonal(seed=seed)


ARCHITECTURES = {
    32: Architecture(128, 0, (1, 1, 1, 1), (1, 1, 1, 1), 2, None, _narrow),
    64: Architecture(100, 20, (16, 16, 8, 4, 2), (2, 4, 8, 16, 16), 4, 32, _orthogonal),
    128: Architecture(120, 20, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, 64, _orthogonal),
}

# At 64 px Brock et al.'s discriminator begins with half the channels.
BROCK_64 = ARCHITECTURES[64]._replace(discriminator=(1, 2, 4, 8, 16))


class BigGANLayers(SeededLayers):
    """Layers under spectral normalization, and batch normalization.

    Args:
        seed: of the networks.
        network: `GENERATOR` or `DISCRIMINATOR`.
        initializer: function of a seed -> the initializer of all kernels.
    """

    def __init__(self, seed: int, network: int, initializer: Callable[[int], keras.initializers.Initializer]) -> None:
        super().__init__(seed, network)
        self._initializer = initializer

    def _kernel(self) -> keras.initializers.Initializer:
        return self._initializer(self.next_seed())

    def _spectral(self, layer: type[keras.layers.Layer], *arguments: Any, **kwargs: Any) -> keras.layers.Layer:
        initializer = self._kernel()
        return layer(*arguments, left_vector_seed=self.next_seed(), kernel_initializer=initializer, **kwargs)

    def embedding(self, x: tf.Tensor, units: int, name: str) -> tf.Tensor:
        """Applies a dense layer without bias and without spectral normalization."""
        kernel = self._kernel()
        return keras.layers.Dense(units, use_bias=False, kernel_initializer=kernel, name=name)(x)

    def spectral_embedding(self, x: tf.Tensor, units: int, name: str, dtype: str | None = None) -> tf.Tensor:
        """Applies a dense layer without bias."""
        return self._spectral(SpectralDense, units, use_bias=False, name=name, dtype=dtype)(x)

    def spectral_dense(self, x: tf.Tensor, units: int, name: str, dtype: str | None = None) -> tf.Tensor:
        """Applies a dense layer."""
        return self._spectral(SpectralDense, units, name=name, dtype=dtype)(x)

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str) -> tf.Tensor:
        """Applies a convolution that keeps the side of the map."""
        return self._spectral(SpectralConv2D, filters, size, padding="same", name=name)(x)

    def bare_conv(self, x: tf.Tensor, filters: int, size: int, name: str) -> tf.Tensor:
        """Applies a convolution without bias that keeps the side of the map."""
        return self._spectral(SpectralConv2D, filters, size, padding="same", use_bias=False, name=name)(x)

    def batch_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes over the batch; gains begin at 1."""
        return batch_norm(x, "ones", name)
