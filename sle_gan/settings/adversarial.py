"""Adversarial features: both networks are also trained on features that are moved against them."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import Setting, SettingsGroup, setting
from sle_gan.settings.kinds import POSITIVE, RATE, SWITCH, choice


@dataclass(frozen=True, kw_only=True)
class AdversarialFeatureSettings(SettingsGroup):
    """AdvAug.

    Source: Chen et al., NeurIPS 2021, arXiv:2103.00397.
    """

    title: ClassVar[str] = "adversarial features (AdvAug)"
    method: ClassVar[str | None] = "adv_augment"
    asked_by: ClassVar[tuple[str, object] | None] = ("adv_augment", True)
    inputs: ClassVar[dict[str, Setting]] = {
        "adv_augment": Setting(
            SWITCH, "train both networks also on features that are moved against them", False, fits_weights=True
        )
    }

    adv_gamma: float = setting(RATE, "of a step of the features", 0.01, unit="SIZE", fits_weights=True)
    adv_steps: int = setting(POSITIVE, "of the features at each step of a network", 1, unit="STEPS", fits_weights=True)
    adv_sign: str = setting(
        choice("paper", "released"),
        "paper: against the network; released: as the released code, towards higher logits, with half the weights",
        "paper",
        fits_weights=True,
    )
