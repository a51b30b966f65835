"""The networks that the settings of a run ask for. TensorFlow is loaded when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sle_gan.models import DISCRIMINATORS, GENERATORS, Pair
from sle_gan.models.rows import ChannelLimits, FeatureOptions, NetworkOptions
from sle_gan.settings import ImageSettings, NetworkSettings

if TYPE_CHECKING:
    import tf_keras as keras


def pair_of(network: NetworkSettings) -> Pair:
    """Returns the generator and the discriminator of a run, by their names."""
    return Pair(network.generator, network.discriminator)


def build_generator(network: NetworkSettings, images: ImageSettings, seed: int) -> keras.Model:
    """Builds the generator of a run, with its initial weights.

    Args:
        network: which, and how wide.
        images: their shape, channels and classes.
        seed: of the initial weights.

    Raises:
        KeyError: if there is no generator of this name.
        ValueError: if it cannot be built so.
    """
    shape = images.resolution, images.channels, network.width, seed, len(images.class_names)
    return GENERATORS[network.generator].build(*shape, _options(network))


def build_discriminator(network: NetworkSettings, images: ImageSettings, seed: int) -> keras.Model:
    """Builds the discriminator of a run, with its initial weights.

    Args:
        network: which, and how wide.
        images: their shape, channels and classes.
        seed: of the initial weights.

    Raises:
        KeyError: if there is no discriminator of this name.
        ValueError: if it cannot be built so.
    """
    shape = images.resolution, images.channels, network.width, seed, len(images.class_names)
    return DISCRIMINATORS[network.discriminator].build(*shape, _options(network))


def _options(network: NetworkSettings) -> NetworkOptions:
    limits = None
    if network.channel_base is not None and network.channel_max is not None:
        limits = ChannelLimits(network.channel_base, network.channel_max)
    features = None
    if network.feature_side is not None and network.feature_share is not None:
        features = FeatureOptions(network.feature_side, network.feature_share)
    return NetworkOptions(
        network.mapping_layers,
        limits,
        network.genotype,
        features,
        network.progan_variant,
        network.discriminator_norm,
    )
