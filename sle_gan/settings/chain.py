"""CHAIN: a normalization in the discriminator, of which there is as much as holds it back."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import SettingsGroup, setting
from sle_gan.settings.kinds import FROM_ZERO, RATE, SHARE, WEIGHT


@dataclass(frozen=True, kw_only=True)
class ChainSettings(SettingsGroup):
    """CHAIN, in place of the batch normalization of a discriminator.

    Source: Ni & Koniusz, CVPR 2024, arXiv:2404.00521.
    """

    title: ClassVar[str] = "CHAIN (--discriminator-norm chain)"
    method: ClassVar[str | None] = "chain"
    asked_by: ClassVar[tuple[str, object] | None] = ("discriminator_norm", "chain")

    chain_weight: float = setting(
        WEIGHT, "of the squared means that its channels keep", 20.0, unit="WEIGHT", fits_weights=True
    )
    chain_offset: float = setting(
        SHARE,
        "what the penalty weighs before anything is normalized; 0 in the paper for all but the smallest sets",
        0.1,
        unit="SHARE",
        fits_weights=True,
    )
    chain_target: float = setting(
        RATE, "mean sign of the logits of reals above which more is normalized", 0.5, unit="SIGN", fits_weights=True
    )
    chain_start: int = setting(
        FROM_ZERO, "before anything is normalized; 5000 of the paper's 100000", 5000, unit="STEPS", fits_weights=True
    )
    chain_change: float = setting(
        RATE, "of the share that is normalized, at each step", 0.001, unit="SHARE", fits_weights=True
    )
