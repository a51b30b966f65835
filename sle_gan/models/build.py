"""The networks that the settings of a run ask for. TensorFlow is loaded when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sle_gan.models import DISCRIMINATORS, GENERATORS, Pair
from sle_gan.models.rows import ChannelLimits, DiscriminatorRow, GeneratorRow
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
        images: their side, channels and classes.
        seed: of the initial weights.

    Raises:
        KeyError: if there is no generator of this name.
        ValueError: if it cannot be built so.
        InputError: if its genotype is none of this generator.
    """
    row = GENERATORS[network.generator]
    shape = images.resolution, images.channels, network.width, seed, len(images.class_names)
    options = _limits(network, row)
    if network.mapping_layers is not None:
        options["mapping_layers"] = network.mapping_layers
    if row.genotypes is not None:
        options["genotype"] = network.genotype or row.genotypes.usual
    return row.build(*shape, options)


def build_discriminator(network: NetworkSettings, images: ImageSettings, seed: int) -> keras.Model:
    """Builds the discriminator of a run, with its initial weights.

    Args:
        network: which, and how wide.
        images: their side, channels and classes.
        seed: of the initial weights.

    Raises:
        KeyError: if there is no discriminator of this name.
        ValueError: if it cannot be built so.
    """
    row = DISCRIMINATORS[network.discriminator]
    shape = images.resolution, images.channels, network.width, seed, len(images.class_names)
    return row.build(*shape, _limits(network, row))


def _limits(network: NetworkSettings, row: GeneratorRow | DiscriminatorRow) -> dict[str, Any]:
    if not row.has_channel_limits or network.channel_base is None or network.channel_max is None:
        return {}
    return {"limits": ChannelLimits(network.channel_base, network.channel_max)}
