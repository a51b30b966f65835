"""Times masked training steps beside dense ones, and prints the table of `docs/benchmarks.md`.

    python benchmarks/sparsity.py

The same step, of the same networks, in one process and in turn: dense, with Re-GAN's masks in a sparse phase, and with
STU-GAN's masks, which also keep the gradients. A ratio is the median over the pairs of neighbors.
"""

import argparse
import os
import platform
import statistics
import time

import tensorflow as tf

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.selection import magnitude_masks

MASKED = {"Re-GAN, 30 % pruned": (0.7, False), "STU-GAN, 80 % pruned": (0.2, True)}


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time masked training steps beside dense ones.")
    parser.add_argument("--resolution", type=int, default=256, help="side of the images in pixels")
    parser.add_argument("--batch-size", type=int, default=8, help="images in a step")
    parser.add_argument("--width", type=int, default=64, help="width of the networks")
    parser.add_argument("--pairs", type=int, default=8, help="pairs of steps that are timed")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{arguments.resolution} px, batch {arguments.batch_size}, width {arguments.width}, {arguments.pairs} pairs\n"
    )
    print("| masks | dense step, s | masked step, s | masked / dense |")
    print("|---|---|---|---|")
    for name, (density, tracks) in MASKED.items():
        dense, masked = measure(arguments, density, tracks)
        ratio = statistics.median(m / d for d, m in zip(dense, masked, strict=True))
        print(
            f"| {name} | {statistics.median(dense):.2f} | {statistics.median(masked):.2f} | {ratio:.3f} |", flush=True
        )


def measure(arguments, density, tracks):
    """Times pairs of steps, which of the two comes first in turn.

    Args:
        arguments: the command line's.
        density: of the generator's kernels.
        tracks: whether the masks keep gradients, as exploration needs them.

    Returns:
        Seconds of the dense steps and of the masked ones.
    """
    given = {name: getattr(arguments, name) for name in ("resolution", "batch_size", "width")}
    settings = resolve({"data_folder": ".", **given})
    shape = [arguments.batch_size, arguments.resolution, arguments.resolution, 3]
    images = tf.random.stateless_uniform(shape, [0, 0], -1, 1)
    steps = []
    for is_masked in (False, True):
        gan = build_gan(settings, *build_networks(settings))
        if is_masked:
            masks = Masks(gan.generator, gan.average_generator, track_gradients=tracks)
            masks.set(magnitude_masks(masks.weights(), density))
            gan.set_update_rules(generator=masks)
        steps.append(tf.function(gan.train_step))
    seconds = ([], [])
    for pair in range(-1, arguments.pairs):  # the first also traces
        for which in (0, 1) if pair % 2 else (1, 0):
            start = time.perf_counter()
            float(steps[which](images)["generator_loss"])
            if pair >= 0:
                seconds[which].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
