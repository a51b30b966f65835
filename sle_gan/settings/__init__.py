"""What a training is asked to be: frozen dataclasses, one for each concern.

Default, unit, range, choices, help and flag of a value stand at its field. Flags, checks, `config.json`, presets and
`docs/flags.md` are made from the fields. Imports no TensorFlow.
"""

from sle_gan.settings.adversarial import AdversarialFeatureSettings
from sle_gan.settings.augmentation import AdaptiveAugmentSettings, DiffAugmentSettings
from sle_gan.settings.chain import ChainSettings
from sle_gan.settings.command import CommandSettings
from sle_gan.settings.devices import DeviceSettings
from sle_gan.settings.images import ImageSettings
from sle_gan.settings.network import NetworkSettings
from sle_gan.settings.optimization import OptimizationSettings
from sle_gan.settings.penalties import PenaltySettings
from sle_gan.settings.run import RunSettings
from sle_gan.settings.scores import ScoreSettings
from sle_gan.settings.search import ArchitectureSearchSettings
from sle_gan.settings.sparsity import (
    ReconfigureSettings,
    SparseFromScratchSettings,
    TicketSearchSettings,
    TicketSettings,
)
from sle_gan.settings.train import TrainSettings
from sle_gan.settings.transfer import TransferSettings

__all__ = [
    "AdaptiveAugmentSettings",
    "AdversarialFeatureSettings",
    "ArchitectureSearchSettings",
    "ChainSettings",
    "CommandSettings",
    "DeviceSettings",
    "DiffAugmentSettings",
    "ImageSettings",
    "NetworkSettings",
    "OptimizationSettings",
    "PenaltySettings",
    "ReconfigureSettings",
    "RunSettings",
    "ScoreSettings",
    "SparseFromScratchSettings",
    "TicketSearchSettings",
    "TicketSettings",
    "TrainSettings",
    "TransferSettings",
]
