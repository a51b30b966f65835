"""Layers of StyleGAN2's generator and discriminator, and how both map what they are told.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958,
with the settings of "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676. `docs/methods.md`
lists the deviations.
"""

from typing import Any

import tensorflow as tf

from sle_gan.layers.equalized import EqualizedConv2D, EqualizedDense, scaled_leaky_relu
from sle_gan.layers.norm import pixel_norm
from sle_gan.models.seeded import SeededLayers

MAPPING_RATE = 0.01  # mappings learn at this share of the rate


class StyleGAN2Layers(SeededLayers):
    """Layers with equalized learning rates."""

    def dense(self, x: tf.Tensor, units: int, name: str, **kwargs: Any) -> tf.Tensor:
        """Applies a dense layer; `kwargs` are those of `EqualizedDense`."""
        return EqualizedDense(units, self.next_seed(), name=name, **kwargs)(x)

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str, **kwargs: Any) -> tf.Tensor:
        """Applies a convolution; `kwargs` are those of `EqualizedConv2D`."""
        return EqualizedConv2D(filters, size, self.next_seed(), name=name, **({"padding": "same"} | kwargs))(x)


def mapped(x: tf.Tensor, units: int, layer_count: int, name: str, blocks: StyleGAN2Layers) -> tf.Tensor:
    """Passes float32 `[batch, size]` through dense layers of a low rate: `[batch, units]`."""
    for number in range(1, layer_count + 1):
        layer = EqualizedDense(units, blocks.next_seed(), MAPPING_RATE, dtype="float32", name=f"{name}{number}")
        x = scaled_leaky_relu(layer(x))
    return x


def embedded(labels: tf.Tensor, units: int, name: str, blocks: StyleGAN2Layers) -> tf.Tensor:
    """Embeds one-hot labels `[batch, classes]`: float32 `[batch, units]`, normalized."""
    return pixel_norm(blocks.dense(labels, units, f"{name}_embedding", dtype="float32"))
