"""What the programs share: one line and an exit code for what can go wrong, readable help."""

import argparse
import contextlib
import io
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from sle_gan.disk import is_full
from sle_gan.errors import SleGanError
from sle_gan.systems import check_tensorflow

STORAGE_EXIT_CODE = 4
INTERRUPT_EXIT_CODE = 130


def file_path(text: str) -> Path:
    """Returns a word of the command line as a path; a `~` at its beginning is a home folder."""
    return Path(text).expanduser()


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose errors are one line; the help is a flag away.

    Attributes:
        full_help: the flag that shows every flag.
    """

    full_help = "--help"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # No flag begins with a digit, so that -4:4 and -1e-3 are values too.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        self.exit(2, f"error: {message} (see {self.prog} {self.full_help})\n")


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Ends the help of an argument with its default, where it has one that says something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


def run_program(body: Callable[[], int], *, debug: bool, needs_tensorflow: bool = True) -> int:
    """Runs a program and turns what a user can cause into one line.

    Args:
        body: function without arguments that returns an exit code.
        debug: whether to show the traceback too.
        needs_tensorflow: whether that TensorFlow is missing is told at once, instead of running it.

    Returns:
        The exit code: that of `body`, or of the error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files can be other bytes than UTF-8
    try:
        with _termination():
            if needs_tensorflow:
                check_tensorflow()
            return body()
    except (SleGanError, OSError, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        print(f"error: {_error_line(error)}", file=sys.stderr)
        if isinstance(error, SleGanError):
            return error.exit_code
        return STORAGE_EXIT_CODE if isinstance(error, OSError) else INTERRUPT_EXIT_CODE


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Ends the program in good order on SIGTERM, so that no half-written file stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _error_line(error: BaseException) -> str:
    if isinstance(error, OSError) and is_full(error):
        return f"disk full{f': {error.filename}' if error.filename else ''}; free space, or write elsewhere"
    return str(error) or "interrupted"
