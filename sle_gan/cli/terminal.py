"""Text and tables that fit the width of the terminal; 80 columns where there is none, or as many as COLUMNS says."""

import sys
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_WITHOUT_END = 1_000_000  # columns: more than any table has


def print_text(text: str) -> None:
    """Prints a sentence; its lines end between words."""
    Console(file=sys.stdout).print(Text(text))


def print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Prints a table so that no number is folded: as it is, or a column for each line, or a list for each line.

    Args:
        head: titles of the columns.
        lines: a cell for each column; the first is the name of the line.
    """
    console = Console(file=sys.stdout)
    for table in (_table(head, lines), _turned(head, lines)):
        if _width(console, table) <= console.width:
            console.print(table)
            return
    for name, *cells in lines:
        console.print(Text(name, overflow="fold"))
        console.print(Padding(_list(head[1:], cells), pad=(0, 0, 1, 2), expand=False))


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for title in head:
        table.add_column(Text(title))  # as Text: what is in brackets is no markup
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _turned(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """Makes a table with a column for each line; of what is a list, every part has a line of its own."""
    columns = [[cell.replace(", ", ",\n") for cell in line] for line in lines]
    (corner, *names), *rows = zip(head, *columns, strict=True)
    return _table([corner, *names], rows)


def _list(titles: Sequence[str], cells: Sequence[str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for title, cell in zip(titles, cells, strict=True):
        if cell:
            table.add_row(Text(title, overflow="fold"), Text(cell, overflow="fold"))
    return table


def _width(console: Console, renderable: RenderableType) -> int:
    return Measurement.get(console, console.options.update(width=_WITHOUT_END), renderable).maximum
