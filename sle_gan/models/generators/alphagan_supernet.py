"""The generator that alphaGAN searches in: at each place all operations at once, weighted by architecture parameters.

Source: Tian et al. 2021, "AlphaGAN: Fully Differentiable Architecture Search for Generative Adversarial Networks",
arXiv:2006.09134.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.mixture import Mixture
from sle_gan.layers.norm import batch_norm
from sle_gan.models import GENERATORS
from sle_gan.models.alphagan_space import NORMAL_OPERATIONS, PLACES
from sle_gan.models.blocks.alphagan import CHANNELS_PER_WIDTH, Operations, inputs, split_at_start, wire_cells
from sle_gan.models.genotype_space import Genotype
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR

feature_split = split_at_start


def generator(resolution: int = 32, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 128]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48 or 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a quarter of the channels of all maps; 64 in the paper.
        seed: of the initial weights and architecture parameters.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(GENERATORS["alphagan-supernet"], resolution, channels, width)
    codes, labels = inputs(classes)
    operations = _All(seed, GENERATOR, CHANNELS_PER_WIDTH * width, labels)

    def edge(place: str, x: tf.Tensor, doublings: int) -> tf.Tensor:
        def result(operation: str) -> tf.Tensor:
            if operation in NORMAL_OPERATIONS:
                return operations.normal(operation, x, f"{place}_{operation}")
            return operations.up(operation, x, doublings, f"{place}_{operation}")

        return Mixture(operations.next_seed(), name=place)([result(operation) for operation in PLACES[place]])

    x = wire_cells(operations.start(codes, resolution // 8), edge)
    image = operations.image(operations.norm(x, 1.0, 0.0, "rgb_norm"), channels)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls: the generator as it is."""
    return generator_model


@needs_keras_2
def mixtures(generator_model: keras.Model) -> dict[str, Mixture]:
    """Returns the layers that hold the architecture parameters, by their places."""
    return {place: generator_model.get_layer(place) for place in PLACES}


@needs_keras_2
def shares(generator_model: keras.Model) -> dict[str, dict[str, float]]:
    """Returns how much each operation counts at each place, as numbers of sum 1."""
    return {
        place: dict(zip(PLACES[place], map(float, mixture.shares().numpy()), strict=True))
        for place, mixture in mixtures(generator_model).items()
    }


@needs_keras_2
def strongest(generator_model: keras.Model) -> Genotype:
    """Returns the genotype of the operations that count most."""
    return {
        place: PLACES[place][int(np.argmax(mixture.architecture))]
        for place, mixture in mixtures(generator_model).items()
    }


class _All(Operations):
    """The operations as they are searched among: initial weights of PyTorch, separable ones without gains."""

    def conv_kernel(self, fan_in: int) -> keras.initializers.Initializer:
        return self.drawn_evenly(fan_in)

    def conv_bias(self, fan_in: int) -> keras.initializers.Initializer:
        return self.drawn_evenly(fan_in)

    def separable_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return batch_norm(x, None, name)
