"""What one command means, and is no part of what a run is."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.errors import InputError
from sle_gan.settings.field import SettingsGroup, setting
from sle_gan.settings.kinds import SWITCH, TEXT, choice


@dataclass(frozen=True, kw_only=True)
class CommandSettings(SettingsGroup):
    """What one command means: where its settings come from, and what is done with a run that exists."""

    title: ClassVar[str] = "the run"

    preset: str | None = setting(TEXT, "the settings of a paper", None, unit="NAME")
    resume: str = setting(
        choice("auto", "never"),
        "auto: go on with the run of this name, or the newest unfinished run of the same settings",
        "auto",
    )
    change_settings: bool = setting(
        SWITCH,
        "go on with a run although settings differ that fit its weights: batch, precision, rates, losses, augmentation",
        False,
    )
    override: bool = setting(SWITCH, "delete the run of this --name and start anew", False)
    accept_data_change: bool = setting(SWITCH, "resume although the images have changed", False)
    dry_run: bool = setting(SWITCH, "print what would be done, and train nothing", False)
    verbose: bool = setting(
        SWITCH, "print every setting; --dry-run alone prints those that differ from the defaults", False
    )
    debug: bool = setting(SWITCH, "show the traceback of an error", False)

    def check_for(self, name: str | None) -> None:
        """Checks that the command can be carried out.

        Args:
            name: of the run, if it has one.

        Raises:
            InputError: if it cannot.
        """
        if self.override and name is None:
            raise InputError("--override needs the --name of the run to delete")
        if self.change_settings and (self.override or self.resume == "never"):
            raise InputError("--change-settings goes on with a run; leave out --override and --resume never")
