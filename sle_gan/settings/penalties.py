"""Penalties that are added to the losses of the networks."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import RECIPE, SettingsGroup, setting
from sle_gan.settings.kinds import ABOVE_ZERO, POSITIVE, SWITCH, WEIGHT, choice


@dataclass(frozen=True, kw_only=True)
class PenaltySettings(SettingsGroup):
    """Penalties that are added to the losses of the networks; a weight of 0 turns one off."""

    title: ClassVar[str] = "regularization"

    r1_gamma: float = setting(
        WEIGHT,
        "of R1, the discriminator's slope at real images; 0 is off",
        RECIPE,
        unit="WEIGHT",
        fits_weights=True,
    )
    r2_gamma: float = setting(
        WEIGHT, "of R2, its slope at generated images; 0 is off", 0.0, unit="WEIGHT", fits_weights=True
    )
    r1_interval: int = setting(
        POSITIVE, "discriminator's steps from R1 to R1, and from R2 to R2", 16, unit="STEPS", fits_weights=True
    )
    r1_on: str = setting(
        choice("before", "after"),
        "R1's and R2's slope at images before or after augmentation",
        "after",
        fits_weights=True,
    )
    consistency_weight: float = setting(
        WEIGHT,
        "of the change of logits under flips and shifts (bCR); 10 in the paper, 0 is off",
        0.0,
        unit="WEIGHT",
        fits_weights=True,
    )
    gradient_penalty: float = setting(
        WEIGHT,
        "of the distance of the discriminator's slope from --gradient-target; 10 with --loss wasserstein, otherwise "
        "off",
        RECIPE,
        unit="WEIGHT",
        fits_weights=True,
    )
    gradient_target: float = setting(
        ABOVE_ZERO,
        "the slope that --gradient-penalty asks for; 750 for ProGAN on CIFAR-10",
        1.0,
        unit="SLOPE",
        fits_weights=True,
    )
    drift_weight: float = setting(
        WEIGHT,
        "of the mean squared logit of reals (ProGAN's drift); 0 is off",
        RECIPE,
        unit="WEIGHT",
        before=0.0,
        fits_weights=True,
    )
    dig_weight: float = setting(WEIGHT, "of DigGAN's gap of slopes; 0 is off", 0.0, unit="WEIGHT", fits_weights=True)
    dig_interval: int = setting(
        POSITIVE,
        "discriminator's steps from gap to gap; 4, or --n-critic above 1, without it",
        RECIPE,
        unit="STEPS",
        fits_weights=True,
    )
    dig_smoothing: bool = setting(
        SWITCH,
        "each slope is half the new one, half the last smoothed one at its place in the batch (DigGAN's code)",
        False,
        fits_weights=True,
    )
    path_length_weight: float = setting(
        WEIGHT,
        "of the generator's path length, for networks with styles; 2 in the paper, 0 is off",
        0.0,
        unit="WEIGHT",
        fits_weights=True,
    )
    path_length_interval: int = setting(POSITIVE, "generator's steps between them", 4, unit="STEPS", fits_weights=True)
    lazy_scaling: bool = setting(
        SWITCH,
        "scale Adam's rate and betas by k / (k + 1) for R1 or path length at every k-th step, as where these have "
        "optimizer steps of their own (StyleGAN2's code)",
        False,
        fits_weights=True,
    )
