import re

import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import SpectralConv2D, SpectralConv2DTranspose, SpectralUpConv2D
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.sparsity.flops import layer_macs, network_macs, training_macs_per_step

L = keras.layers


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (L.Conv2D(5, 3, padding="same"), (8, 6, 2), 3 * 3 * 2 * 5 * 8 * 6),
        (L.Conv2D(5, (3, 1), strides=2, use_bias=False), (9, 8, 2), 3 * 1 * 2 * 5 * 4 * 4),
        (L.Conv2D(6, 3, groups=2), (8, 8, 4), 3 * 3 * 2 * 6 * 6 * 6),
        (L.Conv2DTranspose(5, 4, strides=2, padding="same"), (8, 6, 2), 4 * 4 * 2 * 5 * 8 * 6),
        (L.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4), 3 * 3 * 4 * 2 * 6 * 6),
        (L.SeparableConv2D(5, 3, padding="same"), (8, 8, 4), (3 * 3 * 4 + 4 * 5) * 8 * 8),
        (L.Dense(5), (7,), 7 * 5),
        (L.Dense(5), (3, 7), 3 * 7 * 5),
        (SpectralConv2D(5, 4, strides=2, padding="same"), (8, 8, 2), 4 * 4 * 2 * 5 * 4 * 4),
        (SpectralConv2DTranspose(5, 4), (1, 1, 2), 4 * 4 * 2 * 5),
        (SpectralUpConv2D(5), (8, 8, 2), 3 * 3 * 2 * 5 * 16 * 16),  # computed as it is defined
        (SpectralUpConv2D(5), (16, 16, 2), 3 * 3 * 2 * 5 * 32 * 32),  # computed in the faster form
    ],
    ids=lambda value: value.name if isinstance(value, L.Layer) else None,
)
def test_a_layer_counts_what_is_counted_by_hand(layer, shape, macs):
    inputs = keras.Input(shape)
    assert layer_macs(keras.Model(inputs, layer(inputs))) == {layer.name: macs}


def test_layers_without_a_kernel_are_not_named():
    x = inputs = keras.Input([4, 4, 2])
    for layer in (L.BatchNormalization(), L.ReLU(), L.AveragePooling2D(), L.Flatten(), L.Dense(3, name="last")):
        x = layer(x)
    assert layer_macs(keras.Model(inputs, tf.nn.tanh(x))) == {"last": 2 * 2 * 2 * 3}


def test_a_layer_that_is_called_twice_counts_both_maps():
    layer = L.Conv2D(2, 3, padding="same", name="shared")
    large = keras.Input([8, 8, 2])
    small = L.AveragePooling2D()(large)
    assert layer_macs(keras.Model(large, [layer(large), layer(small)])) == {"shared": 3 * 3 * 2 * 2 * (64 + 16)}


def test_calls_in_another_model_do_not_count():
    layer = L.Conv2D(2, 3, padding="same", name="shared")
    here, elsewhere = keras.Input([4, 4, 2]), keras.Input([16, 16, 2])
    model, _ = keras.Model(here, layer(here)), keras.Model(elsewhere, layer(elsewhere))
    assert layer_macs(model) == {"shared": 3 * 3 * 2 * 2 * 16}


def test_nested_models_are_looked_through_as_often_as_they_are_called():
    inner = keras.Sequential([keras.Input([4]), L.Dense(4, name="dense")], name="inner")
    middle_inputs = keras.Input([4])
    middle = keras.Model(middle_inputs, inner(L.Dense(4, name="dense")(middle_inputs)), name="middle")
    inputs = keras.Input([4])
    outer = keras.Model(inputs, middle(middle(inputs)), name="outer")
    assert layer_macs(outer) == {"middle/dense": 32, "middle/inner/dense": 32}


