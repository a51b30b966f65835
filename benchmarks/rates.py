"""Scores trainings at several learning rates, widths and lengths: the table that `sle_gan/models/rates.py` follows.

    python benchmarks/rates.py FOLDER --widths 8 24 --multiples 1 3 7.5 --lengths 250 500 1000

A rate is a multiple of the paper's, for both networks, and constant: so one run passes all lengths. The averaged
generator's half-life is a twentieth of the steps done, so that the average fits each of them.
"""

import argparse
import contextlib
import io
import itertools
from pathlib import Path

import sle_gan
from sle_gan.models import MODELS

LONGEST_HALF_LIFE_KIMG = 1000.0  # so long that a twentieth of the steps done bounds it


def main():
    """Trains, scores and prints the table."""
    parser = argparse.ArgumentParser(description="Score trainings at several rates, widths and lengths.")
    parser.add_argument("data_folder", metavar="FOLDER", help="of images")
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 24])
    parser.add_argument("--multiples", type=float, nargs="+", default=[1.0, 3.0, 7.5], help="of the paper's rates")
    parser.add_argument("--lengths", type=int, nargs="+", default=[250, 500, 1000, 2000], help="in steps")
    parser.add_argument("--model", choices=sorted(MODELS), default="fastgan")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--batch-size", type=int, help="the paper's without it")
    parser.add_argument("--mixed-precision", choices=["bfloat16", "float16"])
    parser.add_argument("--metrics", nargs="+", default=["kid"])
    parser.add_argument("--network", default="efficientnet-lite0", help="whose features are compared")
    parser.add_argument("--number-of-images", type=int, default=300)
    parser.add_argument("--output-folder", type=Path, default=Path("runs-of-rates"))
    arguments = parser.parse_args()
    print("| width | rates / the paper's | steps | scores |")
    print("|---|---|---|---|")
    for width, multiple in itertools.product(arguments.widths, arguments.multiples):
        for steps in sorted(arguments.lengths):
            scores = scores_of(arguments, width, multiple, steps)
            told = ", ".join(f"{name} {value:.1f}" for name, value in scores.items())
            print(f"| {width} | {multiple:g} | {steps:,} | {told} |", flush=True)


def scores_of(arguments, width, multiple, steps):
    """Trains on to a length, and returns the scores there by name."""
    recipe = MODELS[arguments.model].recipe_at(arguments.resolution)
    with contextlib.redirect_stdout(io.StringIO()):
        run = sle_gan.train(
            arguments.data_folder,
            output_folder=str(arguments.output_folder),
            name=f"{arguments.model}-width-{width}-rates-{multiple:g}",
            model=arguments.model,
            resolution=arguments.resolution,
            width=width,
            batch_size=arguments.batch_size,
            mixed_precision=arguments.mixed_precision,
            steps=steps,
            G_learning_rate=multiple * recipe.G_learning_rate,
            D_learning_rate=multiple * recipe.D_learning_rate,
            ema_kimg=LONGEST_HALF_LIFE_KIMG,
        )
        row = run.evaluate(arguments.metrics, arguments.network, arguments.number_of_images)
    return {name: score["value"] for name, score in row["scores"].items()}


if __name__ == "__main__":
    main()
