"""BigGAN's discriminator: a residual network under spectral normalization, with attention.

Source: Brock, Donahue & Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019,
arXiv:1809.11096, appendix B; at 32 px as in Zhao et al. 2020, arXiv:2006.10738; at 64 px as in Chen et al., NeurIPS
2021, arXiv:2103.00397, while `sle_gan.models.discriminators.biggan_brock` has Brock et al.'s numbers of channels there.
`docs/methods.md` lists the deviations.
"""

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.attention import self_attention
from sle_gan.layers.conditional import projection
from sle_gan.layers.resample import average_pool_to
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.biggan import ARCHITECTURES, Architecture, BigGANLayers
from sle_gan.models.graph import FeatureSplit, JudgingGraph, layers_of, split_at
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import DISCRIMINATOR


def discriminator(
    resolution: int = 32, channels: int = 3, width: int = 256, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the discriminator: images `[batch, side, side, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64 or 128.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 256 at 32 px, 80 at 64 px and 96 at 128 px in the papers.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(DISCRIMINATORS["biggan"], resolution, channels, width)
    return residual_discriminator(ARCHITECTURES[resolution], resolution, channels, width, seed, classes)


def residual_discriminator(
    architecture: Architecture, resolution: int, channels: int, width: int, seed: int, classes: int
) -> keras.Model:
    """Builds the discriminator of an architecture.

    Args:
        architecture: numbers of channels, attention and initial weights.
        resolution: side of the images in pixels.
        channels: of the images.
        width: channels of which all maps have multiples.
        seed: of the initial weights.
        classes: number of classes; 0 without.
    """
    blocks = BigGANLayers(seed, DISCRIMINATOR, architecture.initializer)
    first, *rest = (share * width for share in architecture.discriminator)
    images = keras.Input([resolution, resolution, channels], name="images")
    x = _entry_block(images, first, blocks)
    if x.shape[1] == architecture.attention_side:
        x = self_attention(x, blocks.bare_conv, f"attention{x.shape[1]}")
    for number, filters in enumerate(rest, start=2):
        x = _down_block(x, filters, number <= architecture.halvings, f"block{number}", blocks)
    features = tf.reduce_sum(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2])
    logits = blocks.spectral_dense(features, 1, "logits", dtype="float32")
    if not classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input([classes], name="labels")
    embedding = blocks.spectral_embedding(labels, features.shape[-1], "embedding", dtype="float32")
    return keras.Model([images, labels], logits + projection(features, embedding), name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Returns what training calls: the discriminator as it is."""
    return JudgingGraph(discriminator_model)


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator before its last layer, at the vector of sums; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    sums, (_, *labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    return split_at(discriminator_model, [sums], [], labels)


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each residual block, from the image on: a list of lists of layers, without the head."""
    side = discriminator_model.inputs[0].shape[1]
    architecture = ARCHITECTURES[side]
    blocks = [
        layers_of(discriminator_model, f"block{number}_") for number in range(1, len(architecture.discriminator) + 1)
    ]
    blocks[0] += layers_of(discriminator_model, "attention")
    return blocks


def _entry_block(x: tf.Tensor, filters: int, blocks: BigGANLayers) -> tf.Tensor:
    main = tf.nn.relu(blocks.conv(x, filters, 3, "block1_conv1"))
    main = _halve(blocks.conv(main, filters, 3, "block1_conv2"))
    return main + blocks.conv(_halve(x), filters, 1, "block1_shortcut")


def _down_block(x: tf.Tensor, filters: int, halves: bool, name: str, blocks: BigGANLayers) -> tf.Tensor:
    """A block that halves the map, or keeps it and its shortcut where the channels stay the same."""
    main = blocks.conv(tf.nn.relu(x), filters, 3, f"{name}_conv1")
    main = blocks.conv(tf.nn.relu(main), filters, 3, f"{name}_conv2")
    if halves:
        # Averages and a 1x1 convolution change places without changing the sums.
        return _halve(main) + blocks.conv(_halve(x), filters, 1, f"{name}_shortcut")
    if x.shape[-1] == filters:
        return main + x
    return main + blocks.conv(x, filters, 1, f"{name}_shortcut")


def _halve(x: tf.Tensor) -> tf.Tensor:
    return average_pool_to(x, x.shape[1] // 2)
