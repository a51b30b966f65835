"""Quality against sparsity: a table and a plot of several methods, each trained with several seeds."""

import statistics
from typing import NamedTuple

import matplotlib.figure


class Trained(NamedTuple):
    """One training of a method, measured.

    Attributes:
        method: what it is called in the table.
        seed: of the training.
        score: of its pictures; lower is better.
        floor: the same score between two halves of the training images.
        live_parameters: trainable parameters of the generator that are not 0.
        training_flops: theoretical, as a multiple of the dense training's.
        search_flops: of the search that its ticket needed, likewise; 0 without one.
        inference_flops: theoretical, of one image.
        gzip_bytes: of the generator's weights without the zeros, compressed.
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


def frontier_table(trained, score_name):
    """Writes the table, a row for each method in the order in which they first come.

    Args:
        trained: list of `Trained`.
        score_name: what the score is called.

    Returns:
        Lines of Markdown. Means over seeds; behind the score its smallest and largest.
    """
    lines = [
        f"| method | seeds | {score_name} | live parameters | training FLOPs / dense | with the search | FLOPs of an "
        "image, M | weights, MB gzipped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method, of_method in _by_method(trained).items():
        scores = [one.score for one in of_method]

        def mean(name, of_method=of_method):
            return statistics.mean(getattr(one, name) for one in of_method)

        search = f"{mean('training_flops') + mean('search_flops'):.2f}" if mean("search_flops") else ""
        lines.append(
            f"| {method} | {len(of_method)} | {statistics.mean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f}) | "
            f"{mean('live_parameters'):,.0f} | {mean('training_flops'):.2f} | {search} | "
            f"{mean('inference_flops') / 1e6:.0f} | {mean('gzip_bytes') / 1e6:.2f} |"
        )
    return lines


def frontier_plot(trained, score_name):
    """Draws the score against live parameters and against theoretical training FLOPs, a point for each training.

    Args:
        trained: list of `Trained`.
        score_name: what the score is called.

    Returns:
        A Matplotlib figure.
    """
    figure = matplotlib.figure.Figure(figsize=(11, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name, label in (
        (axes[0], "live_parameters", "live parameters of the generator"),
        (axes[1], "training_flops", "theoretical training FLOPs / dense, without a search"),
    ):
        for method, of_method in _by_method(trained).items():
            places = [getattr(one, name) for one in of_method]
            axis.plot(places, [one.score for one in of_method], "o", label=method, alpha=0.8)
        axis.axhline(statistics.mean(one.floor for one in trained), color="grey", linestyle=":", linewidth=1)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
        axis.set_xlim(left=0)
    axes[0].set_ylabel(f"{score_name}\n(dotted: halves of the images)", fontsize=8)
    axes[1].legend(fontsize=8)
    return figure


def _by_method(trained):
    methods = {}
    for one in trained:
        methods.setdefault(one.method, []).append(one)
    return methods
