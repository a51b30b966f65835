"""The `sle-gan` command: `sle-gan doctor ...`, `sle-gan train ...`, `sle-gan generate ...`, and so on."""

import sys
from collections.abc import Sequence

from sle_gan import __version__
from sle_gan.cli import (
    compare,
    completion,
    doctor,
    evaluate,
    frontier,
    generate,
    generate_flags,
    import_checkpoint,
    play,
    report,
    search,
    study,
    train,
    train_flags,
)
from sle_gan.cli.program import ArgumentParser

PARSERS = {
    "doctor": doctor.parser,
    "train": train_flags.parser,
    "generate": generate_flags.parser,
    "play": play.parser,
    "evaluate": evaluate.parser,
    "import": import_checkpoint.parser,
    "report": report.parser,
    "search": search.parser,
    "compare": compare.parser,
    "study": study.parser,
    "frontier": frontier.parser,
    "completion": completion.parser,
}
PROGRAMS = {
    "doctor": doctor.main,
    "train": train.main,
    "generate": generate.main,
    "play": play.main,
    "evaluate": evaluate.main,
    "import": import_checkpoint.main,
    "report": report.main,
    "search": search.main,
    "compare": compare.main,
    "study": study.main,
    "frontier": frontier.main,
    "completion": lambda argv: completion.main(argv, PARSERS),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one of the programs.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = ArgumentParser(prog="sle-gan", description="Train GANs on a small folder of images.")
    parser.add_argument("--version", action="version", version=f"sle-gan {__version__}")
    parser.add_argument("program", choices=PROGRAMS, help="what to do; each has a --help of its own")
    return PROGRAMS[parser.parse_args(argv[:1]).program](argv[1:])
