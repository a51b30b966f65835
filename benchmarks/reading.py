"""Times the reading of photographs of 6000 x 4000 px beside plain passes of Pillow, for `docs/benchmarks.md`.

    python benchmarks/reading.py --count 40 --rounds 3

What a training does before its first step is `scan` (headers and checksums of all files) and `decode_images`. A plain
pass opens each file in Pillow's draft mode at the same side and loads it, on all cores, in threads or in processes,
whichever is faster; with squares it also crops and resizes, as `PIL.ImageOps.fit` does. All are timed in turn, round by
round, and the median of each is printed: seconds of the processor, of all processes, divided by the number of cores,
for what else the machine does would blur the clock. The files lie in the system's cache of files after the first round.
"""

import argparse
import concurrent.futures
import importlib.metadata
import os
import platform
import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.settings import ImageSettings

SIDES = (64, 256, 512, 1024)
SIZE = 6000, 4000


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time the reading of large photographs.")
    parser.add_argument("--count", type=int, default=40, help="photographs that are drawn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Pillow {importlib.metadata.version('pillow')}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "photographs")
        folder.mkdir()
        os.environ["XDG_CACHE_HOME"] = temporary
        for index in range(arguments.count):
            draw_photograph(index).save(folder / f"{index:03d}.jpg", quality=85)
        files = sorted(folder.iterdir())
        print(f"{len(files)} files of {sum(file.stat().st_size for file in files) / len(files) / 1e6:.1f} MB\n")
        print(
            "| side | plain load, s | plain squares, s | checksums, s | decoding, s | both / plain squares "
            "| decoding / plain squares | read again, s |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for side in arguments.sides:
            row(folder, files, side, arguments.rounds)


def draw_photograph(seed):
    """Returns a picture of smooth color, sharp edges and grain, which costs about what photographs cost."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, size=(16, 24, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
    for _ in range(60):
        top, left = rng.integers(0, SIZE[1]), rng.integers(0, SIZE[0])
        pixels[top : top + 300, left : left + 200] //= 2
    grain = rng.normal(0, 5, size=(1000, 1500, 1)).astype(np.int16)
    return Image.fromarray((pixels + np.tile(grain, (4, 4, 1))).clip(0, 255).astype(np.uint8))


def row(folder, files, side, rounds):
    """Prints the times of one side."""
    settings = {keep: ImageSettings(data_folder=str(folder), resolution=side, keep_decoded=keep) for keep in (0, 4096)}
    scanned = scan(folder)
    decode_images(scanned, settings[4096])  # is kept
    works = {
        "load threads": lambda: plain(concurrent.futures.ThreadPoolExecutor, load, files, side),
        "load processes": lambda: plain(concurrent.futures.ProcessPoolExecutor, load, files, side),
        "squares threads": lambda: plain(concurrent.futures.ThreadPoolExecutor, square, files, side),
        "squares processes": lambda: plain(concurrent.futures.ProcessPoolExecutor, square, files, side),
        "scan": lambda: scan(folder),
        "decode": lambda: decode_images(scanned, settings[0]),
        "again": lambda: decode_images(scanned, settings[4096]),
    }
    times = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = processor_seconds()
            work()
            times[name].append((processor_seconds() - start) / os.cpu_count())
    took = {name: statistics.median(seconds) for name, seconds in times.items()}
    loaded = min(took["load threads"], took["load processes"])
    squares = min(took["squares threads"], took["squares processes"])
    both = took["scan"] + took["decode"]
    print(
        f"| {side} | {loaded:.2f} | {squares:.2f} | {took['scan']:.2f} | {took['decode']:.2f} "
        f"| {both / squares:.2f} | {took['decode'] / squares:.2f} | {took['again']:.3f} |",
        flush=True,
    )


def processor_seconds():
    """Returns what this process and those that it started and that ended took of the processor."""
    return sum(os.times()[:4])


def plain(pool, function, files, side):
    """Calls a function with each file on all cores."""
    with pool(os.cpu_count()) as workers:
        list(workers.map(function, files, [side] * len(files)))


def load(file, side):
    """Decodes a file in draft mode."""
    with Image.open(file) as image:
        image.draft("RGB", (side, side))
        image.load()


def square(file, side):
    """Decodes a file in draft mode to a square."""
    with Image.open(file) as image:
        image.draft("RGB", (side, side))
        return np.asarray(ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
