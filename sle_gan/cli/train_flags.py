"""The command line of `train.py`, and what was given on it. Imports no TensorFlow."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sle_gan.cli.program import ArgumentParser
from sle_gan.cli.settings_flags import add_settings
from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS
from sle_gan.settings import ArchitectureSearchSettings, CommandSettings
from sle_gan.settings.field import Group, make_group, settings_of
from sle_gan.settings.presets import PRESETS, with_preset
from sle_gan.settings.train import CONCERNS

ALL_GROUPS: tuple[Group, ...] = (CommandSettings, *(group for types in CONCERNS.values() for group in types))
GROUPS = tuple(group for group in ALL_GROUPS if group is not ArchitectureSearchSettings)  # those of train.py
CHOICES = {
    "preset": sorted(PRESETS),
    "model": sorted(MODELS),
    "generator": sorted(GENERATORS),
    "discriminator": sorted(DISCRIMINATORS),
}


class Given(NamedTuple):
    """What a command line gives.

    Attributes:
        command: what is meant of this command alone.
        settings: of the training, by name; those of the preset are among them.
        filled: what the preset filled in of them.
    """

    command: CommandSettings
    settings: dict[str, Any]
    filled: dict[str, Any]


def parser() -> argparse.ArgumentParser:
    """Returns the parser; what is not given is not among the arguments that it parses."""
    result = ArgumentParser(prog="train.py", description="Train a GAN on a folder of images.")
    add_settings(result, GROUPS, CHOICES)
    return result


def parse(words: Sequence[str]) -> Given:
    """Parses a command line.

    Args:
        words: of the command line, without the program's name.
    """
    return split(vars(parser().parse_args(words)))


def split(given: Mapping[str, Any]) -> Given:
    """Returns what was given, by what it is of: the command, or the training.

    Args:
        given: values by the names of settings.
    """
    of_command = settings_of(CommandSettings)
    command = make_group(CommandSettings, given)
    settings = {name: value for name, value in given.items() if name not in of_command}
    filled: dict[str, Any] = {}
    if command.preset is not None:
        settings, filled = with_preset(command.preset, settings)
    return Given(command, settings, filled)
