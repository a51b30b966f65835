"""Measures the first step of weights that grow again, with the optimizer's state kept or reset, and prints the table.

    python benchmarks/regrowth.py --data-folder landscapes

Re-GAN on FastGAN at 64 px: a warm-up, a sparse phase, and the first step of the dense phase after it. A step is told as
a multiple of the learning rate in force.
"""

import argparse
import tempfile

import numpy as np
import tf_keras as keras

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.data.flowers import write_flowers
from sle_gan.data.load_images import load_images
from sle_gan.data.pipeline import training_dataset
from sle_gan.sparsity.reconfigure import Reconfigure


class FirstStep(keras.callbacks.Callback):
    """Notes what the first step of the second dense phase adds to each weight, in learning rates."""

    def __init__(self, reconfigure):
        super().__init__()
        self.reconfigure = reconfigure
        self.steps = None

    def on_train_batch_begin(self, batch, logs=None):
        """Keeps the weights before the step."""
        self._before = self.reconfigure.masks.weights()
        self._phase = int(self.reconfigure.phase)
        if self._phase == 1:
            self._dead = [~mask for mask in self.reconfigure.masks.read()]

    def on_train_batch_end(self, batch, logs=None):
        """Compares them with those after it."""
        if self._phase == 2 and self.steps is None:
            rate = float(self.model.generator_optimizer.learning_rate)
            after = self.reconfigure.masks.weights()
            moved = [np.abs(new - old) / rate for new, old in zip(after, self._before, strict=True)]
            self.steps = tuple(
                np.concatenate([step[dead == chosen] for step, dead in zip(moved, self._dead, strict=True)])
                for chosen in (True, False)
            )


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Measure the first step of weights that grow again.")
    parser.add_argument("--data-folder", help="images; 63 drawn flowers without it")
    parser.add_argument("--width", type=int, default=8, help="of the networks")
    parser.add_argument("--warmup", type=int, default=100, help="steps before the sparse phase")
    parser.add_argument("--intervals", type=int, nargs="+", default=[50, 200], help="steps of the sparse phase")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as drawn:
        if arguments.data_folder is None:
            write_flowers(drawn, 63, 64, seed=0)
        images = read_images(arguments.data_folder or drawn)
    given = {"data_folder": ".", "resolution": 64, "width": arguments.width, "reconstruction_loss": "l1"}
    settings = resolve(given)
    print("| sparse for | state | regrown weights: median, 99 % | the others: median, 99 % |")
    print("|---|---|---|---|")
    for interval in arguments.intervals:
        for state in ("keep", "reset"):
            regrown, others = (
                np.percentile(step, [50, 99]) for step in first_step(settings, images, arguments, interval, state)
            )
            told = [f"{median:.2f}, {most:.2f}" for median, most in (regrown, others)]
            print(f"| {interval} steps | {state} | {told[0]} | {told[1]} |", flush=True)


def read_images(folder):
    """Decodes a folder of images: uint8 `[count, 64, 64, 3]`."""
    return load_images(folder, resolution=64)


def first_step(settings, images, arguments, interval, state):
    """Trains to the first step of the second dense phase.

    Args:
        settings: resolved settings.
        images: uint8 `[count, 64, 64, 3]`.
        arguments: the command line's.
        interval: steps of the sparse phase.
        state: `keep` or `reset`.

    Returns:
        What that step adds to the regrown weights and to the others, as multiples of the learning rate.
    """
    gan = build_gan(settings, *build_networks(settings))
    reconfigure = Reconfigure(gan.generator, 0.3, arguments.warmup, interval, regrow_state=state)
    note = FirstStep(reconfigure)
    batches = training_dataset(images, batch_size=8, seed=0, flip=True, first_step=0)
    steps = arguments.warmup + interval + 2  # a phase that training ends with is not left
    gan.fit(batches, steps_per_epoch=steps, callbacks=[reconfigure, note], verbose=0)
    return note.steps


if __name__ == "__main__":
    main()
