"""Work on many files in threads, on all cores; a bar says how far it has come. Imports no TensorFlow."""

import collections
import concurrent.futures
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_SHORT_SECONDS = 1.0  # work of this length has no bar


def in_threads(
    function: Callable[[_Item], _Result], items: Sequence[_Item], doing: str
) -> Iterator[tuple[_Item, _Result]]:
    """Calls a function that leaves Python's global lock, such as one that decodes, with each of many items.

    A number of results that the cores bound wait to be taken, however many items there are.

    Args:
        function: of an item; what it raises ends the work.
        items: in the order of the results.
        doing: what is done, for the bar, such as `decoding`. There is one if standard output is a terminal and the work
            takes longer than a second; it is gone afterward.

    Yields:
        Each item and its result, in order.
    """
    cores = os.cpu_count() or 1
    waiting: collections.deque[tuple[_Item, concurrent.futures.Future[_Result]]] = collections.deque()
    with _bar(doing, len(items)) as advance, concurrent.futures.ThreadPoolExecutor(cores) as pool:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) == 4 * cores:
                oldest, future = waiting.popleft()
                yield oldest, future.result()
                advance()
        for item, future in waiting:
            yield item, future.result()
            advance()


@contextlib.contextmanager
def _bar(doing: str, total: int) -> Iterator[Callable[[], None]]:
    """Yields a function to be called after each item."""
    if not sys.stdout.isatty():
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar, began = Progress(*columns, console=Console(file=sys.stdout), transient=True), time.monotonic()
    task = bar.add_task(doing, total=total)

    def advance() -> None:
        bar.advance(task)
        if not bar.live.is_started and time.monotonic() - began > _SHORT_SECONDS:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
