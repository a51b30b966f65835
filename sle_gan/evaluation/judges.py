"""Which network may judge a training: one that is no part of its loss.

A score by a network of the training's own loss flatters it: the pictures look better to that network than to any other.
Imports no TensorFlow.
"""

from sle_gan.models import DISCRIMINATORS
from sle_gan.settings import TrainSettings
from sle_gan.settings.scores import KID_NETWORKS

JUDGES = KID_NETWORKS  # installed with this package; the first that is no part of the loss judges
FLATTERING = "flattering: this network is part of the training's loss"


def judge_for(discriminator: str, reconstruction_loss: str) -> str:
    """Returns the name of the network that judges a training if no other is asked for.

    Args:
        discriminator: its name in `sle_gan.models.DISCRIMINATORS`.
        reconstruction_loss: `perceptual` or `l1`, the distance that decoders minimize, if the discriminator has some.
    """
    in_loss = _networks_of(discriminator, reconstruction_loss)
    return next(name for name in JUDGES if name not in in_loss)


def judge_of(settings: TrainSettings) -> str:
    """Returns the name of the network that judges a run if no other is asked for: it is no part of the run's loss.

    Args:
        settings: of the run.
    """
    return judge_for(settings.network.discriminator, settings.optimization.reconstruction_loss)


def networks_in_loss(settings: TrainSettings) -> frozenset[str]:
    """Returns the feature networks that the loss of a training is computed with.

    Args:
        settings: of the run.

    Returns:
        Names in `sle_gan.pretrained.NETWORKS`.
    """
    return _networks_of(settings.network.discriminator, settings.optimization.reconstruction_loss)


def is_party(network: object, settings: TrainSettings) -> bool:
    """Returns whether a network is part of the loss of a run, so that its scores flatter.

    Args:
        network: its name, or whatever a row of scores has in its place.
        settings: of the run.
    """
    return network in networks_in_loss(settings)


def describe_network(network: str, settings: TrainSettings) -> str:
    """Returns the name of a network, followed by a note if its scores flatter.

    Args:
        network: its name.
        settings: of the run that it judges.
    """
    return f"{network} ({FLATTERING})" if is_party(network, settings) else network


def _networks_of(discriminator: str, reconstruction_loss: str) -> frozenset[str]:
    row = DISCRIMINATORS[discriminator]
    # Decoders minimize a distance of EfficientNet-Lite0's features.
    of_distance = "efficientnet-lite0" if row.has_decoders and reconstruction_loss == "perceptual" else ""
    return frozenset({row.frozen_network, of_distance} - {""})
