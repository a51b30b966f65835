"""Signals where Python cannot answer them. Imports no TensorFlow."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def signals_end_at_once() -> Iterator[None]:
    """Lets SIGINT and SIGTERM end the process where Python cannot: while TensorFlow waits for other machines."""
    caught = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in caught]
    try:
        yield
    finally:
        for number, handler in zip(caught, before, strict=True):
            signal.signal(number, handler)
