"""The 2015 Inception, the network that "FID" means, with weights in the layout of the pytorch-fid project.

Source: Szegedy et al. 2016, arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.pretrained.feature_network import FeatureNetwork
from sle_gan.pretrained.torch_archive import read_state_dict

SIDE_PX = 299
_EPSILON = 1e-3  # of its batch normalization


def feature_network(weights: Path | str) -> FeatureNetwork:
    """Builds the 2015 Inception as a network that images are compared by: 2048 features, 1008 classes.

    Args:
        weights: path of the weights, as `sle_gan.evaluation.download.inception_weights` finds them.

    Returns:
        A `FeatureNetwork`.

    Raises:
        InputError: if the file holds something else.
    """
    return FeatureNetwork("inception", inception(weights), weights, SIDE_PX)


def inception(weights: Path | str, outputs: Sequence[str] = ("pooled", "logits")) -> keras.Model:
    """Builds the 2015 Inception, frozen.

    Its images are float32 `[batch, 299, 299, 3]` in [0, 255]; it brings them to (value - 128) / 128. It gives, in
    float32, `"pooled"` `[batch, 2048]`, 0 or more, the mean over the last map's positions; `"logits"`
    `[batch, 1008]`; and the maps at the ends of its blocks, `[batch, height, width, channels]`, 0 or more, by the
    names of their weights, from `"Mixed_5b"` to `"Mixed_7c"`.

    Args:
        weights: path of the weights.
        outputs: names of two outputs or more.

    Returns:
        A functional `keras.Model`: images -> list of the outputs in this order.

    Raises:
        InputError: if the file is no PyTorch state dict, or a weight is missing or of another shape.

    Differs: batch normalization is folded into the convolutions, for speed. The logits are without their bias, as
    the reference program of the Inception Score leaves it out (Salimans et al. 2016, arXiv:1606.03498).
    """
    build = _Convolutions(weights)
    images = keras.Input([SIDE_PX, SIDE_PX, 3], name="images", dtype="float32")
    x = keras.layers.Rescaling(1 / 128, -1, dtype="float32")(images)
    x = build(x, "Conv2d_1a_3x3", 32, 3, stride=2, padding="valid")
    x = build(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = _halving_pool(build(x, "Conv2d_2b_3x3", 64, 3))
    x = build(x, "Conv2d_3b_1x1", 80, 1)
    x = _halving_pool(build(x, "Conv2d_4a_3x3", 192, 3, padding="valid"))
    maps = {}
    for name, block, arguments in _BLOCKS:
        x = maps[name] = block(build, x, name, *arguments)
    maps["pooled"] = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(x)
    maps["logits"] = build.classes(maps["pooled"], "fc", 1008)
    network = keras.Model(images, [maps[name] for name in outputs], name="inception_2015")
    network.trainable = False
    return network


class _Convolutions:
    """Makes convolutions with folded normalization and ReLU, each with its weights from the file."""

    def __init__(self, weights: Path | str) -> None:
        self._weights = weights
        self._tensors = read_state_dict(weights)

    def __call__(
        self,
        x: tf.Tensor,
        name: str,
        channels: int,
        size: int | tuple[int, int],
        stride: int = 1,
        padding: str = "same",
    ) -> tf.Tensor:
        height, width = (size, size) if isinstance(size, int) else size
        kernel = self._tensor(f"{name}.conv.weight", (channels, x.shape[-1], height, width))
        gamma, beta, mean, variance = (
            self._tensor(f"{name}.bn.{part}", (channels,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        layer = keras.layers.Conv2D(
            channels, (height, width), stride, padding, activation="relu", name=name.replace(".", "_"), dtype="float32"
        )
        y = layer(x)
        layer.set_weights([kernel.transpose(2, 3, 1, 0) * scale, beta - mean * scale])
        return y

    def classes(self, x: tf.Tensor, name: str, count: int) -> tf.Tensor:
        layer = keras.layers.Dense(count, use_bias=False, name="logits", dtype="float32")
        y = layer(x)
        layer.set_weights([self._tensor(f"{name}.weight", (count, x.shape[-1])).T])
        return y

    def _tensor(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.shape != shape:
            found = "nothing" if tensor is None else tensor.shape
            raise InputError(
                f"{self._weights} must hold {name} of shape {shape}, as the 2015 Inception; it has {found}"
            )
        return tensor


def _halving_pool(x: tf.Tensor) -> tf.Tensor:
    return keras.layers.MaxPooling2D(3, 2, dtype="float32")(x)


def _average_pool(x: tf.Tensor) -> tf.Tensor:
    return keras.layers.AveragePooling2D(3, 1, "same", dtype="float32")(x)  # its means leave the padding out


def _maximum_pool(x: tf.Tensor) -> tf.Tensor:
    return keras.layers.MaxPooling2D(3, 1, "same", dtype="float32")(x)


def _side_by_side(branches: Sequence[tf.Tensor]) -> tf.Tensor:
    return keras.layers.Concatenate(dtype="float32")(branches)


def _block_35(build: _Convolutions, x: tf.Tensor, name: str, pool_channels: int) -> tf.Tensor:
    """35 x 35 positions: a 5x5 branch and a double 3x3 branch."""
    five = build(build(x, f"{name}.branch5x5_1", 48, 1), f"{name}.branch5x5_2", 64, 5)
    double = build(build(x, f"{name}.branch3x3dbl_1", 64, 1), f"{name}.branch3x3dbl_2", 96, 3)
    double = build(double, f"{name}.branch3x3dbl_3", 96, 3)
    pooled = build(_average_pool(x), f"{name}.branch_pool", pool_channels, 1)
    return _side_by_side([build(x, f"{name}.branch1x1", 64, 1), five, double, pooled])


def _block_35_to_17(build: _Convolutions, x: tf.Tensor, name: str) -> tf.Tensor:
    halved = build(x, f"{name}.branch3x3", 384, 3, stride=2, padding="valid")
    double = build(build(x, f"{name}.branch3x3dbl_1", 64, 1), f"{name}.branch3x3dbl_2", 96, 3)
    double = build(double, f"{name}.branch3x3dbl_3", 96, 3, stride=2, padding="valid")
    return _side_by_side([halved, double, _halving_pool(x)])


def _block_17(build: _Convolutions, x: tf.Tensor, name: str, channels: int) -> tf.Tensor:
    """17 x 17 positions: 7x7 convolutions as pairs of 1x7 and 7x1."""
    seven = build(build(x, f"{name}.branch7x7_1", channels, 1), f"{name}.branch7x7_2", channels, (1, 7))
    seven = build(seven, f"{name}.branch7x7_3", 192, (7, 1))
    double = build(x, f"{name}.branch7x7dbl_1", channels, 1)
    for number, size, out in ((2, (7, 1), channels), (3, (1, 7), channels), (4, (7, 1), channels), (5, (1, 7), 192)):
        double = build(double, f"{name}.branch7x7dbl_{number}", out, size)
    pooled = build(_average_pool(x), f"{name}.branch_pool", 192, 1)
    return _side_by_side([build(x, f"{name}.branch1x1", 192, 1), seven, double, pooled])


def _block_17_to_8(build: _Convolutions, x: tf.Tensor, name: str) -> tf.Tensor:
    three = build(x, f"{name}.branch3x3_1", 192, 1)
    three = build(three, f"{name}.branch3x3_2", 320, 3, stride=2, padding="valid")
    seven = build(build(x, f"{name}.branch7x7x3_1", 192, 1), f"{name}.branch7x7x3_2", 192, (1, 7))
    seven = build(seven, f"{name}.branch7x7x3_3", 192, (7, 1))
    seven = build(seven, f"{name}.branch7x7x3_4", 192, 3, stride=2, padding="valid")
    return _side_by_side([three, seven, _halving_pool(x)])


def _block_8(build: _Convolutions, x: tf.Tensor, name: str, pool: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """8 x 8 positions: 3x3 convolutions split into 1x3 and 3x1 side by side."""
    three = build(x, f"{name}.branch3x3_1", 384, 1)
    double = build(build(x, f"{name}.branch3x3dbl_1", 448, 1), f"{name}.branch3x3dbl_2", 384, 3)
    branches = [
        build(x, f"{name}.branch1x1", 320, 1),
        build(three, f"{name}.branch3x3_2a", 384, (1, 3)),
        build(three, f"{name}.branch3x3_2b", 384, (3, 1)),
        build(double, f"{name}.branch3x3dbl_3a", 384, (1, 3)),
        build(double, f"{name}.branch3x3dbl_3b", 384, (3, 1)),
        build(pool(x), f"{name}.branch_pool", 192, 1),
    ]
    return _side_by_side(branches)


_BLOCKS = (
    ("Mixed_5b", _block_35, (32,)),
    ("Mixed_5c", _block_35, (64,)),
    ("Mixed_5d", _block_35, (64,)),
    ("Mixed_6a", _block_35_to_17, ()),
    ("Mixed_6b", _block_17, (128,)),
    ("Mixed_6c", _block_17, (160,)),
    ("Mixed_6d", _block_17, (160,)),
    ("Mixed_6e", _block_17, (192,)),
    ("Mixed_7a", _block_17_to_8, ()),
    ("Mixed_7b", _block_8, (_average_pool,)),
    ("Mixed_7c", _block_8, (_maximum_pool,)),  # the 2015 graph's own peculiarity
)
