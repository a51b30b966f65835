"""`sle-gan search`: searches the architecture of a generator on a folder of images, as alphaGAN does.

A search is a training in a run folder, with the same flags for images, batches and rows; it goes on as any other.
"""

import sys
from collections.abc import Sequence

from sle_gan.cli.program import ArgumentParser
from sle_gan.cli.settings_flags import add_settings
from sle_gan.cli.train import train_program
from sle_gan.cli.train_flags import CHOICES, Given, split
from sle_gan.settings import (
    AdaptiveAugmentSettings,
    ArchitectureSearchSettings,
    CommandSettings,
    DeviceSettings,
    DiffAugmentSettings,
    ImageSettings,
    NetworkSettings,
    OptimizationSettings,
    RunSettings,
    ScoreSettings,
)

_GROUPS = (
    ArchitectureSearchSettings,
    CommandSettings,
    RunSettings,
    ImageSettings,
    NetworkSettings,
    OptimizationSettings,
    DiffAugmentSettings,
    AdaptiveAugmentSettings,
    ScoreSettings,
    DeviceSettings,
)
# What a search settles itself, or does not combine with.
_SETTLED = {
    *("data_folder", "preset", "model", "generator", "genotype", "generator_weights", "discriminator_weights"),
    *("mapping_layers", "channel_base", "channel_max", "steps", "epochs", "hours", "accumulate", "n_critic", "rates"),
    *("strategy", "mixed_precision", "memory_limit"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: as that of `train.py`.
    """
    return train_program(parse(sys.argv[1:] if argv is None else argv))


def parse(words: Sequence[str]) -> Given:
    """Parses a command line.

    Args:
        words: of the command line, without the names of the programs.
    """
    return split({"variant": "s"} | vars(parser().parse_args(words)))


def parser() -> ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan search",
        description="Search the architecture of a generator on a folder of images (alphaGAN). What is found is then "
        "trained by train.py --model alphagan --genotype FILE.",
    )
    result.add_argument("data_folder", metavar="DATA", help="the images")
    add_settings(result, _GROUPS, CHOICES, without=_SETTLED)
    return result
