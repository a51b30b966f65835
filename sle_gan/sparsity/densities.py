"""How a density is shared out among the layers of a network."""

import math


def uniform(shapes, density):
    """Gives every layer the same density.

    Args:
        shapes: shapes of the kernels, by layer.
        density: share of all weights that live, in (0, 1].

    Returns:
        Densities by layer.
    """
    return dict.fromkeys(shapes, density)


def erdos_renyi_kernel(shapes, density):
    """Gives larger layers lower densities: that of a layer is proportional to sum(shape) / prod(shape).

    Layers that would come out above 1 are dense, and the others make up for it.

    Args:
        shapes: shapes of the kernels, by layer, kernel sides included.
        density: share of all weights that live, in (0, 1].

    Returns:
        Densities by layer; weighted by size, their mean is `density`.

    Source: Evci et al. 2020, arXiv:1911.11134, Erdos-Renyi-Kernel; used by STU-GAN (Liu et al. 2022).
    """
    size = {layer: math.prod(shape) for layer, shape in shapes.items()}
    raw = {layer: sum(shape) / size[layer] for layer, shape in shapes.items()}
    dense = set()
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
