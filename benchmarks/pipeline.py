"""Times the images' way to the training step, and prints its table of `docs/benchmarks.md`.

    python benchmarks/pipeline.py

Decoding is what the start of a run does once, on all cores; the pipeline is what a training waits for. Beside
it stands the training step itself, timed in the same run by `train_step.py`, to say how many times faster the
pipeline is.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.data.pipeline import training_dataset
from sle_gan.settings import ImageSettings

SIDES = (64, 256, 512, 1024)
TRAINED_SIDES = (64, 256)
BATCH_SIZE = 8
PHOTOGRAPHS = 100


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time decoding and the input pipeline.")
    parser.add_argument("--data-folder", type=Path, help="images; photographs of 1600 x 1200 px are drawn without it")
    parser.add_argument("--seconds", type=float, default=3.0, help="for which the pipeline of each row runs")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "numpy", "pillow"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    print(f"batches of {BATCH_SIZE}, mirrored; the training step is FastGAN's at full width\n")
    print("| resolution | decoding, images/s | pipeline, images/s | training, images/s | pipeline / training |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.data_folder or draw_photographs(Path(temporary))
        for side in SIDES:
            images, decoded = decode(folder, side, Path(temporary))
            piped = pipe(images, arguments.seconds)
            row = f"| {side} | {decoded:.0f} | {piped:.0f} |"
            if side in TRAINED_SIDES:
                trained = train(side)
                print(f"{row} {trained:.2f} | {piped / trained:.0f} |", flush=True)
            else:
                print(f"{row} | |", flush=True)


def draw_photographs(folder):
    """Writes smooth random JPEG files, which cost about what photographs cost.

    Args:
        folder: where they are written.

    Returns:
        The folder.
    """
    rng = np.random.default_rng(0)
    for index in range(PHOTOGRAPHS):
        coarse = Image.fromarray(rng.integers(0, 256, size=(12, 16, 3), dtype=np.uint8))
        grain = rng.normal(0, 6, size=(1200, 1600, 1))
        pixels = np.asarray(coarse.resize((1600, 1200), Image.Resampling.BICUBIC)) + grain
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{index:03d}.jpg", quality=90)
    return folder


def decode(folder, side, temporary):
    """Decodes the folder.

    Returns:
        The images, and how many were decoded in a second.
    """
    found = scan(folder)
    start = time.perf_counter()
    settings = ImageSettings(data_folder=str(found.folder), resolution=side)
    images, _, _ = decode_images(found, settings, temporary / "images.npy")
    return images, len(images) / (time.perf_counter() - start)


def pipe(images, seconds):
    """Runs the pipeline alone.

    Returns:
        Images in a second.
    """
    batches = iter(training_dataset(images, batch_size=BATCH_SIZE, seed=0, flip=True, first_step=0))
    next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += BATCH_SIZE
    return count / (time.perf_counter() - start)


def train(side):
    """Times the training step.

    Returns:
        Images in a second.
    """
    script = Path(__file__).with_name("train_step.py")
    command = [sys.executable, str(script), "--steps", "2", "--only", str(side), str(BATCH_SIZE), "graph"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return BATCH_SIZE / json.loads(output.splitlines()[-1])["step"]


if __name__ == "__main__":
    main()
