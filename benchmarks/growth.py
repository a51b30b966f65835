"""Measures how cost grows, and prints the tables of `docs/benchmarks.md`.

    python benchmarks/growth.py                                   # all of it
    python benchmarks/growth.py --parts scan --scan-images 1000   # one part

- step: time and memory of FastGAN's training step against resolution, batch and width, one process for each row.
- scan: time and memory of the scan of a folder against the number of its images.
- leak: resident memory of a `train.py` over a long training, with its sheets, checkpoints and reports.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from sle_gan.data.folder import scan
from sle_gan.run import RunFolder, read_rows

ROOT = Path(__file__).parent.parent
# Side in pixels, batch, width: one of them grows, the others are those of the row in the middle.
STEP_ROWS = (
    *((side, 4, 16) for side in (64, 128, 256, 512, 1024)),
    *((128, batch, 16) for batch in (1, 2, 8, 16)),
    *((128, 4, width) for width in (8, 32, 64)),
)
LEAK_ROWS = 20
FILES_IN_A_FOLDER = 1000


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Measure how time and memory grow.")
    parts = {"step": measure_steps, "scan": measure_scans, "leak": measure_leak}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts), help="what is measured")
    parser.add_argument("--steps", type=int, default=3, help="steps that are timed in a row, after the first")
    parser.add_argument("--largest-side", type=int, default=1024, help="rows of larger images are left out")
    parser.add_argument("--scan-images", type=int, nargs="+", default=(1000, 10_000, 100_000), help="in the folders")
    parser.add_argument("--leak-steps", type=int, default=2000, help="of the long training")
    parser.add_argument("--only-scan", metavar="FOLDER", help="scan one folder, and print the row as JSON")
    arguments = parser.parse_args()
    if arguments.only_scan:
        print(json.dumps(scan_row(arguments.only_scan)))
        return
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "tf-keras", "pillow"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")
    for name in arguments.parts:
        parts[name](arguments)


def measure_steps(arguments):
    """Prints a row for each shape of a step."""
    print(f"\nFastGAN's full step, median of {arguments.steps} steps\n")
    print("| resolution | batch | width | step, s | ms an image | peak memory, GB |\n|---|---|---|---|---|---|")
    for side, batch, width in STEP_ROWS:
        if side > arguments.largest_side:
            continue
        options = [f"--steps={arguments.steps}", f"--width={width}", "--only", str(side), str(batch), "graph"]
        row = json.loads(output_of(ROOT / "benchmarks" / "train_step.py", *options).splitlines()[-1])
        image_ms = 1000 * row["step"] / batch
        told = f"{row['step']:.2f} | {image_ms:.0f} | {row['peak_bytes'] / 1e9:.2f}"
        print(f"| {side} | {batch} | {width} | {told} |", flush=True)


def measure_scans(arguments):
    """Prints a row for each number of images."""
    print("\nScan of a folder of PNG files of 8 x 8 px that were just written: each is read, opened and hashed\n")
    print("| images | seconds | images/s | peak memory, MB |\n|---|---|---|---|")
    for count in arguments.scan_images:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), count, side_px=8)
            row = json.loads(output_of(__file__, "--only-scan", folder).splitlines()[-1])
        rate, peak_mb = row["images"] / row["seconds"], row["peak_bytes"] / 1e6
        print(f"| {row['images']} | {row['seconds']:.2f} | {rate:.0f} | {peak_mb:.0f} |", flush=True)


def scan_row(folder):
    """Scans a folder in this process.

    Returns:
        The number of `images`, the `seconds` that it took, and `peak_bytes` of memory.
    """
    start = time.perf_counter()
    count = len(scan(folder).images)
    seconds = time.perf_counter() - start
    return {
        "images": count,
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure_leak(arguments):
    """Prints the resident memory of a training over its steps, and its slope behind the first fifth."""
    steps = arguments.leak_steps
    every = max(steps // LEAK_ROWS, 1)
    print("\n`train.py` at 64 px, width 8, batch 4; sheets and checkpoints on the way\n")
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary) / "images"
        write_images(images, 24, side_px=64)
        words = f"--resolution 64 --width 8 --batch-size 4 --steps {steps} --log-frequency {every} --name run".split()
        words += ["--mixed-precision", "float32"]
        words += ["--sample-frequency", str(2 * every), "--checkpoint-frequency", str(4 * every)]
        words += ["--data-folder", str(images), "--output-folder", temporary]
        rows = resident_bytes(words, RunFolder(Path(temporary) / "run"))
    print("| step | resident memory, MB |\n|---|---|")
    for step, count in rows:
        print(f"| {step} | {count / 1e6:.0f} |")
    late = [(step, count / 1e6) for step, count in rows if step > steps / 5]
    slope = statistics.linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else float("nan")
    print(f"\nbehind step {steps // 5}: {1000 * slope:+.1f} MB in 1,000 steps")


def resident_bytes(words, run):
    """Runs a training and looks at its memory whenever it has written a row of metrics.

    Args:
        words: of its command line.
        run: its `RunFolder`.

    Returns:
        Pairs of the step and the process's resident bytes.
    """
    rows = []
    with tempfile.TemporaryFile("w+") as messages:
        command = [sys.executable, str(ROOT / "train.py"), *words]
        with subprocess.Popen(command, stdout=messages, stderr=messages) as process:
            statistics_file = Path(f"/proc/{process.pid}/statm")
            while process.poll() is None:
                steps = [row["step"] for row in read_rows(run.metrics_file) if "event" not in row]
                if steps and (not rows or steps[-1] > rows[-1][0]):
                    pages = int((statistics_file.read_text().split() or [0, 0])[1])  # empty once it has ended
                    rows += [(steps[-1], pages * resource.getpagesize())] if pages else []
                time.sleep(0.05)
        if process.returncode:
            messages.seek(0)
            sys.exit(f"{messages.read()}error: {' '.join(command)} ended with {process.returncode}")
    return rows


def write_images(folder, count, side_px):
    """Writes PNG files of noise, all different, a thousand in a sub-folder."""
    rng = np.random.default_rng(0)
    for index in range(count):
        part = folder / f"{index // FILES_IN_A_FOLDER:04d}"
        part.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, size=(side_px, side_px, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(part / f"{index:06d}.png", compress_level=1)


def output_of(script, *words):
    """Runs a script in a process of its own and returns what it printed."""
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}error: {script} {' '.join(words)} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
