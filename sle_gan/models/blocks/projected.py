"""What a projected discriminator looks at: maps of a frozen network, mixed at random, and the heads that judge them.

Source: Sauer et al., "Projected GANs Converge Faster", NeurIPS 2021, arXiv:2111.01007. `docs/methods.md` lists the
deviations.
"""

import functools
import hashlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.conditional import patch_projection
from sle_gan.layers.norm import batch_norm
from sle_gan.layers.resample import side_of
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models.graph import layers_of
from sle_gan.models.seeded import HEADS, PICTURE_HEAD, SeededLayers
from sle_gan.picture_shape import PictureShape
from sle_gan.pretrained.efficientnet_lite0 import efficientnet_lite0, weights_path

TAPS = ("stage_2", "stage_3", "stage_5", "stage_7")  # at 1/4, 1/8, 1/16 and 1/32 of the side
TAP_CHANNELS = (24, 40, 112, 320)
MIXED_CHANNELS = (64, 128, 256, 512)  # behind the mixing of channels
MAP_CHANNELS = (64, 64, 128, 256)  # behind the mixing of scales
HEAD_CHANNELS = (1, 2, 4, 8)  # in multiples of the width, of the last blocks of a head
_COARSEST = 32  # pixels of the image to a pixel of the last tap
_PROJECTION_SEED = 0


class Projection(NamedTuple):
    """The random 1x1 convolutions, from the shallowest tap to the deepest: a kernel `[in, out]` and a bias `[out]`.

    Attributes:
        channels: that mix the channels of each tap.
        scales: that mix each map with the deeper one.
    """

    channels: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    scales: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]


