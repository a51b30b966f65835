"""The perceptual distance of `pretrained/efficientnet_lite0.py` in plain PyTorch, with the same weights.

Source: Tan & Le 2019, arXiv:1905.11946, in its "lite" form; Zhang et al. 2018, arXiv:1801.03924.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Blocks, side of the depthwise kernel, stride of the first block, expansion, channels out; five stages are compared.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))


class Convolution(nn.Module):
    """A convolution with its normalization folded in, padded as TensorFlow pads maps of even sides."""

    def __init__(self, weights, convolution, normalization, *, stride=1, depthwise=False):
        super().__init__()
        kernel = weights[f"{convolution}.weight"]
        channels_out, size = kernel.shape[0], kernel.shape[2]
        channels_in, groups = (channels_out, channels_out) if depthwise else (kernel.shape[1], 1)
        layer = nn.Conv2d(channels_in, channels_out, size, stride, groups=groups, bias=False)
        layer.load_state_dict({"weight": kernel})
        scales = nn.BatchNorm2d(channels_out, eps=1e-3)
        scales.load_state_dict({name: weights[f"{normalization}.{name}"] for name in scales.state_dict()}, strict=True)
        self.layer = fuse_conv_bn_eval(layer.eval(), scales.eval())
        before = (size - stride) // 2
        self.border = (before, size - stride - before) * 2
        if before == size - stride - before:
            self.layer.padding = (before, before)
            self.border = None

    def forward(self, x):
        """Convolves `[batch, channels, height, width]`."""
        return self.layer(x if self.border is None else functional.pad(x, self.border))


class Block(nn.Module):
    """Widens, convolves each channel by itself, narrows; adds the input where the shapes agree."""

    def __init__(self, weights, name, stride, expansion):
        super().__init__()
        self.expand = Convolution(weights, f"{name}._expand_conv", f"{name}._bn0") if expansion > 1 else None
        self.depthwise = Convolution(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, depthwise=True)
        self.project = Convolution(weights, f"{name}._project_conv", f"{name}._bn2")

    def forward(self, x):
        """Applies the block."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        return y + x if y.shape == x.shape else y


class PerceptualDistance(nn.Module):
    """The mean squared difference of the unit-length maps of two images at the ends of five stages.

    Args:
        path: the weights of EfficientNet-Lite0 as `torch.save` wrote them.
    """

    def __init__(self, path):
        super().__init__()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        self.stem = Convolution(weights, "_conv_stem", "_bn0", stride=2)
        self.stages = nn.ModuleList()
        number = 0
        for blocks, _, stride, expansion, _ in STAGES:
            strides = [stride] + [1] * (blocks - 1)
            names = [f"_blocks.{number + index}" for index in range(blocks)]
            number += blocks
            stage = [Block(weights, name, step, expansion) for name, step in zip(names, strides, strict=True)]
            self.stages.append(nn.Sequential(*stage))
        self.eval().requires_grad_(False)

    def maps(self, images):
        """Lists the maps at the stages' ends."""
        x = functional.relu6(self.stem(images * (127.5 / 128) + 0.5 / 128))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images, references):
        """Returns the distance of each pair of `[batch, 3, side, side]` in [-1, 1]: `[batch]`."""
        distances = [
            (unit_length(a) - unit_length(b)).square().sum(dim=1).mean(dim=(1, 2))
            for a, b in zip(self.maps(images), self.maps(references), strict=True)
        ]
        return sum(distances) / len(distances)


def unit_length(features):
    """Brings maps to length 1 at each position."""
    return features * torch.rsqrt(features.square().sum(dim=1, keepdim=True) + 1e-8)
