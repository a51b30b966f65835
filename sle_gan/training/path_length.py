"""Path length: equal steps in the styles should change the pictures equally.

Source: Karras et al. 2020, arXiv:1912.04958, equation 4.
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.training import draws
from sle_gan.training.terms import DrawnBatch, LossTerm

_KEPT = 0.99  # of the mean length at each step that computes it


class PathLength(LossTerm):
    """The mean squared distance of path lengths from their moving mean, added to the generator's loss lazily.

    The weight is multiplied by the interval, so that the mean over the steps is that of every step.

    Args:
        mixing: model of latent codes `[batch, latent size]`, or of a list of them and labels -> styles of all layers
            `[batch, layers, size]`.
        synthesis: model of styles -> images.
        weight: what the penalty is multiplied by; 2 in the paper.
        interval_steps: the generator's steps from one computation to the next.

    Attributes:
        mean_length: the moving mean, which a resumed run needs.
    """

    separate = True

    @needs_keras_2
    def __init__(self, mixing: keras.Model, synthesis: keras.Model, weight: float, interval_steps: int):
        self.mixing = mixing
        self.synthesis = synthesis
        self.weight = weight
        self.interval_steps = interval_steps
        self.mean_length = tf.Variable(0.0, trainable=False, name="mean_path_length")

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns the moving mean."""
        return {"mean_path_length": self.mean_length}

    def value(self, batch: DrawnBatch) -> tf.Tensor:
        """Returns the weighted penalty of half as many images as the batch has, and moves the mean: float32 scalar.

        Args:
            batch: a share of it moves the mean by its part.
        """
        seed = draws.of_replica(draws.fold(batch.seed, draws.PATHS))
        code_seed, noise_seed, label_seed = (draws.fold(seed, use) for use in range(3))
        half = tf.maximum(batch.count // 2, 1)
        codes = tf.random.stateless_normal([half, self.mixing.inputs[0].shape[-1]], code_seed)
        inputs = codes if batch.classes is None else [codes, batch.classes.draw(half, label_seed)]
        lengths = self.lengths(inputs, noise_seed)
        kept = _KEPT ** (1 / batch.share.count)
        mean = kept * self.mean_length + (1.0 - kept) * tf.reduce_mean(lengths)
        self.mean_length.assign(mean)
        return self.weight * self.interval_steps * tf.reduce_mean((lengths - mean) ** 2)

    def lengths(self, inputs: tf.Tensor | list[tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Returns how far a random direction of unit step in the styles moves each picture.

        Args:
            inputs: codes float32 `[batch, latent size]`; with classes a list of them and one-hot labels.
            seed: int32 `[2]`, of the direction in the space of pictures.

        Returns:
            float32 `[batch]`, differentiable.
        """
        styles = self.mixing(inputs, training=True)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(styles)
            images = tf.cast(self.synthesis(styles, training=True), tf.float32)
            pixels = tf.cast(images.shape[1] * images.shape[2], tf.float32)
            direction = tf.random.stateless_normal(tf.shape(images), seed) * tf.math.rsqrt(pixels)
            total = tf.reduce_sum(images * direction)
        gradients = tape.gradient(total, styles)  # [batch, layers, size]
        return tf.sqrt(tf.reduce_mean(tf.reduce_sum(gradients**2, axis=2), axis=1) + 1e-12)
