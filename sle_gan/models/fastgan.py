"""FastGAN with skip-layer excitation.

Source: Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis",
ICLR 2021, arXiv:2101.04775. `docs/methods.md` lists the deviations.
"""

import itertools

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.carry import CarryAlong
from sle_gan.layers.conditional import class_batch_norm, patch_projection
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import average_pool_to, crop_quadrant, downsample_nearest
from sle_gan.layers.spectral import SpectralConv2D, SpectralConv2DTranspose, SpectralDense, SpectralUpConv2D
from sle_gan.models import MODELS
from sle_gan.models.graph import FeatureSplit, TrainingGraph, layers_of

LATENT_SIZE = 256

# Channels of a map, in multiples of the width, by its side in pixels.
GENERATOR_CHANNELS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
DISCRIMINATOR_CHANNELS = {4: 16, 8: 16, 16: 8, 32: 4, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
DECODER_CHANNELS = {16: 2, 32: 1, 64: 1, 128: 1 / 2}
EXCITED_BY = {64: 4, 128: 8, 256: 16, 512: 32}  # generator: side of the map -> side of the map that scales it
NOISY_SIDES = (8, 32, 128, 512)
SMALL_SIDE = 128


def generator(resolution=512, channels=3, width=64, seed=0, classes=0):
    """Builds the generator: latent codes float32 `[batch, 256]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. The second picture that training uses, at 128 px (half the side below 256 px),
    is part of the graph: `training_graph` brings it out. With classes it has a second input: one-hot labels float32
    `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the 128 px map; all others are multiples of it. 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    blocks = _Blocks(seed, 0)
    counts = {side: _count(share, width) for side, share in GENERATOR_CHANNELS.items()}
    codes = keras.Input([LATENT_SIZE], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    maps = {4: _generator_start(codes, labels, counts[4], blocks)}
    side = 4
    while side < resolution:
        side *= 2
        features = _up_block(maps[side // 2], codes, labels, counts[side], side, blocks)
        if side in EXCITED_BY:
            features = blocks.excite(maps[EXCITED_BY[side]], features, f"excite{side}")
        maps[side] = features
    small_side = small_side_of(resolution)
    small = blocks.conv(maps[small_side], channels, 1, "small_rgb")
    small = keras.layers.Activation("tanh", dtype="float32", name="small_image")(small)
    image = blocks.conv(maps[resolution], channels, 3, "rgb")
    image = keras.layers.Activation("tanh", dtype="float32", name="full_image")(image)
    image = CarryAlong(name="image", dtype="float32")([image, small])
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


def discriminator(resolution=512, channels=3, width=64, seed=0, classes=0):
    """Builds the two-scale discriminator: images `[batch, side, side, channels]` -> logits `[batch, 50]`.

    The images are in [-1, 1]; the logits are those of 5x5 patches of the full and of the small picture. The
    decoders that training uses are part of the graph: `training_graph` brings them out. With classes it has a second
    input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 64, 128, 256, 512 or 1024.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the entry map at 128 px; all others are multiples of it. 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model` with the sub-models `trunk` and `decoders`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    _check(resolution, channels, width)
    blocks = _Blocks(seed, 1)
    counts = {side: _count(share, width) for side, share in DISCRIMINATOR_CHANNELS.items()}
    trunk = _trunk(resolution, channels, classes, counts, blocks)
    decoders = _decoders(resolution, channels, width, trunk, blocks)
    images = keras.Input([resolution, resolution, channels], name="images")
    labels = [keras.Input([classes], name="labels")] if classes else []
    logits, *maps = trunk([images, downsample_nearest(images, small_side_of(resolution)), *labels])
    reconstructions = decoders([*maps, tf.zeros_like(logits[:, 0], tf.int32)])
    logits = CarryAlong(name="logits", dtype="float32")([logits, *reconstructions])
    return keras.Model([images, *labels] if classes else images, logits, name="discriminator")


def training_graph(generator_model, discriminator_model):
    """Brings out what training calls of the two networks; nothing is copied.

    Args:
        generator_model: as `generator` builds it.
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `TrainingGraph`: latent codes -> (image, small image); the two -> (logits, last map, small branch's last
        map, 16x16 map); the maps and quadrants -> three reconstructions. With classes the first two take labels too.
    """
    pictures = [generator_model.get_layer(name).output for name in ("full_image", "small_image")]
    return TrainingGraph(
        keras.Model(generator_model.input, pictures, name="two_scale_generator"),
        discriminator_model.get_layer("trunk"),
        discriminator_model.get_layer("decoders"),
    )


def feature_splits(generator_model, discriminator_model):
    """Cuts the generator behind its first layer, and the discriminator before the last layers of both its scales.

    Args:
        generator_model: as `generator` builds it.
        discriminator_model: as `discriminator` builds it.

    Returns:
        Two `FeatureSplit`s of what `training_graph` brings out; nothing is copied.
    """
    graph = training_graph(generator_model, discriminator_model)
    inputs, trunk = generator_model.inputs, graph.discriminator
    start = generator_model.get_layer("start").output
    features = [trunk.get_layer(name).input for name in ("logits", "small_logits")]
    _, _, *labels = trunk.inputs
    logits, *maps = trunk.outputs
    return (
        FeatureSplit(
            keras.Model(generator_model.input, ([start], inputs)),
            keras.Model([start, *inputs], graph.generator.outputs),
        ),
        FeatureSplit(keras.Model(trunk.inputs, (features, maps)), keras.Model([*features, *labels], logits)),
    )


def discriminator_blocks(discriminator_model):
    """Lists the layers of each block, from the image on; the heads and the decoders belong to none.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A list of lists of layers: the entries of both scales, then what halves the map in each, with the excitation
        of that map.
    """
    trunk = discriminator_model.get_layer("trunk")
    entry = layers_of(trunk, "entry")
    sides, small_sides = (_halves(x.shape[1]) for x in (entry[-1].output, trunk.inputs[1]))
    big = [entry, *(layers_of(trunk, f"down{side}_", f"excite{side}_") for side in sides)]
    small = [layers_of(trunk, f"small{side}") for side in small_sides]
    return [list(a) + list(b) for a, b in itertools.zip_longest(big, small, fillvalue=())]


def _halves(side):
    """Returns the sides of the maps that a path halves its first map to, down to 8."""
    return [side // 2**times for times in range(1, side.bit_length() - 3)]


def small_side_of(resolution):
    """Returns the side in pixels of the small picture beside images of `resolution`: 128, or half of less."""
    return min(SMALL_SIDE, resolution // 2)


def _check(resolution, channels, width):
    allowed = MODELS["fastgan"]
    if resolution not in allowed.resolutions:
        raise ValueError(f"resolution must be one of {allowed.resolutions}; got {resolution}")
    if channels not in allowed.channels:
        raise ValueError(f"channels must be one of {allowed.channels}; got {channels}")
    if width < 8 or width % 8:
        raise ValueError(f"width must be a positive multiple of 8; got {width}")


def _count(share, width):
    return int(share * width)


class _Blocks:
    """The layers of one network, each with initial weights from the next of its seeds."""

    def __init__(self, seed, network):
        self._rng = np.random.default_rng([seed, network])
        self._noises = 0

    def _normal(self, mean=0.0):
        return keras.initializers.RandomNormal(mean, 0.02, seed=int(self._rng.integers(2**31)))

    def conv(self, x, filters, size, name, strides=1, padding="same"):
        return SpectralConv2D(
            filters,
            size,
            int(self._rng.integers(2**31)),
            strides=strides,
            padding=padding,
            use_bias=False,
            kernel_initializer=self._normal(),
            name=name,
        )(x)

    def up_conv(self, x, filters, name):
        return SpectralUpConv2D(
            filters,
            left_vector_seed=int(self._rng.integers(2**31)),
            use_bias=False,
            kernel_initializer=self._normal(),
            name=name,
        )(x)

    def conv_transpose(self, x, filters, size, name):
        return SpectralConv2DTranspose(
            filters,
            size,
            int(self._rng.integers(2**31)),
            use_bias=False,
            kernel_initializer=self._normal(),
            name=name,
        )(x)

    def batch_norm(self, x, name):
        return batch_norm(x, self._normal(1.0), name)

    def norm(self, x, labels, name):
        """Batch normalization, whose gain and bias are those of the class where there are classes."""
        if labels is None:
            return self.batch_norm(x, name)
        return class_batch_norm(x, labels, self._normal(), name)

    def patch_logits(self, x, labels, name):
        """Judges the patches of an 8x8 map, with classes by what is said of each: float `[batch, 25]`."""
        logits = self.conv(x, 1, 4, name, padding="valid")
        if labels is not None:
            initializer = self._normal()
            seed = int(self._rng.integers(2**31))
            embed = SpectralDense(
                x.shape[-1], seed, use_bias=False, kernel_initializer=initializer, name=f"{name}_embedding"
            )
            logits += patch_projection(x, embed(labels), 4)
        return tf.reshape(logits, [-1, 25])

    def noise(self, x, codes, name):
        self._noises += 1
        return NoiseInjection(self._noises, name=name)([x, codes])

    def excite(self, low, high, name):
        """Skip-layer excitation: scales the channels of `high` by what `low` holds."""
        x = average_pool_to(low, 4)
        x = tf.nn.silu(self.conv(x, high.shape[-1], 4, f"{name}_squeeze", padding="valid"))
        return high * tf.nn.sigmoid(self.conv(x, high.shape[-1], 1, f"{name}_gate"))  # [batch, 1, 1, channels]


def _gated_linear_unit(x):
    values, gates = tf.split(x, 2, axis=-1)
    return values * tf.nn.sigmoid(gates)


def _leaky_relu(x):
    return tf.nn.leaky_relu(x, 0.2)


def _generator_start(codes, labels, filters, blocks):
    x = tf.reshape(codes, [-1, 1, 1, LATENT_SIZE])
    x = blocks.conv_transpose(x, 2 * filters, 4, "start")
    return _gated_linear_unit(blocks.norm(x, labels, "start_norm"))


def _up_block(x, codes, labels, filters, side, blocks):
    x = blocks.up_conv(x, 2 * filters, f"up{side}_conv1")
    if side not in NOISY_SIDES:
        return _gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm1"))
    x = blocks.noise(x, codes, f"up{side}_noise1")
    x = _gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm1"))
    x = blocks.conv(x, 2 * filters, 3, f"up{side}_conv2")
    x = blocks.noise(x, codes, f"up{side}_noise2")
    return _gated_linear_unit(blocks.norm(x, labels, f"up{side}_norm2"))


def _trunk(resolution, channels, classes, counts, blocks):
    """Builds (image, small image, with classes labels) -> (logits, last map, small branch's last map, 16x16 map)."""
    image = keras.Input([resolution, resolution, channels], name="image")
    small_side = small_side_of(resolution)
    small = keras.Input([small_side, small_side, channels], name="small_image")
    labels = keras.Input([classes], name="labels") if classes else None
    maps = _down_path(_entry(image, resolution, counts, blocks), counts, blocks)
    logits = blocks.patch_logits(_head(maps[8], counts, blocks), labels, "logits")
    small_map = _small_branch(small, counts, blocks)
    logits = tf.concat([logits, blocks.patch_logits(small_map, labels, "small_logits")], axis=1)
    outputs = [tf.cast(logits, tf.float32), maps[8], small_map, maps[16]]
    return keras.Model([image, small, *([labels] if classes else [])], outputs, name="trunk")


def _entry(x, resolution, counts, blocks):
    if resolution <= 256:
        return _leaky_relu(blocks.conv(x, counts[2 * resolution], 3, "entry"))
    if resolution == 512:
        return _leaky_relu(blocks.conv(x, counts[512], 4, "entry", strides=2))
    x = _leaky_relu(blocks.conv(x, counts[1024], 4, "entry1", strides=2))
    x = blocks.conv(x, counts[512], 4, "entry2", strides=2)
    return _leaky_relu(blocks.batch_norm(x, "entry2_norm"))


def _down_path(x, counts, blocks):
    """Halves the map down to 8x8; returns the maps by their side."""
    maps = {x.shape[1]: x}
    while x.shape[1] > 8:
        side = x.shape[1] // 2
        x = _down_block(x, counts[2 * side], side, blocks)
        if 8 * side in maps:
            x = blocks.excite(maps[8 * side], x, f"excite{side}")
        maps[side] = x
    return maps


def _down_block(x, filters, side, blocks):
    main = blocks.conv(x, filters, 4, f"down{side}_conv1", strides=2)
    main = _leaky_relu(blocks.batch_norm(main, f"down{side}_norm1"))
    main = blocks.conv(main, filters, 3, f"down{side}_conv2")
    main = _leaky_relu(blocks.batch_norm(main, f"down{side}_norm2"))
    direct = blocks.conv(average_pool_to(x, side), filters, 1, f"down{side}_direct")
    direct = _leaky_relu(blocks.batch_norm(direct, f"down{side}_direct_norm"))
    return (main + direct) / 2


def _head(x, counts, blocks):
    return _leaky_relu(blocks.batch_norm(blocks.conv(x, counts[8], 1, "head"), "head_norm"))


def _small_branch(x, counts, blocks):
    side = x.shape[1] // 2
    x = _leaky_relu(blocks.conv(x, counts[4 * side], 4, f"small{side}", strides=2))
    while side > 8:
        side //= 2
        x = blocks.conv(x, counts[4 * side], 4, f"small{side}", strides=2)
        x = _leaky_relu(blocks.batch_norm(x, f"small{side}_norm"))
    return x


def _decoders(resolution, channels, width, trunk, blocks):
    """Builds (last map, small branch's last map, 16x16 map, quadrants) -> three reconstructions."""
    last, small_last, middle = (keras.Input(output.shape[1:]) for output in trunk.outputs[1:])
    quadrants = keras.Input([], dtype=tf.int32, name="quadrants")
    part = crop_quadrant(middle, quadrants)
    side = min(SMALL_SIDE, resolution)
    outputs = [
        _decoder(x, side, channels, width, name, blocks)
        for x, name in ((last, "decode"), (small_last, "decode_small"), (part, "decode_part"))
    ]
    return keras.Model([last, small_last, middle, quadrants], outputs, name="decoders")


def _decoder(x, side, channels, width, name, blocks):
    x = average_pool_to(x, 8)
    while x.shape[1] < side:
        filters = _count(DECODER_CHANNELS[2 * x.shape[1]], width)
        x = blocks.up_conv(x, 2 * filters, f"{name}{2 * x.shape[1]}_conv")
        x = _gated_linear_unit(blocks.batch_norm(x, f"{name}{x.shape[1]}_norm"))
    x = blocks.conv(x, channels, 3, f"{name}_rgb")
    return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_image")(x)
