"""What a network and a training step cost in theory: multiply-accumulates (MACs), by layer.

A MAC is a multiplication and an addition, two floating-point operations. Those of kernels are counted;
normalization, activations, resampling and the products of attention maps are not. Dense hardware does the work of
pruned weights too, so these numbers say nothing of time.

Source: Liu et al. 2022, "Don't Be So Dense: Sparse-to-Sparse GAN Training Without Sacrificing Performance".
"""

import math
from collections import Counter

import tf_keras as keras

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def layer_macs(network):
    """Counts the MACs that each layer's kernel takes for one image, with all weights alive.

    A weight is used once at each position of the layer's output, or, in a transposed convolution, at each of its
    input; products with the padding count. What a layer computes in a faster form counts as its definition:
    `SpectralUpConv2D` is a convolution of the doubled map.

    Args:
        network: a functional `keras.Model`, channels last; models in it are looked through.

    Returns:
        A dictionary of whole numbers by the layer's name, which follows those of the models that it is in, joined
        by `/`. A layer that is called twice counts twice.

    Raises:
        ValueError: if the network is not functional, or a map's size is not static.
    """
    macs = Counter()
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


def network_macs(macs, densities):
    """Adds up the MACs of a network of which a part of the weights is alive.

    Args:
        macs: numbers by layer, as `layer_macs` returns them.
        densities: the live part of a layer's kernel, in [0, 1], by the same names; the layers that are not named
            are dense.

    Returns:
        MACs for one image, a float.

    Raises:
        ValueError: if a density is out of range, or of a layer that is not there.
    """
    for layer, density in densities.items():
        if layer not in macs:
            raise ValueError(f"densities must be of layers that were counted; got {layer!r}")
        if not 0 <= density <= 1:
            raise ValueError(f"the density of {layer} must be from 0 to 1; got {density}")
    return math.fsum(count * densities.get(layer, 1) for layer, count in macs.items())


def training_macs_per_step(generator_macs, discriminator_macs, batch_size, n_critic):
    """Counts the MACs of one step of the generator and the discriminator's steps that go with it.

    A backward pass is two forward ones: a gradient of the weights and one of the input. Each of the discriminator's
    steps draws fakes, and passes reals and fakes forward and backward. The generator's step passes the generator
    forward and backward, and the discriminator forward and back to its input.

    Args:
        generator_macs: for one image.
        discriminator_macs: for one image.
        batch_size: fakes in a step of the generator; reals, and fakes, in one of the discriminator.
        n_critic: steps of the discriminator.

    Returns:
        MACs, of the type of the first two.
    """
    generator_passes = (n_critic + 3) * batch_size
    discriminator_passes = (6 * n_critic + 2) * batch_size
    return generator_passes * generator_macs + discriminator_passes * discriminator_macs


def _calls(network, prefix=""):
    """Yields (path, Keras node) of each call of a layer, in the order of the graph."""
    if not getattr(network, "_is_graph_network", False):
        raise ValueError(f"only the layers of a functional model can be counted; got {network.name}")
    # Public lists are of layers. Those of their calls hold calls in other models too.
    for depth in sorted(network._nodes_by_depth, reverse=True):
        for node in network._nodes_by_depth[depth]:
            path = prefix + node.layer.name
            if isinstance(node.layer, keras.Model):
                yield from _calls(node.layer, f"{path}/")
            else:
                yield path, node
