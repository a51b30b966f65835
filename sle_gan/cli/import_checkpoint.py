"""`sle-gan import`: makes a run of a checkpoint that FastGAN's own code wrote with PyTorch."""

import argparse
import sys
from collections.abc import Sequence

from sle_gan.assembly.imported import import_fastgan
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.shell import shell_line


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _import(arguments), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan import",
        description="Make a run of a PyTorch checkpoint of FastGAN, of 256, 512 or 1024 px. PyTorch is not needed.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("checkpoint", type=file_path, metavar="FILE", help="that FastGAN's own code wrote, such as all_50000.pth")
    add("--name", metavar="NAME", help="name of the run; the next number and the file's name without it")
    add("--output-folder", default="runs", metavar="FOLDER", help="where the run is written")
    add("--debug", action="store_true", help="show the traceback of an error")
    return result


def _import(arguments: argparse.Namespace) -> int:
    imported = import_fastgan(arguments.checkpoint, arguments.name, arguments.output_folder)
    settings = imported.run.settings()
    print(
        f"FastGAN of {settings.images.resolution} px, {settings.images.channels} channels and width "
        f"{settings.network.width} in {imported.run.path}"
    )
    if imported.left_out:
        print(f"left out: {', '.join(imported.left_out)}; optimizers begin anew")
    print(f"next: {shell_line('python', 'generate.py', 'samples', imported.run.path, '--seeds', '0-15', '--grid')}")
    print(f"train it further: {shell_line('python', *imported.command)}")
    return 0
