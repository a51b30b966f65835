"""What a study is asked to be, and what its rows say beside the settings of their trainings."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sle_gan.settings.field import SettingsGroup, setting
from sle_gan.settings.kinds import FROM_ZERO, HOURS, PATH, POSITIVE, SWITCH, TEXT, TEXTS, Kind, choice

_MOST_SEEDS = 1000


def _are_seeds(value: tuple[Any, ...]) -> bool:
    are_whole = all(isinstance(seed, int) and not isinstance(seed, bool) and FROM_ZERO.allows(seed) for seed in value)
    return are_whole and 0 < len(value) <= _MOST_SEEDS and len(set(value)) == len(value)


SEEDS = Kind(tuple, _are_seeds, f"a list of 1 to {_MOST_SEEDS} different whole numbers from 0")
_NAMES = Kind(tuple, lambda value: len(value) > 0 and TEXTS.allows(value), "a list of one text or more")


@dataclass(frozen=True, kw_only=True)
class StudySettings(SettingsGroup):
    """What a study is asked to be, beside its rows."""

    title: ClassVar[str] = "the study"

    seeds: tuple[int, ...] = setting(SEEDS, "each row is trained with each", unit="NUMBERS", flag=None)
    baseline: str = setting(TEXT, "row that the others are compared with", unit="ROW", flag=None)
    cores: int = setting(POSITIVE, "of the CPU, for each training", 1, unit="COUNT", flag=None)
    cpu_hours: float | None = setting(
        HOURS, "CPU time of each training, in place of its steps", None, unit="HOURS", flag=None
    )
    metrics: tuple[str, ...] = setting(
        _NAMES, "as those of sle-gan evaluate; the sentences are about the first", ("kid", "swd"), flag=None
    )
    judges: tuple[str, ...] = setting(
        _NAMES, "networks that score, or auto; the sentences are about the first", ("auto",), flag=None
    )
    number_of_images: int = setting(POSITIVE, "drawn and scored of each training", 1000, unit="IMAGES", flag=None)
    reference_folder: str | None = setting(
        PATH, "images to score against; the training images without it", None, unit="FOLDER", flag=None
    )
    permutation: str = setting(
        choice("independent", "paired"),
        "what is exchanged for p: the rows of all trainings, or those of the trainings of a seed",
        "independent",
        flag=None,
    )


@dataclass(frozen=True, kw_only=True)
class RowSettings(SettingsGroup):
    """What a row of a study says beside the settings of its trainings."""

    title: ClassVar[str] = "a row"

    baseline: str | None = setting(TEXT, "row that it is compared with; that of the study without it", None, flag=None)
    shown: bool = setting(SWITCH, "false for trainings that other rows need, and the table does not", True, flag=None)
    ticket_round: int | None = setting(
        POSITIVE, "of the search whose ticket it takes; the last without it", None, flag=None
    )
    preset: str | None = setting(TEXT, "the settings of a paper", None, flag=None)
