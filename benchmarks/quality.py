"""Prints and plots how good pictures are after how many minutes of CPU time, for several settings side by side.

    python benchmarks/quality.py run FOLDER --row paper rates=paper --row fitting rates=auto --same width=24
    python benchmarks/quality.py table quality.jsonl --plot quality.png

Each length is a training of its own, because rates and average that fit follow from the length. A row that is in the
results is not trained again, so the same command goes on where it was stopped.
"""

import argparse
import collections
import itertools
import json
import statistics
from pathlib import Path

from matplotlib.figure import Figure
from scored_runs import add_row, print_table, read_rows, scores_of, train_to

COLUMNS = ("images", "row", "seed", "steps")
SCORE = "kid_open_nsfw"


def main():
    """Trains and scores, or prints the table and draws the plot of what was scored."""
    parser = argparse.ArgumentParser(description="Score settings after several lengths of training.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train and score")
    run.add_argument("data_folder", metavar="FOLDER", type=Path, help="of images")
    run.add_argument("--reference-folder", type=Path, help="of other images of the kind, to score against")
    run.add_argument("--row", nargs="+", action="append", required=True, metavar=("NAME", "SETTING=VALUE"), dest="rows")
    run.add_argument("--same", nargs="*", default=[], metavar="SETTING=VALUE", help="of all rows")
    run.add_argument("--lengths", type=int, nargs="+", default=[250, 500, 1000, 2000], help="in steps")
    run.add_argument("--seeds", type=int, nargs="+", default=[0])
    run.add_argument("--number-of-images", type=int, default=300)
    run.add_argument("--results", type=Path, default=Path("quality.jsonl"))
    run.add_argument("--output-folder", type=Path, default=Path("runs-of-quality"))
    run.set_defaults(function=train_and_score)
    table = commands.add_parser("table", help="print what was scored")
    table.add_argument("results", type=Path)
    table.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves into this file")
    table.set_defaults(function=show)
    arguments = parser.parse_args()
    arguments.function(arguments)


def train_and_score(arguments):
    """Trains what the results lack, and adds a row for each length."""
    done = {key_of(row) for row in read_rows(arguments.results)}
    for seed, steps, (name, *settings) in itertools.product(arguments.seeds, sorted(arguments.lengths), arguments.rows):
        row = {"images": arguments.data_folder.name, "row": name, "seed": seed, "steps": steps}
        if key_of(row) in done:
            continue
        values = dict(pair.split("=") for pair in [*arguments.same, *settings])
        run, cpu_seconds = train_to(
            arguments.data_folder,
            output_folder=str(arguments.output_folder),
            name="-".join(str(part) for part in key_of(row)),
            steps=steps,
            seed=seed,
            **{key: plain_value(text) for key, text in values.items()},
        )
        scores = scores_of(run, arguments.number_of_images, arguments.reference_folder)
        row |= {"settings": values, "cpu_seconds": round(cpu_seconds, 1), "scores": scores}
        add_row(arguments.results, row)
        print_table(COLUMNS, [row])


def plain_value(text):
    """Returns the number, truth value or text that is meant."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def show(arguments):
    """Prints the table and draws the plot."""
    rows = sorted(read_rows(arguments.results), key=key_of)
    print_table(COLUMNS, rows)
    if arguments.plot:
        plot(rows).savefig(arguments.plot)


def plot(rows):
    """Draws a curve for each row, of the mean over the seeds, and a point for each training."""
    folders = sorted({row["images"] for row in rows})
    figure = Figure(figsize=(5.5 * len(folders), 4), dpi=100, layout="constrained")
    for axis, folder in zip(figure.subplots(1, len(folders), squeeze=False)[0], folders, strict=True):
        for name in dict.fromkeys(row["row"] for row in rows if row["images"] == folder):
            lengths = collections.defaultdict(list)
            for row in rows:
                if (row["images"], row["row"]) == (folder, name):
                    lengths[row["steps"]].append((row["cpu_seconds"] / 60, row["scores"][SCORE]))
            means = [
                [statistics.mean(values) for values in zip(*lengths[steps], strict=True)] for steps in sorted(lengths)
            ]
            (line,) = axis.plot(*zip(*means, strict=True), label=name)
            axis.plot(*zip(*itertools.chain(*lengths.values()), strict=True), "o", color=line.get_color(), alpha=0.7)
        axis.set(title=folder, xlabel="CPU minutes", ylabel="KID x 10^3 (open_nsfw)", xscale="log", yscale="log")
        axis.grid(visible=True, which="both", alpha=0.3)
        axis.legend()
    return figure


def key_of(row):
    """Returns what makes a row another one."""
    return tuple(row[name] for name in COLUMNS)


if __name__ == "__main__":
    main()
