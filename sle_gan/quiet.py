"""A quiet start of TensorFlow: its start-up messages stay off the terminal unless something fails.

Imports no TensorFlow.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow's start-up messages, which it writes whatever its log level is, off the terminal.

    They are shown after all if what is done inside fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what it writes later heeds this
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except BaseException:
            messages.seek(0)
            os.write(terminal, messages.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
