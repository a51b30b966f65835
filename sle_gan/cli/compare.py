"""`sle-gan compare`: runs side by side, in a table and a plot."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.cli.terminal import print_table, print_text
from sle_gan.data.pictures import whole_file
from sle_gan.errors import InputError
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.report.comparison import compare_runs, quality_plot, text_cells, to_csv, to_html
from sle_gan.report.record import damage_as_input_error


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _compare(arguments), debug=arguments.debug, needs_tensorflow=False)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan compare",
        description="Compare runs: scores, live parameters, theoretical FLOPs. Runs that differ in their seed alone "
        "become mean and spread; scores that were measured otherwise stand in columns of their own.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("runs", nargs="+", metavar="RUN", help="run folders, or their names")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    add("--csv", type=file_path, metavar="FILE", help="write the table as CSV")
    add("--html", type=file_path, metavar="FILE", help="write the table and the plot as one page")
    add("--plot", type=file_path, metavar="FILE", help="write the plot as PNG: scores over live parameters and FLOPs")
    add("--debug", action="store_true", help="show the traceback of an error")
    return result


def _compare(arguments: argparse.Namespace) -> int:
    comparison = compare_runs(arguments.runs, arguments.output_folder)
    with damage_as_input_error("one of the runs"):
        if comparison.conditions:
            print_text(f"scores: {comparison.conditions}")
        print_table(*text_cells(comparison))
        if comparison.has_flattering:
            print_text(FLATTERING)
        if arguments.csv:
            _write(arguments.csv, to_csv(comparison).encode("utf-8"))
        if arguments.html:
            _write(arguments.html, to_html(comparison))
        if arguments.plot:
            plot = quality_plot(comparison)
            if plot is None:
                raise InputError("there is nothing to plot: no run has scores; sle-gan evaluate adds them")
            _write(arguments.plot, plot)
    return 0


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    print(path)
