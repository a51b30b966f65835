"""ProGAN's layers, as its authors order them and as Re-GAN's own ProGAN does.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018,
arXiv:1710.10196, and its code; Saxena et al., CVPR 2023, for the variant. `docs/methods.md` lists the deviations.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.equalized import EqualizedConv2D, EqualizedDense
from sle_gan.layers.growing import FIRST_SIDE
from sle_gan.layers.norm import pixel_norm
from sle_gan.models.seeded import SeededLayers

Parts = Callable[[str], keras.layers.Layer]  # of a network, by their names


class Variant(NamedTuple):
    """In what the two ProGANs differ.

    Attributes:
        slope: of the leaky ReLU below 0.
        is_normalized_first: whether the generator's pixel norm lies before the activation.
        normalizes_codes: whether codes are normalized before the first layer.
        first_gain: of the generator's first layer.
        start_convs: convolutions of the generator's 4x4 map.
        color_gain: of the generator's layers that make colors, and of the discriminator's last.
        is_bounded: whether pictures are bounded by the hyperbolic tangent.
        discriminator_is_normalized: whether the discriminator has pixel norms, before the activations.
        entry_is_activated: whether the discriminator's layers of colors have an activation.
        deviation_is_of_batch: whether the minibatch deviation is that of all images, not of four.
        ends_with_conv: whether the last but one layer is a convolution over the whole 4x4 map.
    """

    slope: float = 0.2
    is_normalized_first: bool = False
    normalizes_codes: bool = True
    first_gain: float = math.sqrt(2.0) / 4.0  # that of a 4x4 convolution of a 1x1 map
    start_convs: int = 1
    color_gain: float = 1.0
    is_bounded: bool = False
    discriminator_is_normalized: bool = False
    entry_is_activated: bool = True
    deviation_is_of_batch: bool = False
    ends_with_conv: bool = False

    def activated(self, x: tf.Tensor) -> tf.Tensor:
        """Applies the leaky ReLU."""
        return tf.nn.leaky_relu(x, self.slope)

    def normalized(self, x: tf.Tensor) -> tf.Tensor:
        """Applies pixel norm and the activation of the generator, in their order."""
        return self.activated(pixel_norm(x)) if self.is_normalized_first else pixel_norm(self.activated(x))

    def judged(self, x: tf.Tensor) -> tf.Tensor:
        """Applies the activation of the discriminator, behind pixel norm if it has that."""
        return self.activated(pixel_norm(x) if self.discriminator_is_normalized else x)


VARIANTS = {
    "paper": Variant(),
    "regan": Variant(
        slope=0.1,
        is_normalized_first=True,
        normalizes_codes=False,
        first_gain=math.sqrt(2.0),
        start_convs=2,
        color_gain=math.sqrt(2.0),
        is_bounded=True,
        discriminator_is_normalized=True,
        entry_is_activated=False,
        deviation_is_of_batch=True,
        ends_with_conv=True,
    ),
}


class ProGANLayers(SeededLayers):
    """Layers with equalized learning rates, whose gain is sqrt(2) unless another is given."""

    def conv_layer(self, filters: int, size: int, name: str, **kwargs: Any) -> EqualizedConv2D:
        """Makes a convolution; `kwargs` are those of `EqualizedConv2D`."""
        options: dict[str, Any] = {"padding": "same", "gain": math.sqrt(2.0)} | kwargs
        return EqualizedConv2D(filters, size, self.next_seed(), name=name, **options)

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str, **kwargs: Any) -> tf.Tensor:
        """Applies a convolution, as `conv_layer` makes it."""
        return self.conv_layer(filters, size, name, **kwargs)(x)

    def dense(self, x: tf.Tensor, units: int, name: str, **kwargs: Any) -> tf.Tensor:
        """Applies a dense layer; `kwargs` are those of `EqualizedDense`."""
        return EqualizedDense(units, self.next_seed(), name=name, **({"gain": math.sqrt(2.0)} | kwargs))(x)


def sides_to(side: int) -> list[int]:
    """Lists the sides that a network grows through, from 4 px to `side`."""
    return [2**power for power in range(int(math.log2(FIRST_SIDE)), int(math.log2(side)) + 1)]


def lowest_faded(side: int) -> int:
    """Returns the least side whose colors matter while a network of `side` pixels is trained or fades in."""
    return max(FIRST_SIDE, side // 2)
