"""FastGAN's generator, with skip-layer excitation.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
ICLR 2021, arXiv:2101.04775, section 3.1 and figure 3. `docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.carry import CarryAlong
from sle_gan.layers.conditional import class_batch_norm
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.spectral import SpectralConv2DTranspose
from sle_gan.models import GENERATORS
from sle_gan.models.blocks.fastgan import FastGANLayers, channel_count, gated_linear_unit, small_side_of
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR
from sle_gan.picture_shape import PictureShape, Resolution

LATENT_SIZE = 256

# Channels of a map, in multiples of the width, by its shorter side in pixels.
CHANNELS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
EXCITED_BY = {64: 4, 128: 8, 256: 16, 512: 32}  # side of the map -> side of the map that scales it
NOISY_SIDES = (8, 32, 128, 512)


def generator(
    resolution: Resolution = 512, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, 256]` -> images `[batch, height, width, channels]`.

    The images are in [-1, 1]. The second picture that training uses, at 128 px (half the side below 256 px),
    is part of the graph: `training_graph` brings it out. With classes it has a second input: one-hot labels float32
    `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 64, 128, 256, 512 or 1024; or width and height such as `384x256`,
            the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the 128 px map; all others are multiples of it. 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    shape = check_shape(GENERATORS["fastgan"], resolution, channels, width)
    blocks = _Layers(seed, GENERATOR)
    counts = {side: channel_count(share, width) for side, share in CHANNELS.items()}
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    maps = {4: _start(codes, labels, counts[4], shape.of_side(4), blocks)}
    side = 4
    while side < shape.side:
        side *= 2
        features = _up_block(maps[side // 2], codes, labels, counts[side], side, blocks)
        if side in EXCITED_BY:
            features = blocks.excite(maps[EXCITED_BY[side]], features, f"excite{side}")
        maps[side] = features
    small_side = small_side_of(shape.side)
    small = blocks.conv(maps[small_side], channels, 1, "small_rgb")
    small = keras.layers.Activation("tanh", dtype="float32", name="small_image")(small)
    image = blocks.conv(maps[shape.side], channels, 3, "rgb")
    image = keras.layers.Activation("tanh", dtype="float32", name="full_image")(image)
    image = CarryAlong(name="image", dtype="float32")([image, small])
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Brings out both pictures of the generator; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A model of the same inputs -> (image, small image).
    """
    pictures = [generator_model.get_layer(name).output for name in ("full_image", "small_image")]
    return keras.Model(generator_model.input, pictures, name="two_scale_generator")


@needs_keras_2
def feature_split(generator_model: keras.Model) -> FeatureSplit:
    """Cuts the generator behind its first layer.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A `FeatureSplit` of what `training_graph` brings out; nothing is copied.
    """
    inputs, pictures = generator_model.inputs, training_graph(generator_model).outputs
    start = generator_model.get_layer("start").output
    return FeatureSplit(
        keras.Model(generator_model.input, ([start], inputs)),
        keras.Model([start, *inputs], pictures),
    )


class _Layers(FastGANLayers):
    """The generator's own layers."""

    def __init__(self, seed: int, network: int) -> None:
        super().__init__(seed, network)
        self._noises = 0

    def conv_transpose(self, x: tf.Tensor, filters: int, size: tuple[int, int], name: str) -> tf.Tensor:
        return SpectralConv2DTranspose(
            filters,
            size,
            self.next_seed(),
            use_bias=False,
            kernel_initializer=self.normal(),
            name=name,
        )(x)

    def norm(self, x: tf.Tensor, labels: tf.Tensor | None, name: str) -> tf.Tensor:
        """Batch normalization, whose gain and bias are those of the class where there are classes."""
        if labels is None:
            return self.batch_norm(x, name)
        return class_batch_norm(x, labels, self.normal(), name)

    def noise(self, x: tf.Tensor, codes: tf.Tensor, name: str) -> tf.Tensor:
        self._noises += 1
        return NoiseInjection(self._noises, name=name)([x, codes])


def _start(codes: tf.Tensor, labels: tf.Tensor | None, filters: int, shape: PictureShape, blocks: _Layers) -> tf.Tensor:
    x = tf.reshape(codes, [-1, 1, 1, LATENT_SIZE])
    x = blocks.conv_transpose(x, 2 * filters, shape.size, "start")
    return gated_linear_unit(blocks.norm(x, labels, "start_norm"))


def _up_block(
    x: tf.Tensor, codes: tf.Tensor, labels: tf.Tensor | None, filters: int, side: int, blocks: _Layers
) -> tf.Tensor:
    x = blocks.up_conv(x, 2 * filters, f"up{side}_conv1")
    if side not in NOISY_SIDES:
        return gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm1"))
    x = blocks.noise(x, codes, f"up{side}_noise1")
    x = gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm1"))
    x = blocks.conv(x, 2 * filters, 3, f"up{side}_conv2")
    x = blocks.noise(x, codes, f"up{side}_noise2")
    return gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm2"))
