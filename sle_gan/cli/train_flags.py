"""The command line of `train.py`, and what was given on it. Imports no TensorFlow."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

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

# The flags of daily use, each as somebody would write it.
DAILY = {
    "the run": (
        "--name flowers",
        "--output-folder runs",
        "--preset sle-gan",
        "--sample-frequency 100",
        "--override",
        "--dry-run",
    ),
    "the images": (
        "--data-folder flowers/",
        "--resolution 256",
        "--conditional",
        "--fit pad",
        "--no-flip",
        "--held-out 0.1",
    ),
    "the networks": ("--model stylegan2", "--width 32", "--init-from 00000-fastgan-flowers"),
    "training": (
        "--steps 20000",
        "--hours 1.5",
        "--batch-size 16",
        "--accumulate 2",
        "--augment ada",
        "--reconfigure",
        "--kid",
        "--mixed-precision bfloat16",
        "--seed 1",
    ),
}
_USAGE = "%(prog)s --data-folder FOLDER [flags]"
_DESCRIPTION = "Train a GAN on a folder of images."


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
    result = ArgumentParser(prog="train.py", usage=_USAGE, description=_DESCRIPTION, add_help=False)
    result.full_help = "--help-all"
    result.add_argument(
        *("-h", "--help"),
        action=_DailyHelp,
        nargs=0,
        default=argparse.SUPPRESS,
        help="show the flags of daily use, and exit",
    )
    result.add_argument(result.full_help, action="help", help="show every flag, and exit")
    add_settings(result, GROUPS, CHOICES)
    return result


def daily_help(every_flag: argparse.ArgumentParser) -> str:
    """Returns the flags of daily use, with an example each.

    Args:
        every_flag: the parser, which says what they are.
    """
    actions = {name: action for action in every_flag._actions for name in action.option_strings}
    result = ArgumentParser(
        prog="train.py",
        usage=_USAGE,
        description=f"{_DESCRIPTION} The flags of daily use, with an example each; --help-all shows every flag.",
        add_help=False,
    )
    for title, examples in DAILY.items():
        group = result.add_argument_group(title)
        for example in examples:
            name, *values = example.split()
            shown: dict[str, Any] = {"metavar": values[0]} if values else {"action": "store_true"}
            group.add_argument(name, help=_help_of_example(actions[name], name), **shown)
    return result.format_help()


class _DailyHelp(argparse.Action):
    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, option_string: str | None = None
    ) -> NoReturn:
        print(daily_help(parser), end="")
        parser.exit()


def _help_of_example(action: argparse.Action, name: str) -> str:
    text, choices = str(action.help), ", ".join(str(choice) for choice in action.choices or ())
    if name.startswith("--no-"):
        return f"switch off: {text}"
    if not choices:
        return text
    # A list that is long enough to need a name for its values stands with every flag.
    return text.partition(f": {choices}")[0] if action.metavar else f"{text}; one of {choices}"


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
