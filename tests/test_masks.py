import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import SpectralConv2D
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.sparsity.kernels import prunable_kernels
from sle_gan.sparsity.masks import Masks, reset_slots
from sle_gan.sparsity.selection import magnitude_masks


def small_network(seed=0):
    inputs = keras.Input([8, 8, 3])
    x = keras.layers.Conv2D(6, 3, name="first", kernel_initializer=keras.initializers.RandomNormal(seed=seed))(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    inner = keras.Sequential([keras.Input([6, 6, 6]), SpectralConv2D(4, 3, name="second")], name="inner")
    x = keras.layers.Flatten()(inner(x))
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(x))


def half_pruned(network, average=None, track_gradients=False):
    masks = Masks(network, average, track_gradients=track_gradients)
    masks.set(magnitude_masks(masks.weights(), 0.5))
    return masks


def training_step(network, masks, optimizer, images):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(images, training=True) ** 2)
    gradients = tape.gradient(loss, network.trainable_variables)
    optimizer.apply_gradients(
        zip(masks.masked(gradients, network.trainable_variables), network.trainable_variables, strict=True)
    )
    masks.enforce()
    return loss


IMAGES = tf.random.stateless_normal([4, 8, 8, 3], [0, 1])


def test_kernels_of_nested_models_and_custom_layers_are_found_and_nothing_else():
    network = small_network()
    kernels = prunable_kernels(network)
    assert list(kernels) == ["first", "inner/second"]
    assert kernels["inner/second"] is network.get_layer("inner").get_layer("second").kernel


def test_the_scope_of_all_holds_every_trainable_weight():
    network = small_network()
    kernels = prunable_kernels(network, "all")
    assert {id(v) for v in kernels.values()} == {id(v) for v in network.trainable_variables}
    assert {"first", "first.bias", "norm.gamma", "head.kernel"} <= set(kernels)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=pytest.mark.slow if name == "alphagan-supernet" else (), id=row.file)
        for table in (GENERATORS, DISCRIMINATORS)
        for name, row in table.items()
    ],
)
def test_every_convolution_of_every_network_is_found(row):
    network = row.build(64, 3, 8, 0)
    convolutions = [v for v in network.trainable_variables if v.shape.rank == 4]
    of_rank_four = {id(v) for v in convolutions if "depthwise_kernel" not in v.name}
    assert {id(v) for v in prunable_kernels(network).values()} == of_rank_four


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(0.1),
        keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True),
        keras.optimizers.RMSprop(0.1),
    ],
    ids=lambda optimizer: optimizer.name,
)
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_pruned_weights_are_zero_through_every_optimizer_step(optimizer, jit_compile):
    optimizer = type(optimizer).from_config(optimizer.get_config())
    network = small_network()
    masks = Masks(network)
    optimizer.build(network.trainable_variables)
    step = tf.function(lambda: training_step(network, masks, optimizer, IMAGES), jit_compile=jit_compile)
    for _ in range(3):  # momentum is there when they are pruned
        step()
    masks.set(magnitude_masks(masks.weights(), 0.5))
    dead = [~mask for mask in masks.read()]
    start = masks.weights()
    for _ in range(4):
        step()
        for weights, where in zip(masks.weights(), dead, strict=True):
            assert not weights[where].any()
    for before, after, where in zip(start, masks.weights(), dead, strict=True):
        assert (before != after)[~where].any()


def test_gradients_of_pruned_weights_are_zero_and_the_others_untouched():
    network = small_network()
    masks = half_pruned(network, track_gradients=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(IMAGES, training=True) ** 2)
    variables = network.trainable_variables
    gradients = tape.gradient(loss, variables)
    masked = masks.masked([*gradients[:-1], None], variables)
    assert masked[-1] is None
    by_kernel = {id(kernel): mask for kernel, mask in zip(masks.kernels, masks.read(), strict=True)}
    for variable, before, after in zip(variables[:-1], gradients, masked, strict=False):
        expected = before.numpy() * by_kernel.get(id(variable), 1.0)
        np.testing.assert_array_equal(after, expected)
    dense = [g.numpy() for g, v in zip(gradients, variables, strict=True) if id(v) in by_kernel]
    for kept, gradient in zip(masks.gradients(), dense, strict=True):
        np.testing.assert_array_equal(kept, gradient)


def test_counts_are_exact_and_densities_are_those_of_the_masks():
    network = small_network()
    for kernel in prunable_kernels(network).values():
        kernel.assign(tf.round(kernel * 10))  # many ties
    masks = half_pruned(network)
    assert masks.live_weights() == 162 // 2 + 216 // 2
    assert masks.densities() == {"first": 0.5, "inner/second": 0.5}
    assert masks.density() == 0.5


def test_regrown_weights_start_from_zero_in_the_network_and_its_average():
    network, average = small_network(), small_network()
    masks = half_pruned(network, average)
    dead = [~mask for mask in masks.read()]
    for kernel, where in zip(prunable_kernels(average).values(), dead, strict=True):
        assert not kernel.numpy()[where].any()
        assert kernel.numpy()[~where].all()
    masks.set([mask | True for mask in dead])
    for kernel, where in zip(masks.kernels, dead, strict=True):
        assert not kernel.numpy()[where].any()
    assert masks.density() == 1.0


def test_the_average_of_a_weight_that_has_just_grown_is_the_weight_itself_once():
    network, average = small_network(0), small_network(1)
    masks = half_pruned(network, average, track_gradients=True)
    before = masks.read()
    masks.set([mask | True for mask in before])
    for kernel in masks.kernels:
        kernel.assign(tf.ones_like(kernel))
    for _ in range(2):
        masks.follow_growth()
        for kernel, mask in zip(masks.averages, before, strict=True):
            assert np.array_equal(kernel.numpy() == 1.0, ~mask)
        for kernel in masks.kernels:
            kernel.assign(tf.fill(kernel.shape, 2.0))


def test_slots_of_chosen_weights_are_reset_and_no_others():
    network = small_network()
    masks = Masks(network)
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(network.trainable_variables)
    training_step(network, masks, optimizer, IMAGES)
    before = [variable.numpy() for variable in optimizer.variables]
    chosen = [np.arange(np.size(w)).reshape(w.shape) % 2 == 0 for w in masks.weights()]
    reset_slots(optimizer, masks.kernels, chosen)
    changed = 0
    for old, variable in zip(before, optimizer.variables, strict=True):
        new = variable.numpy()
        where = [c for c in chosen if c.shape == np.shape(new)]
        if where:
            np.testing.assert_array_equal(new, np.where(where[0], 0.0, old))
            changed += 1
        else:
            np.testing.assert_array_equal(new, old)
    assert changed == 4


def test_masks_survive_a_checkpoint(tmp_path):
    masks = half_pruned(small_network())
    path = tf.train.Checkpoint(**masks.checkpoint_items()).save(str(tmp_path / "ckpt"))
    again = Masks(small_network())
    tf.train.Checkpoint(**again.checkpoint_items()).restore(path).assert_consumed()
    for a, b in zip(masks.read(), again.read(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_network_is_saved_without_its_masks():
    network = small_network()
    names = [variable.name for variable in network.variables]
    half_pruned(network)
    assert [variable.name for variable in network.variables] == names
