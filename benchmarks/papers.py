"""Prints docs/papers.md with what each of its trainings takes in theory, in PFLOP: 10^15 operations.

    python benchmarks/papers.py > papers.md

Nothing is trained, and no images are read: only their number counts.
"""

import argparse
import re
import shlex
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from sle_gan.assembly.building import build_training
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.step_cost import training_costs
from sle_gan.cli.train_flags import parse
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder

PAGE = Path(__file__).parents[1] / "docs" / "papers.md"
IMAGES = {"cifar": 50_000, "ffhq": 70_000, "stl10": 105_000, "obama": 100}
CLASSES = 10


def main():
    """Prints the page anew."""
    argparse.ArgumentParser(description="Print docs/papers.md with the costs of its trainings.").parse_args()
    images = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if named := re.match("Images: `([^`]+)`", line):
            images = named[1]
        row = re.match(r"(?P<before>\| [^|]* \| `(?P<flags>--[^`]+)` \|.*\|)[^|]*\|$", line)
        # A ticket costs what a dense training does: masks are zeros among weights.
        if row and "--ticket " not in row["flags"]:
            line = f"{row['before']} {petaflops(images, row['flags']):,.0f} |"
        print(line, flush=True)


def petaflops(images, flags):
    """Counts what a training takes.

    Args:
        images: name of the data set, of which the number of images follows.
        flags: of train.py.
    """
    given = parse(["--data-folder", ".", *shlex.split(flags)]).settings
    count = next(number for name, number in IMAGES.items() if images.startswith(name))
    count = round(count * given.get("data_ratio", 1.0))
    names = [str(label) for label in range(CLASSES)] if given.get("conditional") else []
    settings = resolve(given, image_count=count, class_names=names)
    labels = np.arange(CLASSES, dtype=np.int32) if names else None
    with tempfile.TemporaryDirectory() as folder, quiet_start():
        training = build_training(RunFolder(folder), settings, tf.distribute.get_strategy(), labels)
        costs = training_costs(settings, training.gan, training.supplement.macs_per_step)
    return costs["training_flops_per_step"] * settings.optimization.steps / 1e15


if __name__ == "__main__":
    main()
