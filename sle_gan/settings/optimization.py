"""How long the networks are trained, on how many images in a step, by which loss and optimizers."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.errors import InputError
from sle_gan.settings.field import RECIPE, Flag, SettingsGroup, setting
from sle_gan.settings.kinds import DECAY, FROM_ZERO, HOURS, POSITIVE, RATE, SHARE, WEIGHT, choice

AUTO, PAPER = "auto", "paper"


@dataclass(frozen=True, kw_only=True)
class OptimizationSettings(SettingsGroup):
    """How long the networks are trained, on how many images in a step, by which loss and optimizers."""

    title: ClassVar[str] = "training"
    description: ClassVar[str | None] = (
        "What is not given of width, batch, losses and optimizers is as in the network's paper."
    )

    steps: int = setting(POSITIVE, "generator steps in all", 50_000, unit="STEPS", is_free=True)
    epochs: int | None = setting(
        POSITIVE,
        "passes over the images, instead of --steps",
        None,
        unit="EPOCHS",
        is_free=True,
        flag=Flag(instead_of="steps"),
    )
    hours: float | None = setting(
        HOURS,
        "that the training may take, instead of --steps: some steps are timed on this machine",
        None,
        unit="HOURS",
        is_free=True,
        flag=Flag(instead_of="steps"),
    )
    batch_size: int = setting(
        POSITIVE,
        "images in a step of the discriminator; auto: the most that fit into memory, by trials",
        RECIPE,
        unit="IMAGES",
        flag=Flag(words=(AUTO,)),
        fits_weights=True,
    )
    accumulate: int = setting(
        POSITIVE,
        "equal shares of a batch that a step goes through in turn, in the memory of one",
        1,
        unit="SHARES",
        fits_weights=True,
    )
    n_critic: int = setting(
        POSITIVE, "discriminator's steps for each of the generator", RECIPE, unit="STEPS", fits_weights=True
    )
    loss: str = setting(
        choice("hinge", "non-saturating", "wasserstein", "least-squares", "relativistic"),
        "adversarial loss of both networks; relativistic: of pairs of a real and a generated image (R3GAN)",
        RECIPE,
        fits_weights=True,
    )
    smallest_margin: float = setting(
        SHARE, "margins of the hinge are drawn from here to 1", RECIPE, unit="SHARE", fits_weights=True
    )
    rates: str = setting(
        choice(AUTO, PAPER),
        "auto: rates that fit the length and the width, where a training is much shorter than the paper's and none are "
        "given; paper: the paper's",
        RECIPE,
        is_free=True,
        before=PAPER,
    )
    G_learning_rate: float = setting(RATE, "of the generator's Adam", RECIPE, unit="RATE", fits_weights=True)
    D_learning_rate: float = setting(RATE, "of the discriminator's Adam", RECIPE, unit="RATE", fits_weights=True)
    rate_decay: str = setting(
        choice("constant", "cosine", "linear"),
        "of both rates over the training, to a tenth at its last step",
        "constant",
        fits_weights=True,
    )
    adam_beta_1: float = setting(
        DECAY, "kept of the mean gradient at each step", RECIPE, unit="SHARE", fits_weights=True
    )
    adam_beta_2: float = setting(
        DECAY, "kept of the mean squared gradient at each step", RECIPE, unit="SHARE", fits_weights=True
    )
    ema_decay: float | None = setting(
        DECAY, "kept of the averaged generator at each step", RECIPE, unit="SHARE", fits_weights=True
    )
    ema_kimg: float | None = setting(
        WEIGHT,
        "its half-life in thousands of images, instead of --ema-decay",
        RECIPE,
        unit="KIMG",
        flag=Flag(instead_of="ema_decay"),
        fits_weights=True,
    )
    ema_ramp: float = setting(
        WEIGHT,
        "the half-life is this share of the images shown, at most; 0 for no such bound",
        0.05,
        unit="SHARE",
        fits_weights=True,
    )
    ema_start: int = setting(
        FROM_ZERO, "for which it is a copy, before it averages", RECIPE, unit="STEPS", fits_weights=True
    )
    reconstruction_loss: str = setting(
        choice("perceptual", "l1"),
        "distance that the discriminator's decoders minimize",
        "perceptual",
        fits_weights=True,
    )
    seed: int = setting(FROM_ZERO, "of initial weights and everything drawn", 0, unit="NUMBER")

    @property
    def images_per_step(self) -> int:
        """Real images that a step of the generator goes with."""
        return self.batch_size * self.n_critic

    def check(self) -> None:
        """Checks that a batch can be divided.

        Raises:
            InputError: if it cannot.
        """
        if self.batch_size % self.accumulate:
            raise InputError(
                f"--batch-size must be a multiple of --accumulate {self.accumulate}; got {self.batch_size}"
            )
