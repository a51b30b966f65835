"""`sle-gan report`: writes the report of a run anew."""

import argparse
import sys
from collections.abc import Sequence

from sle_gan.assembly.opened_run import open_run
from sle_gan.cli.program import ArgumentParser, HelpFormatter, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _report(arguments), debug=arguments.debug, needs_tensorflow=False)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan report",
        description="Write report.html of a run: one file, to be opened in a browser.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("run", metavar="RUN", help="a run folder, or the name of one")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    add("--debug", action="store_true", help="show the traceback of an error")
    return result


def _report(arguments: argparse.Namespace) -> int:
    print(open_run(arguments.run, arguments.output_folder).report())
    return 0
