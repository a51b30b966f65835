"""The networks that the settings of a run ask for. TensorFlow is loaded when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS, Pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tf_keras as keras


def pair_of(settings: Mapping) -> Pair:
    """Returns the pair of a run: that of its model, or other partners where the settings name them.

    Args:
        settings: the settings of the run.

    Raises:
        KeyError: if the model is not there.
    """
    return MODELS[settings["model"]].pair(settings.get("generator"), settings.get("discriminator"))


def build_generator(settings: Mapping) -> keras.Model:
    """Builds the generator of a run, with its initial weights.

    Args:
        settings: the settings of the run.

    Raises:
        KeyError: if a setting is not there.
        ValueError: if there is no such network.
    """
    row = GENERATORS[pair_of(settings).generator]
    return row.build(*_shape(settings), settings.get("mapping_layers"))


def build_discriminator(settings: Mapping) -> keras.Model:
    """Builds the discriminator of a run, with its initial weights.

    Args:
        settings: the settings of the run.

    Raises:
        KeyError: if a setting is not there.
        ValueError: if there is no such network.
    """
    return DISCRIMINATORS[pair_of(settings).discriminator].build(*_shape(settings))


def _shape(settings):
    shape = [settings[name] for name in ("resolution", "channels", "width", "seed")]
    return *shape, len(settings.get("class_names") or ())
