"""`train.py`: trains a GAN on a folder of images.

Everything that can be wrong with the arguments, the images and the run folder is found before TensorFlow is
imported.
"""

import sys
from collections.abc import Sequence

from sle_gan.assembly.plan import TrainingPlan, plan_training
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.training import train_plan
from sle_gan.cli.program import run_program
from sle_gan.cli.train_flags import Given, parse
from sle_gan.quiet import quiet_start
from sle_gan.settings import CommandSettings
from sle_gan.settings.presets import describe_preset
from sle_gan.settings.train import DEFAULTS
from sle_gan.settings.words import as_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 3 training failed, 4 input/output, 130 SIGINT, 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    given = parse(argv)
    if given.command.preset is not None:
        print(describe_preset(given.command.preset, given.filled))
    return train_program(given)


def train_program(given: Given) -> int:
    """Trains as a command line says.

    Args:
        given: by the command line.

    Returns:
        The exit code.
    """
    return run_program(lambda: _train(given), debug=given.command.debug)


def _train(given: Given) -> int:
    plan = plan_training(given.settings, given.command)
    if plan.command.dry_run:
        _describe_training(plan)
    if plan.is_written:
        for line in plan.describe():
            print(line)
    if plan.command.verbose:
        print("\n".join(f"{name}: {value}" for name, value in sorted(_settings(plan).items())))
    elif plan.command.dry_run:
        _describe_differences(plan)
    if plan.command.dry_run:
        return 0
    return train_plan(plan, _lasting_words(given))


def _lasting_words(given: Given) -> list[str]:
    """Returns the command line that goes on with a run: without what is meant for one start alone."""
    named = {name: value for name, value in given.settings.items() if name not in given.filled}
    program, *words = as_command(named)
    preset = [] if given.command.preset is None else ["--preset", given.command.preset]
    return [program, *preset, *words]


def _describe_training(plan: TrainingPlan) -> None:
    with quiet_start():
        from sle_gan.assembly.description import describe_training

    print("\n".join(describe_training(plan.settings, len(plan.folder.images))))


def _describe_differences(plan: TrainingPlan) -> None:
    unchanged = resolve({"data_folder": plan.settings.images.data_folder}, len(plan.folder.images))
    usual: dict[str, object] = {**DEFAULTS, **vars(CommandSettings(dry_run=True)), **unchanged.named()}
    print("settings that differ from the defaults; --verbose prints all:")
    for name, value in sorted(_settings(plan).items()):
        if name == "data_folder":
            print(f"{name}: {value}")
        elif value != (default := usual.get(name)):
            print(f"{name}: {value} (default: {default})")


def _settings(plan: TrainingPlan) -> dict[str, object]:
    return plan.settings.named() | vars(plan.command)
