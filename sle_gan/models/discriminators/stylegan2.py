"""StyleGAN2's residual discriminator, as small as the width asks for.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958, figure 7,
with the settings of "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676. `docs/methods.md`
lists the deviations.
"""

import math

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.conditional import projection
from sle_gan.layers.equalized import scaled_leaky_relu
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.layers.resample import blur_fir, downsample_fir, side_of
from sle_gan.models import DISCRIMINATORS, limits_of_width
from sle_gan.models.blocks.stylegan2 import StyleGAN2Layers, embedded, mapped
from sle_gan.models.graph import FeatureSplit, JudgingGraph, layers_of, split_at
from sle_gan.models.rows import ChannelLimits, check_shape
from sle_gan.models.seeded import DISCRIMINATOR
from sle_gan.picture_shape import Resolution

CLASS_MAPPING_LAYERS = 8  # from the class to what the features are projected on


def discriminator(
    resolution: Resolution = 256,
    channels: int = 3,
    width: int = 64,
    seed: int = 0,
    classes: int = 0,
    limits: ChannelLimits | None = None,
) -> keras.Model:
    """Builds the residual discriminator: images `[batch, height, width, channels]` -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 64, 128, 256, 512 or 1024; or width and height such as
            `384x256`, the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: a map of shorter side s has min(256 width / s, 8 width) channels; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.
        limits: of the channels of maps, in place of those that follow from the width.

    Returns:
        A functional `keras.Model`. The logit of an image rests on up to three images beside it too.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    shape = check_shape(DISCRIMINATORS["stylegan2"], resolution, channels, width)
    limits = limits or limits_of_width(width)
    blocks = StyleGAN2Layers(seed, DISCRIMINATOR)
    images = keras.Input([*shape.size, channels], name="images")
    x = scaled_leaky_relu(blocks.conv(images, limits.at(shape.side), 1, "rgb"))
    while side_of(x) > 4:
        x = _down_block(x, limits.at(side_of(x) // 2), blocks)
    x = MinibatchDeviation(name="minibatch_deviation")(x)
    x = scaled_leaky_relu(blocks.conv(x, limits.at(4), 3, "last_conv"))
    x = tf.reshape(x, [-1, math.prod(x.shape[1:])])
    x = scaled_leaky_relu(blocks.dense(x, limits.at(4), "last_dense"))
    if not classes:
        return keras.Model(images, blocks.dense(x, 1, "logits", dtype="float32"), name="discriminator")
    labels = keras.Input([classes], name="labels")
    size = limits.at(4)
    embedding = mapped(embedded(labels, size, "class", blocks), size, CLASS_MAPPING_LAYERS, "class", blocks)
    logits = projection(blocks.dense(x, size, "logits", dtype="float32"), embedding) / math.sqrt(size)
    return keras.Model([images, labels], logits, name="discriminator")


@needs_keras_2
def training_graph(discriminator_model: keras.Model) -> JudgingGraph:
    """Returns what training calls: the discriminator as it is."""
    return JudgingGraph(discriminator_model)


@needs_keras_2
def feature_split(discriminator_model: keras.Model) -> FeatureSplit:
    """Cuts the discriminator before its last layer; nothing is copied.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A `FeatureSplit`.
    """
    last, (_, *labels) = discriminator_model.get_layer("logits").input, discriminator_model.inputs
    return split_at(discriminator_model, [last], [], labels)


@needs_keras_2
def discriminator_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each residual block, from the image on; the first holds the entry too.

    Args:
        discriminator_model: as `discriminator` builds it.

    Returns:
        A list of lists of layers, without those behind the map of 4 px.
    """
    side = side_of(discriminator_model.inputs[0])
    later = [layers_of(discriminator_model, f"down{side // 2**times}_") for times in range(1, side.bit_length() - 3)]
    return [layers_of(discriminator_model, "rgb", f"down{side}_"), *later]


def _down_block(x: tf.Tensor, filters: int, blocks: StyleGAN2Layers) -> tf.Tensor:
    side, width_in = side_of(x), x.shape[-1]
    main = scaled_leaky_relu(blocks.conv(x, width_in, 3, f"down{side}_conv1"))
    main = blocks.conv(blur_fir(main), filters, 3, f"down{side}_conv2", strides=2, padding="valid")
    direct = blocks.conv(downsample_fir(x), filters, 1, f"down{side}_direct", use_bias=False)
    return (scaled_leaky_relu(main) + direct) * math.sqrt(0.5)
