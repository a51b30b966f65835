"""Where a run is written, and how often what."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import SettingsGroup, setting
from sle_gan.settings.kinds import POSITIVE, UTF8_PATH, UTF8_TEXT


@dataclass(frozen=True, kw_only=True)
class RunSettings(SettingsGroup):
    """Where a run is written, and how often what."""

    title: ClassVar[str] = "the run"

    output_folder: str = setting(UTF8_PATH, "where runs are written", "runs", unit="FOLDER", is_free=True)
    name: str | None = setting(
        UTF8_TEXT,
        "name of the run; the next number, model and data folder without it",
        None,
        unit="NAME",
        is_free=True,
    )
    sample_frequency: int = setting(POSITIVE, "steps between sheets of samples", 500, unit="STEPS", is_free=True)
    checkpoint_frequency: int = setting(POSITIVE, "steps between checkpoints", 1000, unit="STEPS", is_free=True)
    keep_checkpoints: int = setting(POSITIVE, "newest checkpoints that are kept", 3, unit="COUNT", is_free=True)
    log_frequency: int = setting(POSITIVE, "steps between rows of metrics", 50, unit="STEPS", is_free=True)
