"""Scores trainings at several learning rates, widths and lengths: the table that `sle_gan/models/rates.py` follows.

    python benchmarks/rates.py run FOLDER --widths 8 24 --multiples 3 7.5 --lengths 250 500 1000 --results rates.jsonl
    python benchmarks/rates.py table rates.jsonl

A rate is a multiple of the paper's. Where it is constant, one run passes all lengths: its averaged generator's
half-life is a twentieth of the steps done, so that the average fits each of them. Where it falls, each length is a run
of its own. A row that is in the results is not trained again, so the same command goes on where it was stopped.
"""

import argparse
import itertools
import json
from pathlib import Path

from scored_runs import add_row, print_table, read_rows, scores_of, train_to

from sle_gan.models import MODELS

LONGEST_HALF_LIFE_KIMG = 1000.0  # so long that a twentieth of the steps done bounds it
COLUMNS = ("model", "images", "resolution", "width", "others", "seed", "decay", "multiple", "steps")


def main():
    """Trains and scores, or prints the table of what was scored."""
    parser = argparse.ArgumentParser(description="Score trainings at several rates, widths and lengths.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train and score")
    run.add_argument("data_folder", metavar="FOLDER", type=Path, help="of images")
    run.add_argument("--reference-folder", type=Path, help="of other images of the kind, to score against")
    run.add_argument("--model", choices=sorted(MODELS), default="fastgan")
    run.add_argument("--resolution", type=int, default=64)
    run.add_argument("--widths", type=int, nargs="+", default=[8, 24])
    run.add_argument("--multiples", type=float, nargs="+", default=[1.0, 3.0, 7.5], help="of the paper's rates")
    run.add_argument("--decays", choices=["constant", "cosine", "linear"], nargs="+", default=["constant"])
    run.add_argument("--lengths", type=int, nargs="+", default=[250, 500, 1000, 2000], help="in steps")
    run.add_argument("--seeds", type=int, nargs="+", default=[0])
    run.add_argument("--D-rate", type=float, default=1.0, help="of the discriminator's over the generator's multiple")
    run.add_argument("--others", nargs="*", default=[], metavar="NAME=VALUE", help="other settings of the training")
    run.add_argument("--mixed-precision", choices=["bfloat16", "float16"])
    run.add_argument("--number-of-images", type=int, default=300)
    run.add_argument("--results", type=Path, default=Path("rates.jsonl"))
    run.add_argument("--output-folder", type=Path, default=Path("runs-of-rates"))
    run.set_defaults(function=train_and_score)
    table = commands.add_parser("table", help="print what was scored")
    table.add_argument("results", type=Path)
    table.set_defaults(
        function=lambda arguments: print_table(COLUMNS, sorted(read_rows(arguments.results), key=key_of))
    )
    arguments = parser.parse_args()
    arguments.function(arguments)


def train_and_score(arguments):
    """Trains what the results lack, and adds a row for each length."""
    done = {key_of(row) for row in read_rows(arguments.results)}
    ratio = [] if arguments.D_rate == 1 else [f"D-rate={arguments.D_rate:g}"]
    same = {
        "model": arguments.model,
        "images": arguments.data_folder.name,
        "resolution": arguments.resolution,
        "others": " ".join(sorted([*arguments.others, *ratio])),
    }
    for seed, width, decay, multiple in itertools.product(
        arguments.seeds, arguments.widths, arguments.decays, arguments.multiples
    ):
        cpu_seconds = 0.0
        for steps in sorted(arguments.lengths):
            row = same | {"width": width, "seed": seed, "decay": decay, "multiple": multiple, "steps": steps}
            if key_of(row) in done:
                continue
            run, seconds = train_to(arguments.data_folder, **settings_of(arguments, row))
            cpu_seconds = seconds + (cpu_seconds if decay == "constant" else 0.0)
            scores = scores_of(run, arguments.number_of_images, arguments.reference_folder)
            row |= {"cpu_seconds": round(cpu_seconds, 1), "scores": scores}
            add_row(arguments.results, row)
            print_table(COLUMNS, [row])


def settings_of(arguments, row):
    """Returns the settings of the training of a row."""
    recipe = MODELS[row["model"]].recipe_at(row["resolution"])
    kind = [row["images"], row["model"], row["resolution"], row["width"], row["multiple"], row["others"], row["seed"]]
    if row["decay"] != "constant":
        kind += [row["decay"], row["steps"]]
    others = dict(pair.split("=") for pair in arguments.others)
    return {
        "output_folder": str(arguments.output_folder),
        "name": "-".join(str(part) for part in kind if part != "").replace(" ", "-").replace("=", "-"),
        "model": row["model"],
        "resolution": row["resolution"],
        "width": row["width"],
        "mixed_precision": arguments.mixed_precision,
        "steps": row["steps"],
        "seed": row["seed"],
        "rate_decay": row["decay"],
        "G_learning_rate": row["multiple"] * recipe.G_learning_rate,
        "D_learning_rate": row["multiple"] * arguments.D_rate * recipe.D_learning_rate,
        "ema_kimg": LONGEST_HALF_LIFE_KIMG,
        **{key: json.loads(value) for key, value in others.items()},
    }


def key_of(row):
    """Returns what makes a row another one."""
    return tuple(row[name] for name in COLUMNS)


if __name__ == "__main__":
    main()
