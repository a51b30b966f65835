"""`sle-gan play`: a page on this machine to play with a trained run."""

import argparse
import sys
import webbrowser
from collections.abc import Sequence

from sle_gan.assembly.opened_run import open_run
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program

_LARGEST_PORT = 65535


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 143 SIGTERM.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _play(arguments), debug=arguments.debug)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan play",
        description="Open a page on this machine to play with a trained run. Ctrl-C ends it.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("run", metavar="RUN", help="a run folder, or the name of one")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    help = "to mark near copies: where the training images are now, if moved"
    add("--data-folder", type=file_path, metavar="FOLDER", help=help)
    help = "codes or styles to pin at the start, as generate.py project writes them"
    add("--latents", type=file_path, nargs="+", default=(), metavar="FILE", help=help)
    add("--port", type=_port, default=0, metavar="NUMBER", help="to listen at; 0 takes a free one")
    add("--open", action="store_true", help="open the page in the browser")
    add("--debug", action="store_true", help="show the traceback of an error")
    return result


def _play(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.run, arguments.output_folder)
    with run.play(arguments.port, arguments.data_folder, arguments.latents) as page:
        print(f"{run.folder.name} is at {page.address} until Ctrl-C", flush=True)
        if arguments.open and not webbrowser.open(page.address):
            print("no browser was found; open the address in one", flush=True)
        try:
            page.wait()
        except KeyboardInterrupt:
            print()
    return 0


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {_LARGEST_PORT}; got {text!r}")
    return int(text)
