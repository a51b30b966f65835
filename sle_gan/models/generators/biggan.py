"""BigGAN's generator: a residual network under spectral normalization, with attention and with classes in each block.

Source: Brock, Donahue & Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019,
arXiv:1809.11096, appendix B; at 32 px as in Zhao et al. 2020, arXiv:2006.10738. `docs/methods.md` lists the
deviations.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.attention import self_attention
from sle_gan.layers.conditional import conditional_batch_norm
from sle_gan.layers.resample import upsample_nearest
from sle_gan.models import GENERATORS
from sle_gan.models.blocks.biggan import ARCHITECTURES, BigGANLayers
from sle_gan.models.graph import FeatureSplit, split_at
from sle_gan.models.rows import check_shape
from sle_gan.models.seeded import GENERATOR

_SHARED_SIZE = 128  # of the class embedding that all blocks share
_START_SIDE = 4


def generator(
    resolution: int = 32, channels: int = 3, width: int = 256, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the generator: latent codes float32 `[batch, size]` -> images `[batch, side, side, channels]`.

    The images are in [-1, 1]. With classes it has a second input: one-hot labels float32 `[batch, classes]`.

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
    check_shape(GENERATORS["biggan"], resolution, channels, width)
    architecture = ARCHITECTURES[resolution]
    blocks = BigGANLayers(seed, GENERATOR, architecture.initializer)
    first, *rest = (share * width for share in architecture.generator)
    codes = keras.Input([architecture.latent_size], name="codes")
    labels = keras.Input([classes], name="labels") if classes else None
    start, *chunks = _chunks(codes, architecture.chunk_size, len(rest))
    conditions = _conditions(chunks, labels, blocks) if chunks else [labels] * len(rest)
    units = _START_SIDE**2 * first
    x = tf.reshape(blocks.spectral_dense(start, units, "start"), [-1, _START_SIDE, _START_SIDE, first])
    side = _START_SIDE
    project = blocks.spectral_embedding if chunks else blocks.embedding
    for filters, condition in zip(rest, conditions, strict=True):
        side *= 2
        x = _up_block(x, filters, condition, project, f"up{side}", blocks)
        if side == architecture.attention_side:
            x = self_attention(x, blocks.bare_conv, f"attention{side}")
    x = tf.nn.relu(blocks.batch_norm(x, "rgb_norm"))
    x = blocks.conv(x, channels, 3, "rgb")
    image = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    return keras.Model(codes if labels is None else [codes, labels], image, name="generator")


@needs_keras_2
def training_graph(generator_model: keras.Model) -> keras.Model:
    """Returns what training calls: the generator as it is."""
    return generator_model


@needs_keras_2
def feature_split(generator_model: keras.Model) -> FeatureSplit:
    """Cuts the generator behind its first layer; nothing is copied.

    Args:
        generator_model: as `generator` builds it.

    Returns:
        A `FeatureSplit`. Codes, whose ends all blocks are given, are what else its rest takes, where the resolution has
        such blocks.
    """
    start, (codes, *labels) = generator_model.get_layer("start").output, generator_model.inputs
    others = [codes, *labels] if ARCHITECTURES[generator_model.output_shape[1]].chunk_size else labels
    return split_at(generator_model, [start], others, others)


def _chunks(codes: tf.Tensor, chunk_size: int, count: int) -> list[tf.Tensor]:
    """Parts a code in what shapes the first map and what each of `count` blocks is given, if anything."""
    if not chunk_size:
        return [codes]
    return tf.split(codes, [codes.shape[-1] - count * chunk_size, *[chunk_size] * count], axis=1)


def _conditions(chunks: Sequence[tf.Tensor], labels: tf.Tensor | None, blocks: BigGANLayers) -> Sequence[tf.Tensor]:
    """Puts the embedding that all blocks share before each block's chunk of the code."""
    if labels is None:
        return chunks
    shared = blocks.embedding(labels, _SHARED_SIZE, "shared_embedding")
    return [tf.concat([shared, tf.cast(chunk, shared.dtype)], axis=1) for chunk in chunks]


def _up_block(
    x: tf.Tensor,
    filters: int,
    condition: tf.Tensor | None,
    project: Callable[[tf.Tensor, int, str], tf.Tensor],
    name: str,
    blocks: BigGANLayers,
) -> tf.Tensor:
    def norm(maps: tf.Tensor, norm_name: str) -> tf.Tensor:
        if condition is None:
            return blocks.batch_norm(maps, norm_name)
        gain, bias = (project(condition, maps.shape[-1], f"{norm_name}_{part}") for part in ("gain", "bias"))
        return conditional_batch_norm(maps, gain, bias, norm_name)

    main = tf.nn.relu(norm(x, f"{name}_norm1"))
    main = blocks.conv(upsample_nearest(main), filters, 3, f"{name}_conv1")
    main = tf.nn.relu(norm(main, f"{name}_norm2"))
    main = blocks.conv(main, filters, 3, f"{name}_conv2")
    # A 1x1 convolution and the repetition of pixels change places without changing the sums.
    return main + upsample_nearest(blocks.conv(x, filters, 1, f"{name}_shortcut"))
