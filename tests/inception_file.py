"""A weight file with every name and shape of the 2015 Inception's, and drawn numbers."""

import collections
import math

import numpy as np
from torch_files import Numbers, Tensor, legacy_bytes, names_of_torch

# (name, channels in, channels out, height, width) of its 94 convolutions, in torchvision's naming.
_STEM = [
    ("Conv2d_1a_3x3", 3, 32, 3, 3),
    ("Conv2d_2a_3x3", 32, 32, 3, 3),
    ("Conv2d_2b_3x3", 32, 64, 3, 3),
    ("Conv2d_3b_1x1", 64, 80, 1, 1),
    ("Conv2d_4a_3x3", 80, 192, 3, 3),
]


def _mixed_5(name, inputs, pool):
    rows = [("branch1x1", inputs, 64, 1, 1), ("branch5x5_1", inputs, 48, 1, 1), ("branch5x5_2", 48, 64, 5, 5)]
    rows += [("branch3x3dbl_1", inputs, 64, 1, 1), ("branch3x3dbl_2", 64, 96, 3, 3), ("branch3x3dbl_3", 96, 96, 3, 3)]
    return [(f"{name}.{row[0]}", *row[1:]) for row in [*rows, ("branch_pool", inputs, pool, 1, 1)]]


def _mixed_6(name, c):
    rows = [("branch1x1", 768, 192, 1, 1), ("branch7x7_1", 768, c, 1, 1), ("branch7x7_2", c, c, 1, 7)]
    rows += [("branch7x7_3", c, 192, 7, 1), ("branch7x7dbl_1", 768, c, 1, 1), ("branch7x7dbl_2", c, c, 7, 1)]
    rows += [("branch7x7dbl_3", c, c, 1, 7), ("branch7x7dbl_4", c, c, 7, 1), ("branch7x7dbl_5", c, 192, 1, 7)]
    return [(f"{name}.{row[0]}", *row[1:]) for row in [*rows, ("branch_pool", 768, 192, 1, 1)]]


def _mixed_7(name, inputs):
    rows = [("branch1x1", inputs, 320, 1, 1), ("branch3x3_1", inputs, 384, 1, 1), ("branch3x3_2a", 384, 384, 1, 3)]
    rows += [("branch3x3_2b", 384, 384, 3, 1), ("branch3x3dbl_1", inputs, 448, 1, 1)]
    rows += [("branch3x3dbl_2", 448, 384, 3, 3), ("branch3x3dbl_3a", 384, 384, 1, 3)]
    rows += [("branch3x3dbl_3b", 384, 384, 3, 1), ("branch_pool", inputs, 192, 1, 1)]
    return [(f"{name}.{row[0]}", *row[1:]) for row in rows]


CONVOLUTIONS = [
    *_STEM,
    *_mixed_5("Mixed_5b", 192, 32),
    *_mixed_5("Mixed_5c", 256, 64),
    *_mixed_5("Mixed_5d", 288, 64),
    ("Mixed_6a.branch3x3", 288, 384, 3, 3),
    ("Mixed_6a.branch3x3dbl_1", 288, 64, 1, 1),
    ("Mixed_6a.branch3x3dbl_2", 64, 96, 3, 3),
    ("Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3),
    *_mixed_6("Mixed_6b", 128),
    *_mixed_6("Mixed_6c", 160),
    *_mixed_6("Mixed_6d", 160),
    *_mixed_6("Mixed_6e", 192),
    ("Mixed_7a.branch3x3_1", 768, 192, 1, 1),
    ("Mixed_7a.branch3x3_2", 192, 320, 3, 3),
    ("Mixed_7a.branch7x7x3_1", 768, 192, 1, 1),
    ("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7),
    ("Mixed_7a.branch7x7x3_3", 192, 192, 7, 1),
    ("Mixed_7a.branch7x7x3_4", 192, 192, 3, 3),
    *_mixed_7("Mixed_7b", 1280),
    *_mixed_7("Mixed_7c", 2048),
]


def drawn_weights():
    """Returns arrays by name, of a spread that keeps activations of one size through the network."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, inputs, channels, height, width in CONVOLUTIONS:
        deviation = math.sqrt(2 / (inputs * height * width))
        kernel = rng.standard_normal((channels, inputs, height, width), np.float32) * np.float32(deviation)
        arrays[f"{name}.conv.weight"] = kernel
        ranges = {"weight": (0.8, 1.2), "bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "running_var": (0.5, 1.5)}
        for part, (low, high) in ranges.items():
            arrays[f"{name}.bn.{part}"] = rng.uniform(low, high, channels).astype(np.float32)
        arrays[f"{name}.bn.num_batches_tracked"] = np.array(0, np.int64)
    arrays["fc.weight"] = rng.standard_normal((1008, 2048), np.float32) * np.float32(0.03)
    arrays["fc.bias"] = rng.standard_normal(1008, np.float32)
    return arrays


def write_state_dict(path, arrays):
    """Writes arrays as `torch.save` writes a state dict."""
    state_dict, storages = collections.OrderedDict(), []
    for number, (name, array) in enumerate(arrays.items()):
        storages.append(Numbers(str(number), np.asarray(array, order="C").reshape(-1)))
        strides = tuple(stride // array.itemsize for stride in np.asarray(array, order="C").strides)
        state_dict[name] = Tensor(storages[-1], 0, array.shape, strides)
    with names_of_torch():
        path.write_bytes(legacy_bytes(state_dict, storages))
