"""What the generators of alphaGAN's space have in common: their operations and how three cells are wired.

Source: Tian et al. 2021, arXiv:2006.09134.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.conditional import class_batch_norm
from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import upsample_bilinear, upsample_nearest
from sle_gan.models.alphagan_space import CELLS, cell_place, skip_place
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.seeded import SeededLayers

LATENT_SIZE = 128
CHANNELS_PER_WIDTH = 4  # 256 channels at width 64

Edge = Callable[[str, tf.Tensor, int], tf.Tensor]  # (place, map, how often it is doubled) -> map


class Operations(SeededLayers):
    """The operations, each from as many channels to as many, with initial weights of its own.

    A subclass says how kernels and biases of convolutions begin, and how separable convolutions are normalized.

    Args:
        seed: of the network.
        network: as `SeededLayers`.
        channels: of all maps.
        labels: one-hot float `[batch, classes]`; None without classes.
    """

    def __init__(self, seed: int, network: int, channels: int, labels: tf.Tensor | None) -> None:
        super().__init__(seed, network)
        self.channels = channels
        self.labels = labels

    def conv_kernel(self, fan_in: int) -> keras.initializers.Initializer:
        """Returns how the kernel of a convolution begins, of which each output is a sum of `fan_in` products."""
        raise NotImplementedError

    def conv_bias(self, fan_in: int) -> keras.initializers.Initializer:
        """Returns how the bias of such a convolution begins."""
        raise NotImplementedError

    def separable_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes behind a separable convolution."""
        raise NotImplementedError

    def drawn_evenly(self, fan_in: int) -> keras.initializers.Initializer:
        """Returns what draws from U(-1, 1) / sqrt(fan in), as PyTorch does where nothing is said."""
        bound = fan_in**-0.5
        return keras.initializers.RandomUniform(-bound, bound, seed=self.next_seed())

    def norm(self, x: tf.Tensor, gain_mean: float, deviation: float, name: str) -> tf.Tensor:
        """Batch normalization, whose gain and bias are those of the class where there are classes.

        Args:
            x: a map.
            gain_mean: of the initial gains.
            deviation: of the initial gains.
            name: of the layer.
        """
        if self.labels is None:
            return batch_norm(x, keras.initializers.RandomNormal(gain_mean, deviation, seed=self.next_seed()), name)
        gain = keras.initializers.RandomNormal(gain_mean - 1.0, deviation, seed=self.next_seed())
        return class_batch_norm(x, self.labels, gain, name)

    def start(self, codes: tf.Tensor, side: int) -> tf.Tensor:
        """Returns the first map of codes, of `side` pixels."""
        kernel, bias = self.drawn_evenly(LATENT_SIZE), self.drawn_evenly(LATENT_SIZE)
        units = side * side * self.channels
        layer = keras.layers.Dense(units, kernel_initializer=kernel, bias_initializer=bias, name="start")
        return tf.reshape(layer(codes), [-1, side, side, self.channels])

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str) -> tf.Tensor:
        """A convolution that keeps the side, with a bias."""
        fan_in = size * size * self.channels
        kernel, bias = self.conv_kernel(fan_in), self.conv_bias(fan_in)
        return keras.layers.Conv2D(
            filters, size, padding="same", kernel_initializer=kernel, bias_initializer=bias, name=name
        )(x)

    def up(self, operation: str, x: tf.Tensor, doublings: int, name: str) -> tf.Tensor:
        """Doubles the side of a map, once or several times, by one of `UP_OPERATIONS`.

        A transposed convolution is the same layer each time.
        """
        if operation == "deconv":
            fan_in = 4 * self.channels
            kernel, bias = self.drawn_evenly(fan_in), self.drawn_evenly(fan_in)
            double = keras.layers.Conv2DTranspose(
                self.channels, 2, 2, kernel_initializer=kernel, bias_initializer=bias, name=name
            )
        else:
            double = {"nearest": upsample_nearest, "bilinear": upsample_bilinear}[operation]
        for _ in range(doublings):
            x = double(x)
        return x

    def normal(self, operation: str, x: tf.Tensor, name: str) -> tf.Tensor:
        """Keeps the side of a map: one of `NORMAL_OPERATIONS`, each behind a ReLU."""
        size = int(operation[-1])
        if not operation.startswith("sep"):
            return self.conv(tf.nn.relu(x), self.channels, size, name)
        for half in (1, 2):
            x = self._depthwise(tf.nn.relu(x), size, f"{name}_depthwise{half}")
            kernel = self.conv_kernel(self.channels)
            x = keras.layers.Conv2D(
                self.channels, 1, use_bias=False, kernel_initializer=kernel, name=f"{name}_pointwise{half}"
            )(x)
            x = self.separable_norm(x, f"{name}_norm{half}")
        return x

    def _depthwise(self, x: tf.Tensor, size: int, name: str) -> tf.Tensor:
        kernel = self.conv_kernel(size * size)
        return keras.layers.DepthwiseConv2D(
            size, padding="same", use_bias=False, depthwise_initializer=kernel, name=name
        )(x)

    def image(self, x: tf.Tensor, channels: int) -> tf.Tensor:
        """Makes the picture of the last map: float32 in [-1, 1]."""
        colors = self.conv(tf.nn.relu(x), channels, 3, "rgb")
        return keras.layers.Activation("tanh", dtype="float32", name="image")(colors)


def wire_cells(x: tf.Tensor, edge: Edge) -> tf.Tensor:
    """Wires three cells, of which each doubles the side.

    A cell hands on its first map, before any normal operation, to all later cells, and the sum at its end to the next.

    Args:
        x: the first map.
        edge: what stands at a place.

    Returns:
        The last map.

    Source: figure 2 of Tian et al. 2021, arXiv:2006.09134, and the authors' code.
    """
    handed_on: dict[int, tf.Tensor] = {}
    for cell in CELLS:
        first = edge(cell_place(cell, "up0"), x, 1)
        second = edge(cell_place(cell, "up1"), x, 1)
        middle = edge(cell_place(cell, "normal0"), first, 0)
        x = edge(cell_place(cell, "normal1"), middle, 0) + edge(cell_place(cell, "normal2"), second, 0)
        for earlier, skipped in handed_on.items():
            x += edge(skip_place(earlier, cell), skipped, cell - earlier)
        handed_on[cell] = first
    return x


def inputs(classes: int) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns the inputs of a generator: codes, and labels with classes."""
    return keras.Input([LATENT_SIZE], name="codes"), keras.Input([classes], name="labels") if classes else None


@needs_keras_2
def split_at_start(generator_model: keras.Model) -> FeatureSplit:
    """Cuts a generator behind its first layer; nothing is copied.

    Args:
        generator_model: of alphaGAN's space.

    Returns:
        A `FeatureSplit`.
    """
    start, (_, *labels) = generator_model.get_layer("start").output, generator_model.inputs
    return FeatureSplit(
        keras.Model(generator_model.input, ([start], labels)),
        keras.Model([start, *labels], generator_model.output),
    )
