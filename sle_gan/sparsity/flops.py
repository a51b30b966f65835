"""Theoretical cost: multiply-accumulates (MACs) of each layer, and of training.

One MAC is two floating-point operations. Convolutions and dense layers are counted, as papers on sparse GANs do;
normalization, activations and resampling are not. The numbers say what hardware that skips zeros would do; dense
kernels take the time of all their weights.

Source: the counting of STU-GAN, Liu et al. 2022.
"""

import math

import tf_keras as keras


def layer_macs(network):
    """Counts the MACs of each layer for one image, with every weight alive.

    Args:
        network: a built functional `keras.Model` of static height and width; models within it are looked through.

    Returns:
        Whole numbers by the layer's name, those of nested models before it, joined by `/`. A layer that is called
        twice counts twice. A `SpectralUpConv2D` counts as its definition, a convolution of the doubled map, although
        it computes the same sums with fewer products.

    Raises:
        ValueError: if a map has no static size.
    """
    macs = {}
    for path, node in _calls(network, ""):
        layer = node.layer
        kernel = getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))
        if kernel is None:
            continue
        # Every weight meets every position of the output; where strides spread the input out, every one of that.
        shape = node.input_shapes if isinstance(layer, keras.layers.Conv2DTranspose) else node.output_shapes
        positions = shape[1:-1]
        if None in positions:
            raise ValueError(f"the map of {path} must have a static size to be counted; got {shape}")
        macs[path] = macs.get(path, 0) + kernel.shape.num_elements() * math.prod(positions)
    return macs


def network_macs(macs, densities):
    """Adds up the MACs of a network whose kernels are partly pruned.

    Args:
        macs: of each layer; see `layer_macs`.
        densities: share of live weights by layer, in [0, 1]; a layer without is dense.

    Returns:
        MACs for one image.
    """
    return math.fsum(count * densities.get(layer, 1.0) for layer, count in macs.items())


def training_macs_per_step(generator_macs, discriminator_macs, batch_size, n_critic):
    """Returns the MACs of one generator step and the discriminator steps that go with it.

    A backward pass counts as two forward passes: the gradients of the weights and of the input.

    Args:
        generator_macs: of one image.
        discriminator_macs: of one image.
        batch_size: images in each step, for both networks.
        n_critic: discriminator steps for each generator step.

    Returns:
        MACs: for the discriminator's steps a forward of the generator, and forward and backward of the discriminator
        on reals and fakes; for the generator's step forward and backward of it, and the discriminator's forward and
        the gradient of its input.
    """
    return batch_size * ((n_critic + 3) * generator_macs + (6 * n_critic + 2) * discriminator_macs)


def _calls(network, prefix):
    for nodes in network._nodes_by_depth.values():  # Keras 2 has no public list of a model's calls
        for node in nodes:
            path = f"{prefix}{node.layer.name}"
            if isinstance(node.layer, keras.Model):
                yield from _calls(node.layer, f"{path}/")
            else:
                yield path, node
