"""Drawings of what a search finds: the cells of a genotype, and how much each operation counted over time.

Imports no TensorFlow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.figure

from sle_gan.json_files import replaced
from sle_gan.models.alphagan_space import CELLS, PLACES, cell_place, skip_place
from sle_gan.models.genotype_space import Genotype

_COLUMNS = 6
_ROW_INCHES = 2.4
_EDGE_COLORS = {"up": "tab:blue", "normal": "tab:red", "skip": "tab:gray"}
# The edges of a cell, from map to map.
_OWN_EDGES = {
    "up0": ("input", "up"),
    "up1": ("input", "up'"),
    "normal0": ("up", "middle"),
    "normal1": ("middle", "output"),
    "normal2": ("up'", "output"),
}


def cells_figure(genotype: Genotype) -> matplotlib.figure.Figure:
    """Draws the cells of a genotype, one below the other: maps, and the operation at each edge from map to map.

    Args:
        genotype: the operation at each place.

    Returns:
        A Matplotlib figure. NetworkX lays out each cell by layers, from the input to the output.
    """
    import networkx  # a tenth of a second that no start waits for

    figure = matplotlib.figure.Figure(figsize=(9, 3.4 * len(CELLS)), dpi=100, layout="constrained")
    for axes, cell in zip(figure.subplots(len(CELLS), 1), CELLS, strict=True):
        graph = networkx.DiGraph()
        for start, end, place in _edges(cell):
            graph.add_edge(start, end, label=genotype[place], color=_color(place))
        # Layers are counted from the output, so that skips lie beside the last operations and cross nothing. They are
        # lists: the layout of a set would rest on how this process hashes names.
        layers = {-index: nodes for index, nodes in enumerate(networkx.topological_generations(graph.reverse()))}
        places = networkx.multipartite_layout(graph, subset_key=layers)
        colors = [color for _, _, color in graph.edges(data="color")]
        networkx.draw_networkx_nodes(graph, places, ax=axes, node_size=1500, node_color="white", edgecolors="black")
        networkx.draw_networkx_labels(graph, places, ax=axes, font_size=8)
        networkx.draw_networkx_edges(graph, places, ax=axes, node_size=1500, edge_color=colors)
        labels = {(start, end): label for start, end, label in graph.edges(data="label")}
        networkx.draw_networkx_edge_labels(graph, places, labels, ax=axes, font_size=8)
        axes.set_title(f"cell {cell}")
        axes.margins(0.12)
        axes.set_axis_off()
    return figure


def architecture_plot(rows: Sequence[dict[str, Any]]) -> matplotlib.figure.Figure:
    """Plots how much each operation counts at each place over time.

    Args:
        rows: of `architecture.jsonl`: `step`, and `shares`, for each place a dictionary of numbers by operation.

    Returns:
        A Matplotlib figure.
    """
    lines = -(-len(PLACES) // _COLUMNS)
    figure = matplotlib.figure.Figure(figsize=(16, _ROW_INCHES * lines + 0.6), dpi=100, layout="constrained")
    grid = figure.subplots(lines, _COLUMNS, squeeze=False, sharex=True)
    steps = [row["step"] for row in rows]
    for axes, (place, operations) in zip(grid.ravel(), PLACES.items(), strict=False):
        for operation in operations:
            axes.plot(steps, [row["shares"][place][operation] for row in rows], label=operation, linewidth=1)
        axes.set_title(place, fontsize=9)
        axes.legend(fontsize=6)
        axes.grid(alpha=0.3)
    figure.supxlabel("steps")
    figure.supylabel("share of each operation")
    return figure


def save_figure(figure: matplotlib.figure.Figure, file: Path) -> None:
    """Writes a figure whole or not at all, equal for equal figures.

    Args:
        figure: a Matplotlib figure.
        file: path, of PNG or SVG by its suffix.
    """
    metadata = {".svg": {"Date": None}}.get(file.suffix)
    with replaced(file) as temporary, matplotlib.rc_context({"svg.hashsalt": "sle-gan"}):
        figure.savefig(temporary, metadata=metadata)


def _edges(cell: int) -> list[tuple[str, str, str]]:
    """Returns (map, map, place) of each edge of a cell."""
    own = [(*ends, cell_place(cell, name)) for name, ends in _OWN_EDGES.items()]
    return own + [
        (f"up of\ncell {earlier}", "output", skip_place(earlier, cell)) for earlier in CELLS if earlier < cell
    ]


def _color(place: str) -> str:
    return next(color for kind, color in _EDGE_COLORS.items() if kind in place)
