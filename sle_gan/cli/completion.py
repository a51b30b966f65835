"""`sle-gan completion SHELL`: prints what makes a shell complete the programs and their flags."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from sle_gan.cli.program import ArgumentParser, run_program
from sle_gan.extras import require_extra

SHELLS = ("bash", "zsh", "tcsh")
_USE = (
    "Print a script that completes sle-gan in a shell; it needs the extra `completion`. Bash: "
    "sle-gan completion bash > ~/.local/share/bash-completion/completions/sle-gan. "
    "Zsh: sle-gan completion zsh > FOLDER/_sle-gan, of a folder in fpath."
)


def main(argv: Sequence[str] | None, parsers: Mapping[str, Callable[[], argparse.ArgumentParser]]) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.
        parsers: what makes the parser of each program, by its name.

    Returns:
        The exit code: 0 done, 2 bad input.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _complete(arguments.shell, parsers), debug=arguments.debug, needs_tensorflow=False)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(prog="sle-gan completion", description=_USE)
    result.add_argument("shell", choices=SHELLS, help="which one")
    result.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return result


def _complete(shell: str, parsers: Mapping[str, Callable[[], argparse.ArgumentParser]]) -> int:
    require_extra("completion", {"shtab": "shtab"}, "the completion of a shell")
    import shtab

    places = {"RUN": shtab.DIRECTORY, "FOLDER": shtab.DIRECTORY, "FILE": shtab.FILE}
    whole = argparse.ArgumentParser(prog="sle-gan")
    programs = whole.add_subparsers()
    for name, make in parsers.items():
        one = make()
        _complete_paths(one, places)
        programs.add_parser(name, help=one.description, add_help=False, parents=[one])
    print(shtab.complete(whole, shell))
    return 0


def _complete_paths(one: argparse.ArgumentParser, places: Mapping[str, object]) -> None:
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_paths(below, places)
        elif action.metavar in places:
            action.complete = places[action.metavar]  # type: ignore[attr-defined, index]  # which shtab reads
