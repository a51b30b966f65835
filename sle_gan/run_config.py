"""The `config.json` of a run: its settings as they are now, its versions, and the history of its commands.

A run folder may come from elsewhere: what the file holds is checked before anything is made of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.json_files import read_json
from sle_gan.settings import TicketSearchSettings, TrainSettings
from sle_gan.settings.kinds import LARGEST_WHOLE, TEXT, TEXTS
from sle_gan.settings.nested import from_nested, to_nested
from sle_gan.settings.schema_1 import from_schema_1
from sle_gan.settings.train import WEIGHT_FITTING_NAMES, changed_settings
from sle_gan.shell import shell_line

CONFIG_SCHEMA = 2
_READERS = {1: from_schema_1, CONFIG_SCHEMA: from_nested}
_LENGTHS = ("--steps", "--epochs", "--hours", "--rounds")

_OF_ONE_START = {"--override", "--dry-run", "--accept-data-change"}

Change = tuple[Any, Any]


class Command(NamedTuple):
    """A command that trained a run.

    Attributes:
        first_step: number of generator steps that were done when it began.
        command: the words of the command line.
        changed: what it changed of the settings: values before and after, by name.
    """

    first_step: int
    command: list[str]
    changed: dict[str, Change]

    @property
    def is_other_training(self) -> bool:
        """Whether it changed more than when things are written and for how long: the steps after it are others."""
        return not self.changed.keys().isdisjoint(WEIGHT_FITTING_NAMES)

    def describe(self) -> str:
        """Returns what it changed, such as `batch_size 8 -> 4`."""
        return "; ".join(f"{name} {before!r} -> {after!r}" for name, (before, after) in self.changed.items())


class RunConfig(NamedTuple):
    """What a run is asked to be.

    Attributes:
        settings: resolved, as they are now.
        versions: of what the run depends on, by name; those that trained last.
        command: the words of a command line that goes on with it.
        history: the commands that trained it, the first one first; empty for runs of versions that kept none.
    """

    settings: TrainSettings
    versions: dict[str, str]
    command: list[str]
    history: tuple[Command, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns plain data, as `read_config` reads it."""
        return {
            "schema": CONFIG_SCHEMA,
            "settings": to_nested(self.settings),
            "versions": self.versions,
            "command": self.command,
            "history": [command._asdict() for command in self.history],
        }

    def gone_on(
        self, settings: TrainSettings, versions: dict[str, str], command: Sequence[str], step: int
    ) -> "RunConfig":
        """Returns the configuration of the run once a command has gone on with it.

        Args:
            settings: that the command asks for.
            versions: that it trains with.
            command: its words.
            step: number of generator steps that the run has done.

        Returns:
            The configuration. A command that asks for fewer steps than are done makes no shorter run of it. One before
            it that made no step is no part of the history.
        """
        if not isinstance(settings.sparsity, TicketSearchSettings):
            steps = max(settings.optimization.steps, step)
            settings = replace(settings, optimization=replace(settings.optimization, steps=steps))
        history = self.history or (Command(0, self.command, {}),)
        changed = changed_settings(self.settings, settings)
        if history[-1].first_step == step > 0:
            before = history[-1].changed
            both = {name: (before.get(name, now)[0], now[1]) for name, now in changed.items()}
            changed = {name: (old, new) for name, (old, new) in (before | both).items() if old != new}
            history = history[:-1]
        if changed or list(command) != history[-1].command:
            history += (Command(step, list(command), changed),)
        return RunConfig(settings, versions, list(command), history)

    def last_change_step(self) -> int | None:
        """Returns the step at which settings changed last from which the steps after it follow; None if none did."""
        return max((command.first_step for command in self.history if command.is_other_training), default=None)

    def is_done(self, step: int) -> bool:
        """Returns whether the run has done all its steps, of which `step` are done."""
        return step >= self.settings.optimization.steps

    def way_on(self, name: str, step: int, more: Sequence[str] = ()) -> str:
        """Says how the run is trained further.

        Args:
            name: of the run.
            step: number of generator steps that it has done.
            more: words to be added to the command.

        Returns:
            Text such as `it goes on with: python train.py ...`.
        """
        if self.is_done(step) and isinstance(self.settings.sparsity, TicketSearchSettings):
            return "it is done"
        # Older versions kept what is meant for one start alone, such as what deletes the run.
        search = self.settings.search
        program = ["python", "train.py"] if search is None else ["sle-gan"]
        words = [*program, *(word for word in self.command[1:] if word not in _OF_ONE_START)]
        if "--name" not in words:
            words += ["--name", name]
        words += more
        way = "it goes on with"
        if self.is_done(step):
            longer = ["--steps", str(2 * step)] if search is None else ["--rounds", str(2 * search.rounds)]
            words = [*_without_length(words), *longer]
            way = "it goes further with"
        return f"{way}: {shell_line(*words)}"


def read_config(file: Path) -> RunConfig:
    """Reads the configuration of a run, also of one that an earlier version wrote.

    Args:
        file: path of `config.json`.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it holds something else than this version or an earlier one writes.
    """
    config = read_json(file)
    if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
        raise InputError(f"{file} is not a configuration: it has no settings")
    schema, versions, command = config.get("schema"), config.get("versions", {}), config.get("command", [])
    if type(schema) is not int or schema not in _READERS:
        raise InputError(f"{file} has schema {schema!r}; this version reads {' and '.join(map(str, _READERS))}")
    unknown = sorted(config.keys() - {"schema", *RunConfig._fields})
    if unknown:
        parts = ", ".join(sorted({"schema", *RunConfig._fields}))
        raise InputError(f"{file} must hold {parts} alone; got {unknown[0]!r} too")
    if not isinstance(versions, dict) or not all(isinstance(v, str) and TEXT.allows(v) for v in versions.values()):
        raise InputError(f"{file}: versions must be texts by name")
    if not _is_words(command):
        raise InputError(f"{file}: command must be a list of words")
    history = config.get("history", [])
    if not isinstance(history, list) or not all(map(_is_command, history)):
        raise InputError(f"{file}: history must be a list of commands with their first steps and what they changed")
    commands = tuple(
        Command(one["first_step"], one["command"], {name: (old, new) for name, (old, new) in one["changed"].items()})
        for one in history
    )
    try:
        return RunConfig(_READERS[schema](config["settings"]), versions, command, commands)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _without_length(words: Sequence[str]) -> list[str]:
    kept, skips = [], False
    for word in words:
        if not skips and word not in _LENGTHS:
            kept += [] if word.startswith(tuple(f"{length}=" for length in _LENGTHS)) else [word]
        skips = word in _LENGTHS
    return kept


def _is_words(value: object) -> bool:
    return isinstance(value, list) and TEXTS.allows(value)


def _is_command(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == set(Command._fields)
        and type(value["first_step"]) is int
        and 0 <= value["first_step"] <= LARGEST_WHOLE
        and _is_words(value["command"])
        and isinstance(value["changed"], dict)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in value["changed"].values())
    )