def test_a_map_of_no_static_size_and_a_model_of_no_graph_are_told():
    inputs = keras.Input([None, 8, 2])
    with pytest.raises(ValueError, match=r"the size of the map of free must be static; got \[None, 6\]"):
        layer_macs(keras.Model(inputs, L.Conv2D(2, 3, name="free")(inputs)))
    with pytest.raises(ValueError, match="only the layers of a functional model can be counted; got unbuilt"):
        layer_macs(keras.Sequential([L.Dense(3)], name="unbuilt"))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=pytest.mark.slow if name == "alphagan-supernet" else (), id=row.file)
        for table in (GENERATORS, DISCRIMINATORS)
        for name, row in table.items()
    ],
)
def test_every_kernel_of_rank_four_of_every_network_is_counted_at_every_position(row):
    network = row.build(64, 3, 8, 0)
    macs = layer_macs(network)
    kernels = {v.name.rpartition("/")[0]: v for v in network.trainable_variables if v.shape.rank == 4}
    assert len(kernels) >= 10
    for layer, kernel in kernels.items():
        counts = [count for path, count in macs.items() if path.rpartition("/")[2] == layer]
        assert len(counts) == 1, layer
        assert counts[0] >= kernel.shape.num_elements()
        assert counts[0] % kernel.shape.num_elements() == 0


def profiled(network):
    """TensorFlow's own count of the floating-point operations of a forward pass, by kind."""
    signature = [tf.TensorSpec([1, *inputs.shape[1:]], inputs.dtype) for inputs in network.inputs]
    forward = tf.function(lambda images: network(images, training=False)).get_concrete_function(*signature)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    kind = tf.compat.v1.profiler.profile(forward.graph, cmd="op", options=options)
    counts = {}
    while kind.children:  # each kind hangs below the one before it
        (kind,) = kind.children
        counts[kind.name] = kind.float_ops
    return counts


@pytest.mark.parametrize(("table", "faster_layers"), [(GENERATORS, 2), (DISCRIMINATORS, 6)], ids=["G", "D"])
def test_fastgans_totals_are_those_of_tensorflows_profiler(table, faster_layers):
    network = table["fastgan"].build(64, 3, 8, 0)
    macs = layer_macs(network)
    counts = profiled(network)
    # From 16 px on, doubling and convolving are one transposed convolution, with 16 products for 36.
    faster = {layer for layer in macs if re.search(r"(up|decode\w*)(32|64)_conv1?$", layer)}
    assert len(faster) == faster_layers
    transposed = sum(macs[layer] * 16 // 36 for layer in faster)
    # Of a transposed convolution TensorFlow counts the positions of the output, over the strides.
    transposed += macs.get("start", 0) * 4 * 4
    assert counts["Conv2DBackpropInput"] == 2 * transposed
    assert counts["Conv2D"] == 2 * sum(count for layer, count in macs.items() if layer not in faster | {"start"})


def test_a_density_scales_its_layer_and_the_others_are_dense():
    assert network_macs({"a": 1000, "b": 100, "c": 10}, {"a": 0.25, "c": 0}) == 350
    assert network_macs({"a": 1000, "b": 100}, {}) == 1100


@pytest.mark.parametrize(
    ("densities", "told"),
    [({"x": 1}, "of layers that were counted; got 'x'"), ({"a": 1.5}, "density of a must be from 0 to 1; got 1.5")],
)
def test_a_density_of_nothing_or_beyond_one_is_told(densities, told):
    with pytest.raises(ValueError, match=told):
        network_macs({"a": 10}, densities)


@pytest.mark.paper("STU-GAN", "Liu et al. 2022, STU-GAN", "passes of both networks in a step")
def test_a_training_step_is_what_is_counted_by_hand():
    # FastGAN, one step each, 8 images: 8 x (1 + 3) passes of the generator, 8 x (6 + 2) of the discriminator.
    assert training_macs_per_step(100, 10, batch_size=8, n_critic=1) == 32 * 100 + 64 * 10
    # SNGAN, five steps of the discriminator: 64 x (5 + 3), 64 x (30 + 2).
    assert training_macs_per_step(100, 10, batch_size=64, n_critic=5) == 512 * 100 + 2048 * 10
