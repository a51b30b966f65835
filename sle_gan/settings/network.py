"""The networks: which, how wide, and the weights that they begin with."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.errors import InputError
from sle_gan.settings.field import RECIPE, Flag, SettingsGroup, setting
from sle_gan.settings.kinds import CONTENT_OF_FILE, FEATURE_SIDE, POSITIVE, RATE, TEXT, UTF8_PATH, choice

LARGEST_WIDTH = 1024


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(SettingsGroup):
    """The networks: which, how wide, and the weights that they begin with."""

    title: ClassVar[str] = "the networks"

    model: str = setting(TEXT, "the networks, and what their paper trains them with", "fastgan")
    generator: str = setting(TEXT, "another generator than the model's own", RECIPE)
    discriminator: str = setting(TEXT, "another discriminator than the model's own", RECIPE)
    width: int = setting(
        POSITIVE,
        "channels that those of all maps are multiples of; the paper's without it",
        RECIPE,
        unit="CHANNELS",
        flag=Flag(bare=(None,)),
    )
    mapping_layers: int | None = setting(
        POSITIVE, "from codes to styles; 8 in StyleGAN2's paper, usually 2", RECIPE, unit="COUNT"
    )
    channel_base: int | None = setting(
        POSITIVE,
        "StyleGAN2's or ProGAN's map of side s has this over s channels, --channel-max at most; 256 times the width "
        "without it",
        RECIPE,
        unit="CHANNELS",
    )
    channel_max: int | None = setting(
        POSITIVE,
        "the most channels of StyleGAN2's or ProGAN's maps; 8 times the width without it",
        RECIPE,
        unit="CHANNELS",
    )
    genotype: str | None = setting(
        CONTENT_OF_FILE,
        "of a generator that was searched: autogan's a, b or c, alphagan-s or alphagan-l, or a file; the first of them "
        "without it",
        None,
        unit="NAME",
    )
    progan_variant: str | None = setting(
        choice("paper", "regan"), "ProGAN's own networks, without it, or those that Re-GAN's authors trained", None
    )
    discriminator_norm: str | None = setting(
        choice("batch", "chain"),
        "of FastGAN's discriminator: batch normalization, as without it, or CHAIN",
        None,
    )
    feature_side: int | None = setting(
        FEATURE_SIDE,
        "the shorter side of images is brought to this before a discriminator's frozen network; 128, or that of "
        "--resolution if it is more",
        None,
        unit="PIXELS",
    )
    feature_share: float | None = setting(
        RATE,
        "what the heads on the frozen network have of the gradient at pictures, beside another judge; 0.9 without it",
        None,
        unit="SHARE",
        fits_weights=True,
    )
    generator_weights: str | None = setting(
        UTF8_PATH, "start from these weights of the generator (.h5)", None, unit="FILE", is_free=True
    )
    discriminator_weights: str | None = setting(
        UTF8_PATH, "start from these weights of the discriminator (.h5)", None, unit="FILE", is_free=True
    )

    def check(self) -> None:
        """Checks what the range of a value alone does not show.

        Raises:
            InputError: if the width is not one that networks can be built with.
        """
        if self.width not in range(8, LARGEST_WIDTH + 1, 8):
            raise InputError(f"--width must be a positive multiple of 8 up to {LARGEST_WIDTH}; got {self.width}")
