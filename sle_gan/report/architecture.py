"""What a report says of the search for an architecture. Imports no TensorFlow."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from sle_gan.report.curves import Line, curves
from sle_gan.report.page import element, picture, table
from sle_gan.report.record import RunRecord


def architecture_parts(record: RunRecord) -> list[Element | None]:
    """Returns what is said of a search: its cells, the operations that count most, and all of them over time.

    Args:
        record: a `RunRecord`; of a run that is no search there is nothing to say.
    """
    if not record.architecture:
        return []
    last = record.architecture[-1]["shares"]
    strongest = {place: max(operations, key=operations.get) for place, operations in last.items()}
    lines = [[place, operation, f"{last[place][operation]:.1%}"] for place, operation in strongest.items()]
    parts: list[Element | None] = []
    # A run folder may come from someone else: a link would put another file into the report.
    drawn = record.run.cells_picture
    if drawn.is_file() and not drawn.is_symlink():
        parts.append(
            picture(drawn, "The cells of the operations that count most, at the end of training", widest_px=900)
        )
    parts.append(table(["place", "operation", "share"], lines))
    figures = [figure for figure in _curves_over_time(record) if figure is not None]
    return [*parts, element("div", *figures, class_="grid") if figures else None]


def _curves_over_time(record: RunRecord) -> Iterator[Element | None]:
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
