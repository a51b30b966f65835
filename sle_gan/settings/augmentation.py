"""The augmentation of what the discriminator sees: DiffAugment, adaptive, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sle_gan.errors import InputError
from sle_gan.settings.field import REQUIRED, Flag, Setting, SettingsGroup, setting
from sle_gan.settings.kinds import ABOVE_ZERO, DECAY, RATE, SHARE, TEXT, WEIGHT, choice
from sle_gan.shell import shell_line

DEFAULT_POLICY = "color,translation"
OPERATIONS = ("color", "translation", "cutout")
_TITLE = "augmentation of what the discriminator sees"


@dataclass(frozen=True, kw_only=True)
class DiffAugmentSettings(SettingsGroup):
    """Differentiable augmentation of constant strength.

    Source: Zhao et al. 2020, arXiv:2006.10738.
    """

    title: ClassVar[str] = _TITLE
    method: ClassVar[str | None] = "diff"
    asked_by: ClassVar[tuple[str, object] | None] = ("diff_augment", REQUIRED)
    inputs: ClassVar[dict[str, Setting]] = {
        "augment": Setting(
            choice("diff", "ada"), "diff: as --diff-augment says; ada: adaptively", "diff", fits_weights=True
        )
    }

    diff_augment: str = setting(
        TEXT,
        f"some of {','.join(OPERATIONS)}; {DEFAULT_POLICY} without it",
        unit="POLICY",
        flag=Flag(bare=(DEFAULT_POLICY,), off=("--no-diff-augment", "do not augment")),
        fits_weights=True,
    )
    diff_brightness: float = setting(WEIGHT, "greatest, on the scale of [-1, 1]", 0.5, unit="SHIFT", fits_weights=True)
    diff_saturation: float = setting(WEIGHT, "greatest, of the factor around 1", 1.0, unit="CHANGE", fits_weights=True)
    diff_contrast: float = setting(WEIGHT, "greatest, of the factor around 1", 0.5, unit="CHANGE", fits_weights=True)
    diff_translation: float = setting(DECAY, "of each side, the greatest shift", 0.125, unit="SHARE", fits_weights=True)
    diff_cutout: float = setting(
        SHARE, "of each side, the side of what is cut out", 0.5, unit="SHARE", fits_weights=True
    )

    def check(self) -> None:
        """Checks the policy.

        Raises:
            InputError: if it names an operation that there is not.
        """
        if set(self.diff_augment.split(",")) - set(OPERATIONS):
            raise InputError(f"--diff-augment takes some of {','.join(OPERATIONS)}; got {self.diff_augment}")


@dataclass(frozen=True, kw_only=True)
class AdaptiveAugmentSettings(SettingsGroup):
    """Augmentation whose probability follows how sure the discriminator is of real images.

    Source: Karras et al. 2020, arXiv:2006.06676.
    """

    title: ClassVar[str] = _TITLE
    method: ClassVar[str | None] = "ada"
    asked_by: ClassVar[tuple[str, object] | None] = ("augment", "ada")

    augment_target: float = setting(RATE, "ada: mean sign of the logits of reals", 0.6, unit="SIGN", fits_weights=True)
    augment_speed: float = setting(
        ABOVE_ZERO, "ada: thousands of images from none to all", 500.0, unit="KIMG", fits_weights=True
    )
    augment_pipe: str = setting(
        choice("b", "bg", "bc", "bgc"),
        "ada: b flips, quarter turns and shifts; g turns, scales and stretches; c colors",
        "bgc",
        fits_weights=True,
    )


Augmentation = DiffAugmentSettings | AdaptiveAugmentSettings


def fill_augmentation(values: dict[str, object]) -> None:
    """Fills in the policy of DiffAugment where nothing was said of augmentation.

    Args:
        values: settings by name.
    """
    values.setdefault("augment", "diff")
    values.setdefault("diff_augment", DEFAULT_POLICY if values["augment"] == "diff" else None)


def check_augmentation(values: Mapping[str, object]) -> None:
    """Checks that one kind of augmentation is asked for.

    Args:
        values: settings by name.

    Raises:
        InputError: if there are two.
    """
    policy = values["diff_augment"]
    if values["augment"] == "ada" and policy is not None:
        raise InputError(f"--augment ada takes the place of --diff-augment {shell_line(policy)}; give one of them")
