"""Measures the way from the command to the first step of `train.py`, and prints the tables of `docs/benchmarks.md`.

    python benchmarks/startup.py

Real trainings of two steps, each in a process of its own. Their parts are told apart by what they leave behind: when
TensorFlow is asked for and when all of it is there is noted where Python imports; the rest are the times of the files
of the run folder. The last table is of calls that need no TensorFlow.
"""

import argparse
import builtins
import itertools
import json
import os
import platform
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from sle_gan.run import RunFolder, read_rows

ROOT = Path(__file__).parent.parent
SHAPES = ((64, 8, 4), (256, 64, 8))  # resolution, width, batch
PARTS = ("arguments and images", "imports", "building", "first sheet", "report and first step", "in all")
IMAGES = 100


def main():
    """Prints the tables, or trains and notes when imports begin and end."""
    parser = argparse.ArgumentParser(description="Split the start of a training.")
    parser.add_argument("--repeats", type=int, default=3, help="trainings of each shape; medians are told")
    parser.add_argument("--largest-side", type=int, default=256, help="larger shapes are left out")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help="train with these words after a file for the marks")
    arguments = parser.parse_args()
    if arguments.child:
        train_and_note(*arguments.child)
        return
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "tf-keras"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"seconds, medians of {arguments.repeats} trainings; {IMAGES} images\n")
    print(f"| resolution | width | batch | {' | '.join(PARTS)} | second step |\n|{'---|' * (len(PARTS) + 4)}")
    with tempfile.TemporaryDirectory() as temporary:
        for side, width, batch in SHAPES:
            if side > arguments.largest_side:
                continue
            images = write_images(Path(temporary) / f"images-{side}", side)
            starts = [start(images, side, width, batch) for _ in range(arguments.repeats)]
            medians = [f"{statistics.median(row):.1f}" for row in zip(*starts, strict=True)]
            print(f"| {side} | {width} | {batch} | {' | '.join(medians)} |", flush=True)
    print("\n| call | seconds | TensorFlow is loaded |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as empty:
        for words in (["--help"], ["--data-folder", empty, "--dry-run"], ["--data-folder", empty, "--width", "12"]):
            seconds, loaded = light_call([*words, *(["--output-folder", empty] if len(words) > 1 else [])])
            told = " ".join(words).replace(empty, "EMPTY")
            print(f"| `train.py {told}` | {seconds:.2f} | {'yes' if loaded else 'no'} |", flush=True)


def start(images, side, width, batch):
    """Trains two steps.

    Returns:
        Seconds of each of `PARTS`, and of the second step.
    """
    with tempfile.TemporaryDirectory() as temporary:
        marks_file = Path(temporary) / "marks.json"
        words = f"--resolution {side} --width {width} --batch-size {batch} --steps 2 --log-frequency 1".split()
        words += ["--name", "run", "--data-folder", str(images), "--output-folder", temporary]
        command = [sys.executable, __file__, "--child", str(marks_file), *words]
        begin = time.time()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{done.stderr}error: {' '.join(command)} ended with {done.returncode}")
        run, marks = RunFolder(Path(temporary) / "run"), json.loads(marks_file.read_text())
        (second,) = (row["seconds_per_step"] for row in read_rows(run.timings_file))
        stepped = run.timings_file.stat().st_mtime - second
        built = run.networks_file.stat().st_mtime
        sheet = (run.samples / "step-000000.png").stat().st_mtime
        ends = [begin, marks["begin"], marks["end"], built, sheet, stepped]
        return [*(after - before for before, after in itertools.pairwise(ends)), stepped - begin, second]


def train_and_note(marks_file, *words):
    """Runs `train.py`, and notes when its imports of TensorFlow and all that needs it begin and end."""
    import_module = builtins.__import__

    def noted(name, *rest, **named):
        if name != "sle_gan.assembly.session":
            return import_module(name, *rest, **named)
        builtins.__import__ = import_module  # what it imports is not watched
        begin = time.time()
        module = import_module(name, *rest, **named)
        Path(marks_file).write_text(json.dumps({"begin": begin, "end": time.time()}), encoding="utf-8")
        return module

    builtins.__import__ = noted
    sys.argv = ["train.py", *words]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


def light_call(words):
    """Times a call of `train.py` that ends before it trains.

    Returns:
        Its seconds, and whether TensorFlow was loaded.
    """
    begin = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / "train.py"), *words], capture_output=True, check=False)
    seconds = time.perf_counter() - begin
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "train.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return seconds, any(line.rpartition("|")[2].strip() == "tensorflow" for line in listed.stderr.splitlines())


def write_images(folder, side):
    """Writes smooth pictures of a side and returns the folder."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, size=(8, 8, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{index:03d}.jpg", quality=90)
    return folder


if __name__ == "__main__":
    main()
