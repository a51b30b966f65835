"""What a network and a training step cost in theory: multiply-accumulates (MACs), by layer.

A MAC is a multiplication and an addition, two floating-point operations. Only kernels are counted: not normalization,
activations, resampling or the products of attention maps. Dense hardware multiplies by pruned weights too, so these
numbers say nothing about time.

Source: Liu et al. 2022, "Don't Be So Dense: Sparse-to-Sparse GAN Training Without Sacrificing Performance".
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import tf_keras as keras

from sle_gan.keras_version import needs_keras_2

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


@needs_keras_2
def layer_macs(network: keras.Model) -> dict[str, int]:
    """Counts the MACs of each layer's kernel for one image, with all weights alive.

    A weight is used once at each position of the layer's output; in a transposed convolution, at each position of its
    input. Products with the padding count. A layer that computes in a faster way is counted by its definition:
    `SpectralUpConv2D` counts as a convolution of the upsampled map.

    Args:
        network: a functional `keras.Model`, channels last; nested models are included.

    Returns:
        MACs by layer. The name of a layer comes after the names of the models that it is nested in, joined by `/`. A
        layer that is called twice counts twice.

    Raises:
        ValueError: if the network is not functional, or a map's size is not static.
    """
    macs: Counter[str] = Counter()
    for path, node in _calls(network):
        kernels = [getattr(node.layer, name) for name in _KERNELS if getattr(node.layer, name, None) is not None]
        if not kernels:
            continue
        transposed = isinstance(node.layer, keras.layers.Conv2DTranspose)
        _, *positions, _ = node.input_shapes if transposed else node.output_shapes
        if None in positions:
            raise ValueError(f"the size of the map of {path} must be static; got {positions}")
        macs[path] += math.prod(positions) * sum(kernel.shape.num_elements() for kernel in kernels)
    return dict(macs)


def network_macs(macs: Mapping[str, int], densities: Mapping[str, float]) -> float:
    """Adds up the MACs of a network, counting live weights only.

    Args:
        macs: MACs by layer, as `layer_macs` returns them.
        densities: share of live weights in [0, 1], by layer; layers that are missing are dense.

    Returns:
        MACs for one image, a float.

    Raises:
        ValueError: if a density is out of range, or its layer is not in `macs`.
    """
    for layer, density in densities.items():
        if layer not in macs:
            raise ValueError(f"densities must be of layers that were counted; got {layer!r}")
        if not 0 <= density <= 1:
            raise ValueError(f"the density of {layer} must be from 0 to 1; got {density}")
    return math.fsum(count * densities.get(layer, 1) for layer, count in macs.items())


def training_macs_per_step(generator_macs: float, discriminator_macs: float, batch_size: int, n_critic: int) -> float:
    """Counts the MACs of one generator step and the discriminator steps that go with it.

    A backward pass costs two forward passes: one for the gradient of the weights and one for that of the input. A
    discriminator step draws fakes (one forward pass of the generator), and takes reals and fakes forward and backward
    through the discriminator. A generator step goes forward and backward through the generator, and forward and back
    to the input through the discriminator.

    Args:
        generator_macs: for one image.
        discriminator_macs: for one image.
        batch_size: number of fakes in a generator step; number of reals and of fakes in a discriminator step.
        n_critic: discriminator steps for each generator step.

    Returns:
        MACs, of the type of the first two arguments.
    """
    generator_passes = (n_critic + 3) * batch_size
    discriminator_passes = (6 * n_critic + 2) * batch_size
    return generator_passes * generator_macs + discriminator_passes * discriminator_macs


def _calls(network: keras.Model, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, Keras node) of each call of a layer, in the order of the graph."""
    if not getattr(network, "_is_graph_network", False):
        raise ValueError(f"only the layers of a functional model can be counted; got {network.name}")
    # Keras has public lists of layers, but no public list of the calls in one model.
    for depth in sorted(network._nodes_by_depth, reverse=True):
        for node in network._nodes_by_depth[depth]:
            path = prefix + node.layer.name
            if isinstance(node.layer, keras.Model):
                yield from _calls(node.layer, f"{path}/")
            else:
                yield path, node
