"""Quality against sparsity: a table and a plot of several methods, each trained with several seeds."""

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure


class Trained(NamedTuple):
    """The measurements of one training of a method.

    Attributes:
        method: name of the method in the table.
        seed: seed of the training.
        score: score of its pictures; lower is better.
        floor: the same score between two halves of the training images.
        live_parameters: number of trainable parameters of the generator that are not 0.
        training_flops: theoretical FLOPs of the training, as a multiple of those of dense training.
        search_flops: theoretical FLOPs of the search for its ticket, as the same multiple; 0 without a search.
        inference_flops: theoretical FLOPs of one image.
        gzip_bytes: size of the generator's weights without the zeros, compressed.
    """

    method: str
    seed: int
    score: float
    floor: float
    live_parameters: int
    training_flops: float
    search_flops: float
    inference_flops: float
    gzip_bytes: int


def frontier_cells(trained: Sequence[Trained], score_name: str) -> tuple[list[str], list[list[str]]]:
    """Makes the table: a line for each method, in the order of their first trainings.

    Args:
        trained: list of `Trained`.
        score_name: name of the score.

    Returns:
        The header and the lines. Numbers are means over seeds; the smallest and largest score are in parentheses.
    """
    costs = [
        "live parameters",
        "training FLOPs / dense",
        "with the search",
        "FLOPs of an image, M",
        "weights, MB gzipped",
    ]
    lines = []
    for method, of_method in _by_method(trained).items():
        scores = [run.score for run in of_method]

        def mean(name: str, of_method: Sequence[Trained] = of_method) -> float:
            return statistics.mean(float(getattr(run, name)) for run in of_method)

        search = f"{mean('training_flops') + mean('search_flops'):.2f}" if mean("search_flops") else ""
        lines.append(
            [
                method,
                f"{len(of_method)}",
                f"{statistics.mean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f})",
                f"{mean('live_parameters'):,.0f}",
                f"{mean('training_flops'):.2f}",
                search,
                f"{mean('inference_flops') / 1e6:.0f}",
                f"{mean('gzip_bytes') / 1e6:.2f}",
            ]
        )
    return ["method", "seeds", score_name, *costs], lines


def to_markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table of cells as Markdown."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *lines))


def frontier_plot(trained: Sequence[Trained], score_name: str) -> Figure:
    """Plots the score against live parameters and against theoretical training FLOPs, a point for each training.

    Args:
        trained: list of `Trained`.
        score_name: name of the score.

    Returns:
        A Matplotlib figure.
    """
    figure = Figure(figsize=(11, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name, label in (
        (axes[0], "live_parameters", "live parameters of the generator"),
        (axes[1], "training_flops", "theoretical training FLOPs / dense, without a search"),
    ):
        for method, of_method in _by_method(trained).items():
            costs = [getattr(run, name) for run in of_method]
            axis.plot(costs, [run.score for run in of_method], "o", label=method, alpha=0.8)
        axis.axhline(statistics.mean(run.floor for run in trained), color="grey", linestyle=":", linewidth=1)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
        axis.set_xlim(left=0)
    axes[0].set_ylabel(f"{score_name}\n(dotted: halves of the images)", fontsize=8)
    axes[1].legend(fontsize=8)
    return figure


def _by_method(trained: Iterable[Trained]) -> dict[str, list[Trained]]:
    methods: dict[str, list[Trained]] = {}
    for run in trained:
        methods.setdefault(run.method, []).append(run)
    return methods
