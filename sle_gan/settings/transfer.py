"""What a training takes from other runs."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import SettingsGroup, setting
from sle_gan.settings.kinds import FROM_ZERO, PATH, POSITIVE, TEXT, WEIGHT


@dataclass(frozen=True, kw_only=True)
class TransferSettings(SettingsGroup):
    """What a training takes from other runs: weights to begin with, and a second judge."""

    title: ClassVar[str] = "from other runs"

    init_from: str | None = setting(
        PATH, "begin with the weights of this run of the same networks, not its optimizers", None, unit="RUN"
    )
    freeze_d: int | None = setting(
        POSITIVE, "of the discriminator, from the image on, are not trained", None, unit="BLOCKS"
    )
    teacher: str | None = setting(
        PATH,
        "its discriminator judges the generator too (DGL); its width may be another",
        None,
        unit="RUN",
        fits_weights=True,
    )
    teacher_weight: float = setting(WEIGHT, "of the teacher's loss", 0.1, unit="WEIGHT", fits_weights=True)
    teacher_step: int | None = setting(FROM_ZERO, "the teacher's newest step", None, flag=None, fits_weights=True)
    teacher_sha256: str | None = setting(TEXT, "of the teacher's weights", None, flag=None, fits_weights=True)
