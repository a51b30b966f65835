"""Layers of the residual generators that SNGAN's recipe trains, without spectral normalization.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv:1802.05957, with
the initial weights of its PyTorch code that AutoGAN builds on.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.conditional import class_batch_norm
from sle_gan.layers.norm import batch_norm
from sle_gan.models.seeded import SeededLayers


class SNGANLayers(SeededLayers):
    """Layers whose kernels begin as Xavier's, and batch normalization."""

    def xavier(self) -> keras.initializers.Initializer:
        """Returns the next initializer of a kernel."""
        return keras.initializers.GlorotUniform(self.next_seed())

    def dense(self, x: tf.Tensor, units: int, name: str) -> tf.Tensor:
        """Applies a dense layer."""
        return keras.layers.Dense(units, kernel_initializer=self.xavier(), name=name)(x)

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str) -> tf.Tensor:
        """Applies a convolution that keeps the side of the map."""
        return keras.layers.Conv2D(filters, size, padding="same", kernel_initializer=self.xavier(), name=name)(x)

    def batch_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes over the batch."""
        return batch_norm(x, keras.initializers.RandomNormal(1.0, 0.02, seed=self.next_seed()), name)

    def norm(self, x: tf.Tensor, labels: tf.Tensor | None, name: str) -> tf.Tensor:
        """Normalizes over the batch, with gain and bias of the class where there are classes."""
        if labels is None:
            return self.batch_norm(x, name)
        return class_batch_norm(x, labels, keras.initializers.RandomNormal(0.0, 0.02, seed=self.next_seed()), name)

    def picture(self, x: tf.Tensor, channels: int) -> tf.Tensor:
        """Makes the picture, in [-1, 1]: batch normalization, ReLU, convolution, tanh."""
        x = self.conv(tf.nn.relu(self.batch_norm(x, "rgb_norm")), channels, 3, "rgb")
        return keras.layers.Activation("tanh", dtype="float32", name="image")(x)
