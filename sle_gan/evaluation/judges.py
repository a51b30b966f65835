"""Which network may judge a training: one that is no part of what it minimizes.

A score by a network of the training's own loss flatters it: the pictures look better to that network than to any other.
Imports no TensorFlow.
"""

from collections.abc import Mapping

JUDGES = ("efficientnet-lite0", "open-nsfw")  # installed with this package; the first that is no party is taken
FLATTERING = "flattering: this network is part of the training's loss"


def networks_in_loss(settings: Mapping) -> frozenset[str]:
    """Returns the feature networks that a training's loss is computed with, by their names in `NETWORKS`.

    Args:
        settings: of the run, resolved.
    """
    # The decoders of FastGAN's discriminator minimize a distance of EfficientNet-Lite0's features.
    is_fastgan = settings.get("model") == "fastgan"
    is_perceptual = settings.get("reconstruction_loss", "perceptual") == "perceptual"
    return frozenset({"efficientnet-lite0"} if is_fastgan and is_perceptual else ())


def judge_of(settings: Mapping) -> str:
    """Returns the name of the network that judges a run where nothing else is asked for: it is no party.

    Args:
        settings: see `networks_in_loss`.
    """
    return next(name for name in JUDGES if name not in networks_in_loss(settings))


def is_party(network: str, settings: Mapping) -> bool:
    """Returns whether a network is part of the loss of a run, so that its scores flatter.

    Args:
        network: its name.
        settings: see `networks_in_loss`.
    """
    return network in networks_in_loss(settings)


def described(network: str, settings: Mapping) -> str:
    """Returns a network's name, and behind it that its scores flatter, if they do."""
    return f"{network} ({FLATTERING})" if is_party(network, settings) else network
