"""A field of settings: all that the flags, the checks, the files and the pages need to know of it."""

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args, get_type_hints

from sle_gan.errors import InputError
from sle_gan.settings.kinds import Kind


class Unset(enum.Enum):
    """What a setting without a default of its own gets its value from."""

    REQUIRED = "it must be given"
    RECIPE = "the recipe of the network's paper, or what follows from other settings"


REQUIRED, RECIPE = Unset.REQUIRED, Unset.RECIPE


@dataclass(frozen=True)
class Flag:
    """How a setting is spelled on the command line, where that does not follow from its name.

    Attributes:
        names: all its spellings; two dashes and the name without them.
        bare: what the flag means without a value, in a tuple of one; empty if it needs one.
        is_flip: whether `--no-NAME` turns it off.
        off: (flag, help) of a flag that sets it to None.
        words: that are taken instead of a value, and replaced by one before a training begins.
        instead_of: name of another setting, which cannot be given beside it.
    """

    names: tuple[str, ...] = ()
    bare: tuple[Any, ...] = ()
    is_flip: bool = False
    off: tuple[str, str] | None = None
    words: tuple[str, ...] = ()
    instead_of: str | None = None


@dataclass(frozen=True)
class Setting:
    """What stands at a field.

    Attributes:
        kind: what values it takes.
        help: what it is, as `--help` says it.
        default: its value where none is given; `REQUIRED` or `RECIPE` without one.
        unit: of its values, in capitals; empty for choices and switches.
        is_free: whether it may differ when a run goes on: it changes when things are written, or for how long.
        flag: how it is spelled; None if the command line does not set it.
        before: its value in files of versions that did not have it, where that is not its default.
        fits_weights: whether another value fits the weights of the same run: it may change when the run goes on, if
            that is asked for.
    """

    kind: Kind
    help: str
    default: Any
    unit: str = ""
    is_free: bool = False
    flag: Flag | None = Flag()
    before: Any = None
    fits_weights: bool = False

    @property
    def has_default(self) -> bool:
        """Whether it has a default of its own."""
        return not isinstance(self.default, Unset)


def setting(
    kind: Kind,
    text: str,
    default: Any = REQUIRED,
    *,
    unit: str = "",
    is_free: bool = False,
    flag: Flag | None = Flag(),
    before: Any = None,
    fits_weights: bool = False,
) -> Any:
    """Makes a field of a frozen dataclass of settings.

    Args:
        kind: what values it takes.
        text: what it is, as `--help` says it.
        default: its value where none is given, or `REQUIRED`, or `RECIPE`.
        unit: of its values, in capitals.
        is_free: whether it may differ when a run goes on.
        flag: how it is spelled on the command line; None if that does not set it.
        before: its value in files of versions that did not have it, where that is not its default.
        fits_weights: whether it may change when a run goes on, if that is asked for.
    """
    described = Setting(kind, text, default, unit, is_free, flag, before, fits_weights)
    own = {"default": default} if described.has_default else {}
    return dataclasses.field(metadata={"setting": described}, **own)


@dataclass(frozen=True, kw_only=True)
class SettingsGroup:
    """The settings of a concern, or of a method that is one of several.

    Attributes:
        title: of its flags.
        description: of its flags, if they need one.
        method: what it is called, if it is one of several methods or may be left out.
        asked_by: what a method is asked for by: a name, and the value that it then has; `REQUIRED` for any.
        inputs: what the command line says besides the fields, by name.
        times_follow: the settings that each time of its own was worked out from, by name: a run that goes on keeps the
            time unless one of them changes.
    """

    title: ClassVar[str]
    description: ClassVar[str | None] = None
    method: ClassVar[str | None] = None
    asked_by: ClassVar[tuple[str, object] | None] = None
    inputs: ClassVar[dict[str, Setting]] = {}
    times_follow: ClassVar[dict[str, tuple[str, ...]]] = {}

    def check(self) -> None:
        """Checks what the range of a value alone does not show.

        Raises:
            InputError: if the settings do not go together.
        """

    @classmethod
    def is_asked_for(cls, values: Mapping[str, object]) -> bool:
        """Returns whether values by name ask for these settings; those of no method are always there."""
        if cls.asked_by is None:
            return True
        name, value = cls.asked_by
        return values.get(name) is not None if value is REQUIRED else values.get(name) == value


Group = type[SettingsGroup]


def settings_of(group: Group) -> dict[str, Setting]:
    """Returns the settings of a dataclass by the names of their fields."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(group)}


def flags_of(group: Group) -> dict[str, Setting]:
    """Returns what the command line sets of a dataclass, by name: how it is asked for, and its fields."""
    own = {name: one for name, one in settings_of(group).items() if one.flag is not None}
    return group.inputs | own


def optional_of(group: Group) -> frozenset[str]:
    """Returns the names of the fields that may be None."""
    return frozenset(name for name, hint in get_type_hints(group).items() if type(None) in get_args(hint))


def flag_name(name: str) -> str:
    """Returns the flag of a setting, such as `--batch-size`."""
    return f"--{name.replace('_', '-')}"


def make_group(group: Group, values: Mapping[str, object]) -> Any:
    """Makes a dataclass of settings from values by name; where there is none, the default holds.

    Args:
        group: the dataclass.
        values: may hold other names too.

    Raises:
        InputError: if a value is missing or not allowed.
    """
    return group(**{name: _value(group, name, one, values) for name, one in settings_of(group).items()})


def accept(name: str, described: Setting, value: object) -> Any:
    """Checks a value of a setting.

    Returns:
        The value, of its kind's type.

    Raises:
        InputError: if it is not allowed.
    """
    try:
        return described.kind.accept(value)
    except ValueError as error:
        raise InputError(f"the setting {name!r} {error}") from None


def _value(group: Group, name: str, described: Setting, values: Mapping[str, object]) -> Any:
    if name not in values:
        if not described.has_default:
            raise InputError(f"the setting {name!r} is missing")
        return described.default
    value = values[name]
    return None if value is None and name in optional_of(group) else accept(name, described, value)
