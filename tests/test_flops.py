import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import SpectralConv2DTranspose, SpectralUpConv2D
from sle_gan.models import MODELS
from sle_gan.sparsity.flops import layer_macs, network_macs, training_macs_per_step
from sle_gan.sparsity.masks import prunable_kernels


def counted(layer, shape):
    inputs = keras.Input(shape)
    return next(iter(layer_macs(keras.Model(inputs, layer(inputs))).values()))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (keras.layers.Conv2D(5, 3, 2, "same"), (8, 8, 2), 3 * 3 * 2 * 5 * 4 * 4),
        (keras.layers.Conv2D(5, 3), (8, 8, 2), 3 * 3 * 2 * 5 * 6 * 6),
        (keras.layers.Conv2DTranspose(5, 4, 2, "same"), (8, 8, 2), 4 * 4 * 2 * 5 * 8 * 8),
        (SpectralConv2DTranspose(5, 4), (1, 1, 2), 4 * 4 * 2 * 5),
        (SpectralUpConv2D(5), (16, 16, 2), 3 * 3 * 2 * 5 * 32 * 32),
        (keras.layers.DepthwiseConv2D(3, 2, "same"), (8, 8, 6), 3 * 3 * 6 * 4 * 4),
        (keras.layers.Dense(7), (11,), 7 * 11),
    ],
)
def test_a_layer_costs_what_is_computed_by_hand(layer, shape, expected):
    assert counted(layer, shape) == expected


def test_nested_models_are_looked_through_and_a_second_call_counts_again():
    inner = keras.Sequential([keras.Input([4, 4, 2]), keras.layers.Conv2D(2, 1, name="point")], name="inner")
    inputs = keras.Input([4, 4, 2])
    twice = keras.Model(inputs, inner(inner(inputs)))
    assert layer_macs(twice) == {"inner/point": 2 * 2 * 2 * 16}


def test_the_same_layer_in_another_model_does_not_count_here():
    shared = keras.layers.Conv2D(2, 1, name="point")
    first, second = keras.Input([4, 4, 2]), keras.Input([8, 8, 2])
    model = keras.Model(first, shared(first))
    keras.Model(second, shared(second))
    assert layer_macs(model) == {"point": 2 * 2 * 16}


def test_a_map_without_a_size_is_told():
    inputs = keras.Input([None, None, 2])
    with pytest.raises(ValueError, match="the map of point must have a static size"):
        layer_macs(keras.Model(inputs, keras.layers.Conv2D(2, 1, name="point")(inputs)))


@pytest.mark.parametrize("name", MODELS)
def test_every_kernel_that_can_be_pruned_is_counted_under_its_own_name(name):
    module = MODELS[name].module()
    graph = module.training_graph(module.generator(64, 3, 8, 0), module.discriminator(64, 3, 8, 0))
    for network in (graph.generator, graph.discriminator):
        assert set(prunable_kernels(network)) <= set(layer_macs(network))


@pytest.mark.filterwarnings("ignore")  # the profiler is of TensorFlow 1
def test_fastgans_convolutions_agree_with_tensorflows_profiler():
    module = MODELS["fastgan"].module()
    network = module.training_graph(module.generator(64, 3, 8, 0), module.discriminator(64, 3, 8, 0)).discriminator
    inputs = [tf.TensorSpec([1, *image.shape[1:]]) for image in network.inputs]
    step = tf.function(lambda *images: network(images, training=False)).get_concrete_function(*inputs)
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    profile = tf.compat.v1.profiler.profile(step.graph, cmd="op", options=options.build())
    convolutions = next(child for child in profile.children if child.name == "Conv2D")
    assert convolutions.float_ops == 2 * sum(layer_macs(network).values())


def test_pruned_weights_are_not_counted():
    assert network_macs({"a": 100, "b": 10}, {"a": 0.25}) == 35


def test_a_training_step_costs_what_is_computed_by_hand():
    # A generator of 10 MACs and a discriminator of 1, two images, five discriminator steps: the generator draws
    # 5 times, and draws once with its backward pass (3); the discriminator sees reals and fakes 5 times with
    # backward passes (6), and once with the gradient of the image (2).
    assert training_macs_per_step(10, 1, 2, 5) == 2 * (10 * (5 + 3) + 1 * (5 * 6 + 2))


def test_upsampling_is_counted_by_its_definition_and_by_numpy():
    layer = SpectralUpConv2D(3)
    inputs = keras.Input([16, 16, 2])
    network = keras.Model(inputs, layer(inputs))
    assert layer_macs(network) == {layer.name: int(np.prod(layer.kernel.shape)) * 32 * 32}
