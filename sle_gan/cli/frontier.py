"""`sle-gan frontier`: the study of what sparsity costs in quality, `sle_gan/study/frontier.toml`, with flags."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from sle_gan.cli import train_flags
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.cli.settings_flags import reader
from sle_gan.cli.study import add_running_flags, carry_out
from sle_gan.errors import InputError
from sle_gan.settings.kinds import POSITIVE, RATE
from sle_gan.study.study_file import Study, make_study, read_toml

_FILE = Path(str(files("sle_gan.study") / "frontier.toml"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code, as that of `sle-gan study`.
    """
    argv = sys.argv[1:] if argv is None else argv
    cut = argv.index("--") if "--" in argv else len(argv)
    arguments = parser().parse_args(argv[:cut])
    return run_program(lambda: _frontier(arguments, argv[cut + 1 :]), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments before `--`."""
    result = ArgumentParser(
        prog="sle-gan frontier",
        description="Train dense and sparse on the same images, score, and plot quality against sparsity. What follows "
        "-- is for every training, such as -- --resolution 64 --steps 5000.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("--data-folder", required=True, metavar="FOLDER", help="images")
    add(
        "--output-folder",
        type=file_path,
        default="frontier",
        metavar="FOLDER",
        help="of the runs, the table and the plot",
    )
    add("--seeds", type=_several(int, 0), default="0,1", metavar="NUMBERS", help="each method is trained with each")
    add("--sparsities", type=_several(reader(RATE)), default="0.3", metavar="SHARES", help="of Re-GAN's sparse phases")
    add(
        "--ticket-rounds",
        type=_several(reader(POSITIVE)),
        default="3",
        metavar="COUNTS",
        help="tickets after so many rounds of 20 %%, and random masks as dense as each",
    )
    add(
        "--generator-densities",
        type=_several(reader(RATE)),
        default="0.2",
        metavar="SHARES",
        help="sparse from scratch",
    )
    add("--discriminator-density", type=reader(RATE), default=0.3, metavar="SHARE", help="with these")
    add(
        "--number-of-images", type=reader(POSITIVE), default=1000, metavar="IMAGES", help="drawn and scored of each run"
    )
    add_running_flags(result)
    return result


def _several(convert: Callable[[str], Any], least: int | None = None) -> Callable[[str], list[Any]]:
    def numbers(text: str) -> list[Any]:
        try:
            found = [convert(part) for part in text.split(",")]
        except ValueError:
            found = []
        if not found or (least is not None and min(found) < least):
            raise argparse.ArgumentTypeError(f"must be numbers such as those of the default; got {text!r}")
        return found

    return numbers


def study_of(arguments: argparse.Namespace, common: Sequence[str]) -> Study:
    """Returns the study of the package with what the command line says in place of its lists.

    Args:
        arguments: the parsed arguments.
        common: words for every training.

    Raises:
        InputError: if the words cannot be used.
    """
    content = read_toml(_FILE)
    content |= {"seeds": arguments.seeds, "number_of_images": arguments.number_of_images}
    given = train_flags.parse(["--data-folder", arguments.data_folder, *common])
    content["same"] = given.settings
    for table in content["rows"].values():
        values = {
            "sparsity": arguments.sparsities,
            "generator_density": arguments.generator_densities,
            "discriminator_density": arguments.discriminator_density,
            "ticket_round": arguments.ticket_rounds,
            "ticket_rounds": max(arguments.ticket_rounds),
        }
        table |= {name: value for name, value in values.items() if name in table}
    return make_study(content, _FILE.stem)


def _frontier(arguments: argparse.Namespace, common: Sequence[str]) -> int:
    if not Path(arguments.data_folder).expanduser().is_dir():
        raise InputError(f"--data-folder must be a folder of images; got {arguments.data_folder}")
    return carry_out(study_of(arguments, common), arguments.output_folder, arguments)
