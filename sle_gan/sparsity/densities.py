"""How the live weights of a network are distributed over its layers."""

import math
from collections.abc import Mapping, Sequence


def uniform(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    """Gives every layer the same density.

    Args:
        shapes: shapes of the kernels, by layer.
        density: share of all weights that live, in (0, 1].

    Returns:
        Densities by layer.
    """
    return dict.fromkeys(shapes, density)


def erdos_renyi_kernel(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    """Gives larger layers lower densities, proportional to sum(shape) / prod(shape).

    A layer whose density would be above 1 is dense, and the densities of the others are scaled to keep the mean.

    Args:
        shapes: shapes of the kernels, by layer, including height and width.
        density: share of all weights that live, in (0, 1].

    Returns:
        Densities by layer. Their mean, weighted by the size of the layers, is `density`.

    Source: Evci et al. 2020, arXiv:1911.11134, Erdos-Renyi-Kernel; used by STU-GAN (Liu et al. 2022).
    """
    size = {layer: math.prod(shape) for layer, shape in shapes.items()}
    raw = {layer: sum(shape) / size[layer] for layer, shape in shapes.items()}
    dense: set[str] = set()
    while True:
        sparse = [layer for layer in shapes if layer not in dense]
        wanted = density * sum(size.values()) - sum(size[layer] for layer in dense)
        if not sparse:
            return dict.fromkeys(shapes, 1.0)
        scale = wanted / sum(raw[layer] * size[layer] for layer in sparse)
        largest = max(raw[layer] for layer in sparse)
        if scale * largest <= 1.0:
            return {layer: 1.0 if layer in dense else scale * raw[layer] for layer in shapes}
        dense |= {layer for layer in sparse if raw[layer] == largest}