@functools.cache
def projection() -> Projection:
    """Draws the random convolutions, always the same: kernels and biases from U(-1, 1) / sqrt(channels in).

    Differs: they follow from a fixed seed, not from that of a run, so that trained heads fit every run.
    """
    rng = np.random.default_rng(_PROJECTION_SEED)

    def drawn(size_in: int, size_out: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        bound = 1 / math.sqrt(size_in)
        kernel, bias = (rng.uniform(-bound, bound, shape) for shape in ((size_in, size_out), (size_out,)))
        return kernel.astype(np.float32), bias.astype(np.float32)

    channels = tuple(drawn(*sizes) for sizes in zip(TAP_CHANNELS, MIXED_CHANNELS, strict=True))
    return Projection(channels, tuple(drawn(*sizes) for sizes in zip(MIXED_CHANNELS, MAP_CHANNELS, strict=True)))


def frozen_sha256() -> str:
    """Returns the SHA-256 of all that is frozen, in hexadecimal: the weights of EfficientNet-Lite0 and the projection.

    Raises:
        InputError: if the package that holds the weights is not installed.
    """
    digest = hashlib.sha256(weights_path().read_bytes())
    for kernel, bias in (*projection().channels, *projection().scales):
        digest.update(kernel.tobytes() + bias.tobytes())
    return digest.hexdigest()


class ProjectedFeatures(keras.layers.Layer):
    """Images -> four maps of a frozen network, mixed at random over channels and scales.

    It has no weights that Keras knows of: none is trained, saved, pruned or kept in a checkpoint. What it computes
    follows from the package of EfficientNet-Lite0 alone; gradients flow through it to the images, at every order.

    Args:
        size_px: height and width that images are brought to before, multiples of 32, 64 at least.
        **kwargs: as `keras.layers.Layer`; it always computes in float32.

    Source: Sauer et al. 2021, arXiv:2111.01007, section 3.2.
    Differs: EfficientNet-Lite0, as the authors' code, where the paper has Lite1. RGBA is seen before grey, grey images
    as three equal channels. Convolutions of 1x1 come before the upsampling: the same sums, a quarter of the work.
    """

    def __init__(self, size_px: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**(kwargs | {"dtype": "float32", "trainable": False}))
        if any(side < 64 or side % _COARSEST for side in size_px):
            raise ValueError(f"size_px must be multiples of {_COARSEST}, 64 at least; got {size_px}")
        self.size_px = size_px
        self._frozen = _Frozen(size_px)

    def call(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Looks at images.

        Args:
            images: float32 `[batch, height, width, 1, 3 or 4]` in [-1, 1].

        Returns:
            Four maps float32 `[batch, height / s, width / s, channels]` of the size before the network, unbounded: s is
            2, 4, 8, 16, the channels 64, 64, 128, 256.
        """
        return self._frozen(images)

    @property
    def network(self) -> keras.Model:
        """The frozen network: images -> its maps."""
        return self._frozen.network

    @property
    def projection_macs(self) -> int:
        """Multiply-accumulates of the random convolutions for one image."""
        pixels = [math.prod(self.size_px) // stride**2 for stride in (4, 8, 16, _COARSEST)]
        kernels = zip(projection().channels, projection().scales, strict=True)
        return sum(area * sum(kernel.size for kernel, _ in pair) for area, pair in zip(pixels, kernels, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "size_px": self.size_px}


class _Frozen:
    """The frozen network and the projection, in no object that Keras or a checkpoint would follow."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self._size_px = size_px
        self.network = efficientnet_lite0(TAPS, size_px)
        self._projection = projection()

    def __call__(self, images: tf.Tensor) -> list[tf.Tensor]:
        taps = self.network(resized(_colors(images), self._size_px))
        mixed = [_convolved(tap, *one) for tap, one in zip(taps, self._projection.channels, strict=True)]
        maps: list[tf.Tensor] = []
        for x, one in zip(reversed(mixed), reversed(self._projection.scales), strict=True):
            maps.insert(0, upsample_to_corners(_convolved(x + maps[0] if maps else x, *one)))
        return maps


def _colors(images: tf.Tensor) -> tf.Tensor:
    if images.shape[-1] == 1:
        return tf.concat([images] * 3, axis=-1)
    if images.shape[-1] == 4:
        return images[..., :3] * (0.5 + 0.5 * images[..., 3:])
    return images


def _convolved(x: tf.Tensor, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel[None, None], 1, "VALID"), bias)


def seen_size(shape: PictureShape, side_px: int) -> tuple[int, int]:
    """Returns the height and width that images are brought to before the frozen network.

    Args:
        shape: of the images.
        side_px: what the shorter side becomes, a multiple of 32; the longer one becomes the nearest multiple of 32.
    """
    height, width = ((side + _COARSEST // 2) // _COARSEST * _COARSEST for side in shape.of_side(side_px).size)
    return height, width


def resized(images: tf.Tensor, size_px: tuple[int, int]) -> tf.Tensor:
    """Brings images to another size, bilinearly between centers of pixels, antialiased where it is smaller.

    Two products with constant matrices: `tf.image.resize` has wrong second-order gradients.

    Args:
        images: float32 `[batch, height, width, channels]`.
        size_px: height and width of the result.
    """
    if tuple(images.shape[1:3]) == size_px:
        return images
    return _interpolated(images, *(_between_centers(*sides) for sides in zip(images.shape[1:3], size_px, strict=True)))


def _between_centers(side: int, new_side: int) -> NDArray[np.float64]:
    scale = side / new_side
    centers = (np.arange(new_side)[:, None] + 0.5) * scale - 0.5
    return np.maximum(0, 1 - np.abs(centers - np.arange(side)) / max(scale, 1.0))


def upsample_to_corners(maps: tf.Tensor) -> tf.Tensor:
    """Doubles the sides bilinearly, so that the corners of both maps lie on each other (PyTorch's `align_corners`).

    Args:
        maps: float32 `[batch, height, width, channels]`.
    """
    return _interpolated(maps, *(_between_corners(side) for side in maps.shape[1:3]))


def _between_corners(side: int) -> NDArray[np.float64]:
    places = np.arange(2 * side)[:, None] * ((side - 1) / (2 * side - 1))
    return np.maximum(0, 1 - np.abs(places - np.arange(side)))


def _interpolated(images: tf.Tensor, of_rows: NDArray[np.float64], of_columns: NDArray[np.float64]) -> tf.Tensor:
    """Multiplies rows and columns by weights `[new side, side]`, brought to a sum of 1 for each new place."""
    matrices = [(one / one.sum(axis=1, keepdims=True)).astype(np.float32) for one in (of_rows, of_columns)]
    (new_height, height), (new_width, width) = (matrix.shape for matrix in matrices)
    channels = images.shape[-1]
    rows = tf.matmul(matrices[0], tf.reshape(images, [-1, height, width * channels]))  # [batch, new height, ...]
    columns = tf.matmul(matrices[1], tf.reshape(rows, [-1, width, channels]))  # [batch * new height, new width, ...]
    return tf.reshape(columns, [-1, new_height, new_width, channels])


class _HeadLayers(SeededLayers):
    """The layers of the heads, the only ones that are trained."""

    def conv(self, x: tf.Tensor, filters: int, size: int, name: str, **options: Any) -> tf.Tensor:
        """Applies a spectrally normalized convolution without bias."""
        initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=self.next_seed())
        return SpectralConv2D(
            filters, size, self.next_seed(), use_bias=False, kernel_initializer=initializer, name=name, **options
        )(x)

    def block(self, x: tf.Tensor, filters: int, name: str) -> tf.Tensor:
        """Halves a map: convolution, batch normalization, leaky ReLU."""
        x = self.conv(x, filters, 4, name, strides=2, padding="same")
        return tf.nn.leaky_relu(batch_norm(x, keras.initializers.Ones(), f"{name}_norm"), 0.2)

    def logits(self, x: tf.Tensor, labels: tf.Tensor | None, name: str) -> tf.Tensor:
        """Judges the patches of a map: float `[batch, patches]`."""
        size = min(4, side_of(x))
        logits = self.conv(x, 1, size, name)
        if labels is not None:
            initializer = keras.initializers.RandomNormal(0.0, 0.02, seed=self.next_seed())
            embed = SpectralDense(
                x.shape[-1],
                self.next_seed(),
                use_bias=False,
                kernel_initializer=initializer,
                name=f"{name}_embedding",
            )
            logits += patch_projection(x, embed(labels), size)
        return tf.reshape(logits, [-1, math.prod(side - size + 1 for side in x.shape[1:3])])


def judged_by_heads(maps: Sequence[tf.Tensor], labels: tf.Tensor | None, width: int, seed: int) -> tf.Tensor:
    """Judges four maps, each by a head of its own.

    Args:
        maps: as `ProjectedFeatures` returns them.
        labels: one-hot float32 `[batch, classes]`; None without classes.
        width: what all numbers of channels are multiples of; 64 in the paper.
        seed: of the initial weights.

    Returns:
        Logits float32 `[batch, patches]`, those of the first head first: what the layer `head_logits` gives.
    """
    layers, judged = _HeadLayers(seed, HEADS), []
    for number, x in enumerate(maps):
        for block, share in enumerate(HEAD_CHANNELS[number:]):
            x = layers.block(x, share * width, f"head{number}_block{block}")
        judged.append(layers.logits(x, labels, f"head{number}_logits"))
    return keras.layers.Concatenate(dtype="float32", name="head_logits")(judged)


def judged_as_it_is(images: tf.Tensor, labels: tf.Tensor | None, width: int, seed: int) -> tf.Tensor:
    """Judges small pictures by a head of their own.

    Args:
        images: float32 `[batch, height, width, channels]`, the shorter side of 32 px.
        labels: one-hot float32 `[batch, classes]`; None without classes.
        width: what all numbers of channels are multiples of.
        seed: of the initial weights.

    Returns:
        Logits float32 `[batch, patches]`.
    """
    layers, x = _HeadLayers(seed, PICTURE_HEAD), images
    for block, share in enumerate((2, 4)):
        x = layers.block(x, share * width, f"picture_block{block}")
    return keras.layers.Activation("linear", dtype="float32")(layers.logits(x, labels, "picture_logits"))


@needs_keras_2
def head_blocks(discriminator_model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Lists the layers of each block of all heads together, from the maps on.

    Args:
        discriminator_model: a model among whose layers are those that `judged_by_heads` made.
    """
    heads = range(len(MAP_CHANNELS))
    return [
        layers_of(discriminator_model, *(f"head{number}_block{block}" for number in heads))
        for block in range(len(HEAD_CHANNELS))
    ]
