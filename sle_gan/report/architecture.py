"""What a report says of the search for an architecture. Imports no TensorFlow."""

from collections.abc import Iterator, Sequence
from typing import Any

from sle_gan.report.curves import Figure, Line, curves, drawn
from sle_gan.report.page import picture
from sle_gan.report.record import RunRecord


def describe_architecture(record: RunRecord) -> dict[str, Any] | None:
    """Returns what is said of a search: its cells, the operations that count most, and all of them over time.

    Args:
        record: a `RunRecord`; of a run that is no search there is nothing to say.
    """
    if not record.architecture:
        return None
    last = record.architecture[-1]["shares"]
    strongest = {place: max(operations, key=operations.get) for place, operations in last.items()}
    lines = [[place, operation, f"{last[place][operation]:.1%}"] for place, operation in strongest.items()]
    # A run folder may come from someone else: a link would put another file into the report.
    cells = record.run.cells_picture
    label = "The cells of the operations that count most, at the end of training"
    shown = cells.is_file() and not cells.is_symlink()
    return {
        "picture": picture(cells, label, "Graph of the cells", widest_px=900) if shown else None,
        "lines": lines,
        "figures": drawn(_curves_over_time(record)),
    }


def _curves_over_time(record: RunRecord) -> Iterator[Figure | None]:
    steps = [row["step"] for row in record.architecture]
    for place, operations in record.architecture[-1]["shares"].items():
        yield curves(
            place,
            [
                Line(name, steps, [row["shares"][place][name] for row in record.architecture], name.startswith("sep"))
                for name in _beside_each_other(list(operations))
            ],
        )


def _beside_each_other(operations: Sequence[str]) -> list[str]:
    """Returns convolutions each followed by a separable one, which is drawn dashed in its color."""
    plain = [name for name in operations if not name.startswith("sep")]
    separable = [name for name in operations if name.startswith("sep")]
    if not separable:
        return plain
    return [name for pair in zip(plain, separable, strict=True) for name in pair]
