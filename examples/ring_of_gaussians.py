"""Your own Keras GAN, pruned and regrown while it trains: eight Gaussians on a ring, in two minutes of a CPU.

    python examples/ring_of_gaussians.py

The GAN is a plain `keras.Model` of Keras 2. All that it needs for `Reconfigure` is a `generator_optimizer`. Writes
`ring.gif`: what the generator draws over the steps, and how many of its weights live.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from sle_gan.callbacks import Reconfigure

MODES, DEVIATION, BATCH, CODES = 8, 0.05, 256, 8
CENTERS = np.stack([[np.cos(angle), np.sin(angle)] for angle in 2 * np.pi * np.arange(MODES) / MODES]).astype("float32")


class RingGAN(keras.Model):
    """A GAN of points in the plane, with the non-saturating loss and R1."""

    def __init__(self):
        super().__init__()
        self.generator = mlp("generator", CODES, 2)
        self.discriminator = mlp("discriminator", 2, 1)

    def compile(self, generator_optimizer, discriminator_optimizer, **options):
        """Sets the optimizers; `Reconfigure` finds the generator's by its name."""
        super().compile(**options)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer

    def train_step(self, points):
        """Makes a step of both networks on points, float32 `[BATCH, 2]`."""
        codes = tf.random.normal([BATCH, CODES])
        with tf.GradientTape(persistent=True) as tape:
            fakes = self.generator(codes, training=True)
            with tf.GradientTape() as inner:
                inner.watch(points)
                real = self.discriminator(points, training=True)
            slope = tf.reduce_sum(inner.gradient(real, points) ** 2, axis=1)
            fake = self.discriminator(fakes, training=True)
            judge_loss = tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(fake)) + 0.1 * tf.reduce_mean(slope)
            draw_loss = tf.reduce_mean(tf.nn.softplus(-fake))
        for loss, network, optimizer in (
            (judge_loss, self.discriminator, self.discriminator_optimizer),
            (draw_loss, self.generator, self.generator_optimizer),
        ):
            weights = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"discriminator": judge_loss, "generator": draw_loss}


def mlp(name, inputs, outputs):
    """Builds a network of three dense layers."""
    layers = [keras.layers.Dense(128, "relu", kernel_initializer="he_normal") for _ in range(2)]
    return keras.Sequential([keras.Input([inputs]), *layers, keras.layers.Dense(outputs)], name=name)


def ring(steps, seed):
    """Returns a data set of batches of points, float32 `[BATCH, 2]`."""
    drawn = np.random.default_rng(seed)
    centers = CENTERS[drawn.integers(MODES, size=[steps, BATCH])]
    return tf.data.Dataset.from_tensor_slices(
        (centers + DEVIATION * drawn.normal(size=centers.shape)).astype("float32")
    )


class Film(keras.callbacks.Callback):
    """Draws what the generator makes every some steps.

    Args:
        interval: in steps.
    """

    def __init__(self, interval):
        super().__init__()
        self.interval = interval
        self.codes = tf.random.stateless_normal([1000, CODES], [0, 0])
        self.frames = []
        self.step = 0

    def on_train_batch_end(self, batch, logs=None):
        """Draws a frame, where one is due."""
        self.step += 1
        if self.step % self.interval:
            return
        points = self.model.generator(self.codes).numpy()
        kernels = [kernel for kernel in self.model.generator.trainable_variables if kernel.shape.rank > 1]
        live = np.mean(np.concatenate([kernel.numpy().ravel() != 0 for kernel in kernels]))
        figure, axis = plt.subplots(figsize=(3, 3), dpi=80, layout="constrained")
        axis.plot(*CENTERS.T, "o", color="0.8", markersize=12)
        axis.plot(*points.T, ".", markersize=2, color="tab:blue" if live > 0.9 else "tab:red")
        axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xticks=[], yticks=[])
        axis.set_title(f"step {self.step}: {live:.0%} of the weights live", fontsize=8)
        figure.canvas.draw()
        self.frames.append(
            Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("P", palette=Image.ADAPTIVE)
        )
        plt.close(figure)


def drawn_modes(points):
    """Returns how many of the Gaussians hold a fiftieth of the points, and what share of all is near one."""
    distances = np.linalg.norm(points[:, None] - CENTERS, axis=2)
    is_near = distances.min(axis=1) < 4 * DEVIATION
    counts = np.bincount(distances.argmin(axis=1)[is_near], minlength=MODES)
    return int((counts > len(points) / 50).sum()), float(is_near.mean())


def main():
    """Trains, prints how many Gaussians are drawn, and writes the film."""
    parser = argparse.ArgumentParser(description="Train a GAN of points that is pruned and regrown.")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--output", type=Path, default=Path("ring.gif"))
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    gan = RingGAN()
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    film = Film(max(arguments.steps // 40, 1))
    # Dense to a quarter of the training, then sparse and dense in turn.
    reconfigure = Reconfigure(gan.generator, sparsity=arguments.sparsity, scope="all")
    gan.fit(ring(arguments.steps, seed=0), callbacks=[reconfigure, film], verbose=0)
    modes, share = drawn_modes(gan.generator(film.codes).numpy())
    print(f"{modes} of {MODES} Gaussians drawn, {share:.0%} of the points near one")
    first, *others = film.frames
    first.save(arguments.output, save_all=True, append_images=others, duration=150, loop=0)
    print(f"the film in {arguments.output}")


if __name__ == "__main__":
    main()
