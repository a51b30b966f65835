"""The `config.json` of a run: its settings, the versions that wrote it, and the command.

A run folder may come from elsewhere: what the file holds is checked before anything is made of it.
"""

from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.errors import InputError
from sle_gan.json_files import read_json
from sle_gan.settings import TrainSettings
from sle_gan.settings.kinds import TEXT, TEXTS
from sle_gan.settings.nested import from_nested, to_nested
from sle_gan.settings.schema_1 import from_schema_1

CONFIG_SCHEMA = 2
_READERS = {1: from_schema_1, CONFIG_SCHEMA: from_nested}


class RunConfig(NamedTuple):
    """What a run was asked to be.

    Attributes:
        settings: resolved.
        versions: of what the run depends on, by name.
        command: the words of the command line.
    """

    settings: TrainSettings
    versions: dict[str, str]
    command: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns plain data, as `read_config` reads it."""
        return {
            "schema": CONFIG_SCHEMA,
            "settings": to_nested(self.settings),
            "versions": self.versions,
            "command": self.command,
        }


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
    if not isinstance(command, list) or not TEXTS.allows(command):
        raise InputError(f"{file}: command must be a list of words")
    try:
        return RunConfig(_READERS[schema](config["settings"]), versions, command)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
