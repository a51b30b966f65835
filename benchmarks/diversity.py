"""Says of runs whether their pictures differ from each other and from the training images.

    python benchmarks/diversity.py runs/00000-fastgan-flowers ...

Distances are perceptual (`sle_gan.pretrained.perceptual.PerceptualDistance`), at the run's own
resolution. A diversity near 0 is a collapse; a distance to the nearest training image near 0 is copying.
"""

import argparse
import itertools

import numpy as np
import tensorflow as tf

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.export.trained import TrainedGenerator
from sle_gan.pretrained.perceptual import PerceptualDistance
from sle_gan.run import find_run

PAIRS_AT_ONCE = 64


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Measure diversity and nearness to the training images.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders whose data folders are still there")
    parser.add_argument("--samples", type=int, default=32, help="pictures drawn of each run")
    arguments = parser.parse_args()
    distance = tf.function(PerceptualDistance(), reduce_retracing=True)
    print(f"{arguments.samples} samples of each run\n")
    print(
        "| run | step | between samples | between training images | sample to nearest image | image to nearest other |"
    )
    print("|---|---|---|---|---|---|")
    for name in arguments.runs:
        run = find_run(name, "runs")
        trained = TrainedGenerator(run)
        samples = np.stack(list(trained.draw_seeds(range(arguments.samples))))
        images = training_images(run)
        some = images[np.random.default_rng(0).permutation(len(images))[: arguments.samples]]
        print(
            f"| {run.name} | {trained.step} | {between(distance, samples):.2f} | {between(distance, some):.2f} | "
            f"{to_nearest(distance, samples, images):.2f} | {to_nearest(distance, some, images):.2f} |",
            flush=True,
        )


def training_images(run):
    """Decodes the images that a run was trained on, as it was trained on them."""
    settings = run.settings().images
    images, _, _ = decode_images(scan(settings.data_folder), settings, run.image_cache)
    return images


def between(distance, images):
    """Returns the mean distance over all pairs."""
    first, second = np.array(list(itertools.combinations(range(len(images)), 2))).T
    return measured(distance, images[first], images[second]).mean()


def to_nearest(distance, images, training):
    """Returns the mean distance to the nearest training image or its mirror, equal images left out."""
    nearest = []
    for image in images:
        others = training[np.any(training != image, axis=(1, 2, 3))]
        others = np.concatenate([others, others[:, :, ::-1]])
        nearest.append(measured(distance, np.broadcast_to(image, others.shape), others).min())
    return np.mean(nearest)


def measured(distance, first, second):
    """Measures pairs of uint8 images, some at a time."""
    results = []
    for start in range(0, len(first), PAIRS_AT_ONCE):
        pair = (tf.cast(x[start : start + PAIRS_AT_ONCE], tf.float32) / 127.5 - 1 for x in (first, second))
        results.append(distance(*pair).numpy())
    return np.concatenate(results)


if __name__ == "__main__":
    main()
