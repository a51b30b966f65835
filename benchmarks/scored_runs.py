"""Trains and scores for the studies of this folder; what is scored lies in a file of JSON lines, so a study goes on."""

import contextlib
import io
import json
import time

import sle_gan


def train_to(data_folder, **settings):
    """Trains a run to a length, or on to it.

    Args:
        data_folder: of images.
        **settings: of `sle_gan.train`; in float32 where they do not say otherwise, whatever is faster here.

    Returns:
        The run, and the seconds of CPU time that this took.
    """
    settings["mixed_precision"] = settings.get("mixed_precision") or "float32"
    begin = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        run = sle_gan.train(data_folder, **settings)
    return run, time.process_time() - begin


def scores_of(run, number_of_images, reference_folder=None):
    """Returns the KID of a run by both packaged networks, and its sliced Wasserstein distances, by name.

    Args:
        run: as `sle_gan.open_run` opens it.
        number_of_images: drawn and scored.
        reference_folder: of images to score against; the training images if None.
    """
    scores = {}
    for network, metrics in (("open-nsfw", ["kid", "swd"]), ("efficientnet-lite0", ["kid"])):
        row = run.evaluate(
            metrics, network, number_of_images, reference_folder=reference_folder, tell=lambda line: None
        )
        scores |= {name: round(score["value"], 1) for name, score in row["scores"].items()}
        scores["near_copies"] = round(100 * row["memorization"]["near_copies"], 1)
    return scores


def read_rows(path):
    """Returns the rows of a file of results; none where it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_row(path, row):
    """Adds a row to a file of results."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def print_table(names, rows):
    """Prints rows as a Markdown table.

    Args:
        names: of the columns before the scores.
        rows: dictionaries with these names, `scores` and `cpu_seconds`.
    """
    print(f"| {' | '.join(names)} | scores | CPU s |")
    print(f"|{'---|' * (len(names) + 2)}")
    for row in rows:
        scores = ", ".join(f"{name} {value:g}" for name, value in row["scores"].items())
        print(f"| {' | '.join(str(row[name]) for name in names)} | {scores} | {row['cpu_seconds']:.0f} |", flush=True)
