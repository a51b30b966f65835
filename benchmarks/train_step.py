"""Times FastGAN's full training step, and prints the table of `docs/benchmarks.md`.

    python benchmarks/train_step.py

Each row is measured in a process of its own: the median of the steps after the first, which also traces and
compiles, and the peak of that process's memory.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

ROWS = ((256, 8), (512, 4))
MODES = ("graph", "xla")


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time FastGAN's full training step.")
    parser.add_argument("--width", type=int, default=64, help="width of the networks")
    parser.add_argument("--steps", type=int, default=5, help="steps that are timed, after the first")
    parser.add_argument("--only", nargs=3, metavar=("PX", "BATCH", "MODE"), help="time one row, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.only:
        side, batch, mode = arguments.only
        print(json.dumps(measure(int(side), int(batch), mode, arguments.width, arguments.steps)))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {_versions()}")
    print(f"width {arguments.width}, median of {arguments.steps} steps\n")
    print("| resolution | batch | mode | first step, s | step, s | images/s | peak memory, GB |")
    print("|---|---|---|---|---|---|---|")
    for side, batch in ROWS:
        for mode in MODES:
            options = ["--width", str(arguments.width), "--steps", str(arguments.steps)]
            command = [sys.executable, __file__, *options, "--only", str(side), str(batch), mode]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            row = json.loads(output.splitlines()[-1])
            print(
                f"| {side} | {batch} | {mode} | {row['first']:.1f} | {row['step']:.2f} | {batch / row['step']:.2f} | "
                f"{row['peak_bytes'] / 1e9:.1f} |",
                flush=True,
            )


def measure(side, batch, mode, width, steps):
    """Times one row in this process.

    Args:
        side: of the images, in pixels.
        batch: images in a step.
        mode: `graph` or `xla`.
        width: of the networks.
        steps: steps that are timed.

    Returns:
        Seconds of the first step, median seconds of the others, and peak bytes of the process.
    """
    from sle_gan.assembly.resolve import resolve

    settings = resolve({"data_folder": ".", "resolution": side, "batch_size": batch, "width": width})
    import tensorflow as tf

    from sle_gan.assembly.building import build_gan, build_networks

    gan = build_gan(settings, *build_networks(settings))
    step = tf.function(gan.train_step, jit_compile=mode == "xla")
    images = tf.random.stateless_uniform([batch, side, side, 3], [0, 0], -1, 1)
    seconds = [_timed(step, images) for _ in range(steps + 1)]
    return {
        "first": seconds[0],
        "step": statistics.median(seconds[1:]),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _timed(step, images):
    start = time.perf_counter()
    float(step(images)["generator_loss"])  # waits for the step
    return time.perf_counter() - start


def _versions():
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "tf-keras"))


if __name__ == "__main__":
    main()
