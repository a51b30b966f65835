"""alphaGAN's generator of a genotype: three cells, whose operations were found by a search.

Source: Tian et al. 2021, "AlphaGAN: Fully Differentiable Architecture Search for Generative Adversarial Networks",
arXiv:2006.09134. `docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.models import GENERATORS
from sle_gan.models.alphagan_space import NORMAL_OPERATIONS, SPACE
from sle_gan.models.blocks.alphagan import CHANNELS_PER_WIDTH, Operations, inputs, split_at_start, wire_cells
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR

feature_split = split_at_start


def generator(
    resolution: int = 32,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    genotype: str = SPACE.usual,
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 128]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48 or 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a quarter of the channels of all maps; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        genotype: the operation at each place, as `sle_gan.models.alphagan_space.SPACE` encodes it.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(GENERATORS["alphagan"], resolution, channels, width)
    codes, labels = inputs(classes)
    words = SPACE.decode(genotype)
    operations = _Chosen(seed, GENERATOR, CHANNELS_PER_WIDTH * width, labels)

    def edge(place: str, x: tf.Tensor, doublings: int) -> tf.Tensor:
        operation = words[place]
        if operation in NORMAL_OPERATIONS:
            return operations.normal(operation, x, place)
        return operations.up(operation, x, doublings, place)

    x = wire_cells(operations.start(codes, resolution // 8), edge)
    image = operations.image(operations.norm(x, 1.0, 0.02, "rgb_norm"), channels)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls: the generator as it is."""
    return generator_model


class _Chosen(Operations):
    """The operations of a genotype, with the initial weights of a training of its own."""

    def conv_kernel(self, fan_in: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(self.next_seed())

    def conv_bias(self, fan_in: int) -> keras.initializers.Initializer:
        return keras.initializers.Zeros()

    def separable_norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return self.norm(x, 1.0, 0.02, name)
