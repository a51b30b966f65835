"""Growing: the networks begin with pictures of 4 px, and a larger side fades in whenever one was trained."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import RECIPE, Setting, SettingsGroup, setting
from sle_gan.settings.kinds import POSITIVE, choice


@dataclass(frozen=True, kw_only=True)
class GrowthSettings(SettingsGroup):
    """How networks grow that hold all sides.

    `phase_images`, `last_images` and `pass_images` are what the training uses; they follow from the others, its length
    and the number of images.

    Source: Karras et al. 2018, arXiv:1710.10196 (ProGAN).
    """

    title: ClassVar[str] = "growing (ProGAN)"
    method: ClassVar[str | None] = "growth"
    asked_by: ClassVar[tuple[str, object] | None] = ("growth", "progressive")
    inputs: ClassVar[dict[str, Setting]] = {
        "growth": Setting(
            choice("progressive", "none"),
            "progressive, from pictures of 4 px on, where both networks can; none: the full side from the start",
            None,
        )
    }
    times_follow: ClassVar[dict[str, tuple[str, ...]]] = {
        "phase_images": ("growth_images",),
        "last_images": ("growth_images",),
        "pass_images": (),
    }

    growth_images: int | None = setting(
        POSITIVE,
        "for which a side is trained, and as many over which the next fades in; without it half of the training's "
        "steps, shared out evenly, or the paper's 600000 if that is less",
        None,
        unit="IMAGES",
        fits_weights=True,
    )
    growth_batch: str = setting(
        choice("paper", "same"),
        "images in a step of smaller sides: paper: 128 up to 16 px, 64 at 32 px and so on; same: --batch-size, as "
        "without it where --batch-size is given",
        RECIPE,
        fits_weights=True,
    )
    growth_schedule: str = setting(
        choice("paper", "regan"),
        "regan: each side fades in until its last pass over the images, with no reset of the optimizers; the "
        "--progan-variant's without it",
        RECIPE,
        fits_weights=True,
    )
    phase_images: int = setting(POSITIVE, "of a phase of growing", RECIPE, is_free=True, flag=None)
    last_images: int = setting(POSITIVE, "of the last side, with Re-GAN's schedule", RECIPE, is_free=True, flag=None)
    pass_images: int = setting(POSITIVE, "that there are to train on", RECIPE, is_free=True, flag=None)
