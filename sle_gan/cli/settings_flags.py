"""The flags of a program, made from fields of settings; and from what was given, the settings by name."""

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sle_gan.settings.field import REQUIRED, Flag, Group, Setting, flag_name, flags_of
from sle_gan.settings.kinds import SWITCH, Kind


def add_settings(
    parser: argparse.ArgumentParser,
    groups: Iterable[Group],
    choices: Mapping[str, Sequence[str]],
    without: Collection[str] = (),
) -> None:
    """Adds a flag for each setting, in groups by their titles. What is not given is not among the parsed arguments.

    Args:
        parser: of a program.
        groups: dataclasses of settings.
        choices: of settings whose choices are in a table elsewhere, by name.
        without: names of settings that the program has no flag for.
    """
    titled: dict[str, Any] = {}
    added: set[str] = set(without)
    for group in groups:
        if group.title not in titled:
            titled[group.title] = parser.add_argument_group(group.title, group.description)
        settings = {name: one for name, one in flags_of(group).items() if name not in without}
        alternatives = _alternatives(titled[group.title], settings)
        for name in [name for name in settings if name not in added]:
            is_required = settings[name].default is REQUIRED and group.asked_by is None
            place = alternatives.get(name, titled[group.title])
            add_setting(place, name, settings[name], choices.get(name), required=is_required)
            added.add(name)


def add_setting(
    group: Any, name: str, setting: Setting, choices: Sequence[str] | None = None, *, required: bool = False
) -> None:
    """Adds the flag of a setting to a group of arguments.

    Args:
        group: what has `add_argument`.
        name: of the setting.
        setting: what stands at its field.
        choices: the words that it takes, if they are in a table elsewhere.
        required: whether the program ends without it.
    """
    flag = setting.flag or Flag()
    names = flag.names or (flag_name(name),)
    fixed = {"dest": name, "default": argparse.SUPPRESS, "help": help_text(setting, choices)}
    group.add_argument(*names, **fixed, **_action(setting, flag, choices), **({"required": True} if required else {}))
    if flag.off is not None:
        off, text = flag.off
        group.add_argument(
            off, dest=name, action="store_const", const=None, default=argparse.SUPPRESS, help=_escaped(text)
        )


def help_text(setting: Setting, choices: Sequence[str] | None = None) -> str:
    """Returns the help of a flag, which ends with its default where that says something."""
    text = setting.help
    if choices is not None and setting.unit:
        text = f"{text}: {', '.join(choices)}"
    if setting.has_default and setting.default not in {None, False}:
        text = f"{text} (default: {setting.default})"
    return _escaped(text)


def reader(kind: Kind, words: Sequence[str] = ()) -> Callable[[str], Any]:
    """Returns what `argparse` reads a word with: a value of a kind, or one of some words that stand for it."""

    def read(text: str) -> Any:
        if text in words:
            return text
        try:
            return kind.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _alternatives(group: Any, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Returns, by name, the groups of settings of which only one can be given."""
    found: dict[str, Any] = {}
    for name, setting in settings.items():
        if setting.flag is not None and setting.flag.instead_of is not None:
            other = setting.flag.instead_of
            found[name] = found[other] = found.get(other) or group.add_mutually_exclusive_group()
    return found


def _action(setting: Setting, flag: Flag, choices: Sequence[str] | None) -> dict[str, Any]:
    if setting.kind is SWITCH:
        return {"action": argparse.BooleanOptionalAction if flag.is_flip else "store_true"}
    unit = {"metavar": setting.unit} if setting.unit else {}
    if choices is not None or (setting.kind.choices and not setting.unit):
        return {"choices": (*flag.words, *(choices or setting.kind.choices))} | unit
    bare = {"nargs": "?", "const": flag.bare[0]} if flag.bare else {}
    return {"type": reader(setting.kind, flag.words)} | unit | bare


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
