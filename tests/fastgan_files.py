"""Checkpoints of FastGAN, written byte by byte, with every name and shape of those that its authors' code writes."""

import collections
from pathlib import Path

import numpy as np
from torch_files import Numbers, Tensor, zip_bytes

NAMES = Path(__file__).with_name("data") / "fastgan_checkpoint.txt"  # `benchmarks/peers` wrote them, at width 8


def names_and_shapes(side):
    """Returns the shapes of the generator's `g` and the discriminator's `d`, by the names of their tensors."""
    shapes = {"g": {}, "d": {}}
    for line in NAMES.read_text().splitlines():
        of_side, network, name, shape = line.split()
        if int(of_side) == side:
            shapes[network][name] = () if shape == "-" else tuple(map(int, shape.split("x")))
    return shapes


def random_checkpoint(side, seed=0):
    """Returns the arrays of both networks; singular vectors have the length 1, variances are above 0."""
    rng = np.random.default_rng(seed)
    networks = {}
    for network, shapes in names_and_shapes(side).items():
        table = {}
        for name, shape in shapes.items():
            array = rng.normal(size=shape)
            if name.endswith(("weight_u", "weight_v")):
                array = _after_two_steps(table, name, array)
            elif name.endswith("running_var"):
                array = array**2 + 0.2
            table[name] = array.astype(np.int64 if name.endswith("tracked") else np.float32)
        networks[network] = table
    return networks


def _after_two_steps(table, name, array):
    """Returns u as chance has it, and v so that the two lie near those of a trained layer."""
    layer, _, which = name.rpartition(".")
    kernel = table[f"{layer}.weight_orig"].astype(float)
    matrix = (np.moveaxis(kernel, 1, 0) if layer == "init.init.0" else kernel).reshape(len(array), -1)
    if which == "weight_u":
        array = matrix @ (matrix.T @ array)
    else:
        matrix = matrix.reshape(len(table[f"{layer}.weight_u"]), -1)
        array = matrix.T @ table[f"{layer}.weight_u"]
    return array / np.linalg.norm(array)


def checkpoint_bytes(parts):
    """Returns a file of parts: arrays by name, or lists of arrays; all else is pickled as it is."""
    storages = []

    def tensor(array):
        storages.append(Numbers(str(len(storages)), np.ascontiguousarray(array).reshape(-1)))
        strides = [int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)]
        return Tensor(storages[-1], 0, array.shape, tuple(strides))

    content = {}
    for part, arrays in parts.items():
        if isinstance(arrays, np.ndarray):
            content[part] = tensor(arrays)
        elif isinstance(arrays, list):
            content[part] = [tensor(array) for array in arrays]
        elif isinstance(arrays, dict) and all(isinstance(array, np.ndarray) for array in arrays.values()):
            content[part] = collections.OrderedDict((name, tensor(array)) for name, array in arrays.items())
        else:
            content[part] = arrays
    return zip_bytes(content, storages)
