"""`python -m sle_gan.cli.study_worker TASK`: one training of a study, as `sle_gan.study.workers` starts it.

It ends as on a SIGTERM, saved, when the study has: then its standard input comes to an end.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sle_gan.cli.program import run_program
from sle_gan.study.cell import train_and_measure


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: the task, JSON; the process's own words if None.

    Returns:
        The exit code, as that of `train.py`.
    """
    (task,) = sys.argv[1:] if argv is None else argv
    content = json.loads(task)
    threading.Thread(target=_end_with_the_study, daemon=True).start()
    return run_program(lambda: train_and_measure(content["question"], Path(content["measured_file"])), debug=False)


def _end_with_the_study() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns at the end
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
