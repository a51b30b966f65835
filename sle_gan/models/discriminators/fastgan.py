"""FastGAN's discriminator, of two scales and with decoders.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
ICLR 2021, arXiv:2101.04775, section 3.2 and figure 4. `docs/methods.md` lists the deviations.
"""

import itertools
import math
from collections.abc import Mapping

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.carry import CarryAlong
from sle_gan.layers.chain import ChainNormalization
from sle_gan.layers.conditional import patch_projection
from sle_gan.layers.resample import average_pool_to, crop_quadrant, downsample_nearest, side_of
from sle_gan.layers.spectral import SpectralDense
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.fastgan import SMALL_SIDE, FastGANLayers, channel_count, gated_linear_unit, small_side_of
from sle_gan.models.graph import FeatureSplit, JudgingGraph, layers_of
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import DISCRIMINATOR
from sle_gan.picture_shape import PictureShape, Resolution

# Channels of a map, in multiples of the width, by its shorter side in pixels.
CHANNELS = {4: 16, 8: 16, 16: 8, 32: 4, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
DECODER_CHANNELS = {16: 2, 32: 1, 64: 1, 128: 1 / 2}


def discriminator(
    resolution: Resolution = 512,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    norm: str = "batch",
) -> keras.Model:
    """Builds the two-scale discriminator: images `[batch, height, width, channels]` -> logits `[batch, patches]`.

    The images are in [-1, 1]; the logits are those of the patches of the full and of the small picture, 5x5 each
    of square ones. The
    decoders that training uses are part of the graph: `training_graph` brings them out. With classes it has a second
    input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 64, 128, 256, 512 or 1024; or width and height such as `384x256`,
            the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the entry map at 128 px; all others are multiples of it. 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        norm: what normalizes within the blocks of the large picture: `batch`, or `chain` for CHAIN.

    Returns:
        A functional `keras.Model` with the sub-models `trunk` and `decoders`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    shape = check_shape(DISCRIMINATORS["fastgan"], resolution, channels, width)
    blocks = _Layers(seed, norm)
    counts = {side: channel_count(share, width) for side, share in CHANNELS.items()}
    trunk = _trunk(shape, channels, classes, counts, blocks)
    decoders = _decoders(shape.side, channels, width, trunk, blocks)
    images = keras.Input([*shape.size, channels], name="images")
    labels = [keras.Input([classes], name="labels")] if classes else []
    logits, *maps = trunk([images, downsample_nearest(images, small_side_of(shape.side)), *labels])
    reconstructions = decoders([*maps, tf.zeros_like(logits[:, 0], tf.int32)])
    logits = CarryAlong(name="logits", dtype="float32")([logits, *reconstructions])
    return keras.Model([images, *labels] if classes else images, logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Brings out what training calls of the discriminator; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `JudgingGraph`: (image, small image, with classes labels) -> (logits, last map, small branch's last map,
        16x16 map); the maps and quadrants -> three reconstructions.
    """
    return JudgingGraph(discriminator_model.get_layer("trunk"), discriminator_model.get_layer("decoders"))


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator before the last layers of both its scales.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit` of what `training_graph` brings out; nothing is copied.
    """
    trunk = discriminator_model.get_layer("trunk")
    features = [trunk.get_layer(name).input for name in ("logits", "small_logits")]
    _, _, *labels = trunk.inputs
    logits, *maps = trunk.outputs
    return FeatureSplit(keras.Model(trunk.inputs, (features, maps)), keras.Model([*features, *labels], logits))


@needs_keras_2
def chained_graph(discriminator_model: keras.Model) -> keras.Model:
    """Brings out what CHAIN's layers are given, beside what training calls; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it with `norm="chain"`.

    Returns:
        A model of what the discriminator of `training_graph` takes -> (a list of what each of CHAIN's layers is given,
        a list of what that discriminator returns).
    """
    trunk = discriminator_model.get_layer("trunk")
    features = [layer.input for layer in trunk.layers if isinstance(layer, ChainNormalization)]
    return keras.Model(trunk.inputs, (features, trunk.outputs))


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each block, from the image on; the heads and the decoders belong to none.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A list of lists of layers: the entries of both scales, then what halves the map in each, with the excitation
        of that map.
    """
    trunk = discriminator_model.get_layer("trunk")
    entry = layers_of(trunk, "entry")
    sides, small_sides = (_halves(side_of(x)) for x in (entry[-1].output, trunk.inputs[1]))
    big = [entry, *(layers_of(trunk, f"down{side}_", f"excite{side}_") for side in sides)]
    small = [layers_of(trunk, f"small{side}") for side in small_sides]
    return [list(a) + list(b) for a, b in itertools.zip_longest(big, small, fillvalue=())]


def _halves(side: int) -> list[int]:
    """Returns the shorter sides of the maps that a path halves its first map to, down to 8."""
    return [side // 2**times for times in range(1, side.bit_length() - 3)]


class _Layers(FastGANLayers):
    """The discriminator's own layers.

    Args:
        seed: of the networks.
        norm: `batch` or `chain`, as `discriminator` takes it.
    """

    def __init__(self, seed: int, norm: str) -> None:
        super().__init__(seed, DISCRIMINATOR)
        self._normalize = {"batch": self.batch_norm, "chain": self._chain}[norm]
        self._chained = 0

    def normalize(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes a map of a block."""
        return self._normalize(x, name)

    def _chain(self, x: tf.Tensor, name: str) -> tf.Tensor:
        self._chained += 1
        return ChainNormalization(self._chained, name=name)(x)

    def patch_logits(self, x: tf.Tensor, labels: tf.Tensor | None, name: str) -> tf.Tensor:
        """Judges the patches of a map of 8 px, with classes by what is said of each: float `[batch, patches]`."""
        logits = self.conv(x, 1, 4, name, padding="valid")
        if labels is not None:
            initializer = self.normal()
            seed = self.next_seed()
            embed = SpectralDense(
                x.shape[-1], seed, use_bias=False, kernel_initializer=initializer, name=f"{name}_embedding"
            )
            logits += patch_projection(x, embed(labels), 4)
        return tf.reshape(logits, [-1, math.prod(logits.shape[1:3])])


def _leaky_relu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(x, 0.2)


def _trunk(shape: PictureShape, channels: int, classes: int, counts: Mapping[int, int], blocks: _Layers) -> keras.Model:
    """Builds (image, small image, with classes labels) -> (logits, last map, small branch's last map, 16x16 map)."""
    image = keras.Input([*shape.size, channels], name="image")
    small_shape = shape.of_side(small_side_of(shape.side))
    small = keras.Input([*small_shape.size, channels], name="small_image")
    labels = keras.Input([classes], name="labels") if classes else None
    maps = _down_path(_entry(image, shape.side, counts, blocks), counts, blocks)
    logits = blocks.patch_logits(_head(maps[8], counts, blocks), labels, "logits")
    small_map = _small_branch(small, counts, blocks)
    logits = tf.concat([logits, blocks.patch_logits(small_map, labels, "small_logits")], axis=1)
    outputs = [tf.cast(logits, tf.float32), maps[8], small_map, maps[16]]
    return keras.Model([image, small, *([labels] if classes else [])], outputs, name="trunk")


def _entry(x: tf.Tensor, side: int, counts: Mapping[int, int], blocks: _Layers) -> tf.Tensor:
    if side <= 256:
        return _leaky_relu(blocks.conv(x, counts[2 * side], 3, "entry"))
    if side == 512:
        return _leaky_relu(blocks.conv(x, counts[512], 4, "entry", strides=2))
    x = _leaky_relu(blocks.conv(x, counts[1024], 4, "entry1", strides=2))
    x = blocks.conv(x, counts[512], 4, "entry2", strides=2)
    return _leaky_relu(blocks.batch_norm(x, "entry2_norm"))


def _down_path(x: tf.Tensor, counts: Mapping[int, int], blocks: _Layers) -> dict[int, tf.Tensor]:
    """Halves the map down to 8 px; returns the maps by their shorter side."""
    maps = {side_of(x): x}
    while side_of(x) > 8:
        side = side_of(x) // 2
        x = _down_block(x, counts[2 * side], side, blocks)
        if 8 * side in maps:
            x = blocks.excite(maps[8 * side], x, f"excite{side}")
        maps[side] = x
    return maps


def _down_block(x: tf.Tensor, filters: int, side: int, blocks: _Layers) -> tf.Tensor:
    main = blocks.conv(x, filters, 4, f"down{side}_conv1", strides=2)
    main = _leaky_relu(blocks.normalize(main, f"down{side}_norm1"))
    main = blocks.conv(main, filters, 3, f"down{side}_conv2")
    main = _leaky_relu(blocks.normalize(main, f"down{side}_norm2"))
    direct = blocks.conv(average_pool_to(x, side), filters, 1, f"down{side}_direct")
    direct = _leaky_relu(blocks.normalize(direct, f"down{side}_direct_norm"))
    return (main + direct) / 2


def _head(x: tf.Tensor, counts: Mapping[int, int], blocks: _Layers) -> tf.Tensor:
    return _leaky_relu(blocks.batch_norm(blocks.conv(x, counts[8], 1, "head"), "head_norm"))


def _small_branch(x: tf.Tensor, counts: Mapping[int, int], blocks: _Layers) -> tf.Tensor:
    side = side_of(x) // 2
    x = _leaky_relu(blocks.conv(x, counts[4 * side], 4, f"small{side}", strides=2))
    while side > 8:
        side //= 2
        x = blocks.conv(x, counts[4 * side], 4, f"small{side}", strides=2)
        x = _leaky_relu(blocks.batch_norm(x, f"small{side}_norm"))
    return x


def _decoders(full_side: int, channels: int, width: int, trunk: keras.Model, blocks: _Layers) -> keras.Model:
    """Builds (last map, small branch's last map, 16x16 map, quadrants) -> three reconstructions."""
    last, small_last, middle = (keras.Input(output.shape[1:]) for output in trunk.outputs[1:])
    quadrants = keras.Input([], dtype=tf.int32, name="quadrants")
    part = crop_quadrant(middle, quadrants)
    side = min(SMALL_SIDE, full_side)
    outputs = [
        _decoder(x, side, channels, width, name, blocks)
        for x, name in ((last, "decode"), (small_last, "decode_small"), (part, "decode_part"))
    ]
    return keras.Model([last, small_last, middle, quadrants], outputs, name="decoders")


def _decoder(x: tf.Tensor, side: int, channels: int, width: int, name: str, blocks: _Layers) -> tf.Tensor:
    x = average_pool_to(x, 8)
    while side_of(x) < side:
        filters = channel_count(DECODER_CHANNELS[2 * side_of(x)], width)
        x = blocks.up_conv(x, 2 * filters, f"{name}{2 * side_of(x)}_conv")
        x = gated_linear_unit(blocks.batch_norm(x, f"{name}{side_of(x)}_norm"))
    x = blocks.conv(x, channels, 3, f"{name}_rgb")
    return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_image")(x)
