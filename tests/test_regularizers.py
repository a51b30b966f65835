import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import judged_batch

from sle_gan.assembly.resolve import resolve
from sle_gan.models import DISCRIMINATORS, GENERATORS, Pair
from sle_gan.models.pairing import training_graph
from sle_gan.training.accumulation import Share
from sle_gan.training.diggan import SmoothedGap, diggan, gradient_gap
from sle_gan.training.gradient_penalty import gradient_penalty
from sle_gan.training.penalties import build_penalties
from sle_gan.training.r1 import r1, r1_penalty, r2
from sle_gan.training.regularizers import Regularizer, input_gradients

SEED = tf.constant([3, 4])


def drawn(number, batch=3, side=2, channels=2):
    return tf.random.stateless_normal([batch, side, side, channels], [number, 0])


def quadratic(images):
    """D(x) = 1/2 sum x^2 over the pixels: its gradient is the image itself. Two patches with that mean."""
    values = 0.5 * tf.reduce_sum(images**2, axis=[1, 2, 3])
    return tf.stack([values + 5.0, values - 5.0], axis=1)


def norms(images):
    return np.linalg.norm(images.numpy().reshape(len(images), -1), axis=1)


@pytest.mark.paper("R1", "Mescheder et al. 2018, arXiv:1801.04406, equation 9", "half the mean squared slope")
def test_r1_is_half_the_mean_squared_gradient_norm():
    images = drawn(1)
    assert float(r1_penalty(quadratic, images)) == pytest.approx(0.5 * np.mean(norms(images) ** 2), rel=1e-5)


@pytest.mark.paper(
    "DigGAN", "Fang, Sun & Schwing 2022, arXiv:2211.14694", "squared differences of slopes, image by image"
)
def test_the_gap_is_taken_image_by_image():
    reals, fakes = drawn(1), drawn(2)
    expected = np.mean((norms(fakes) - norms(reals)) ** 2)
    assert float(gradient_gap(quadratic, reals, fakes)) == pytest.approx(expected, rel=1e-5)
    # Means over the batch that agree hide nothing.
    assert float(gradient_gap(quadratic, reals, reals[::-1])) > 0.0
    assert float(gradient_gap(quadratic, reals, -reals)) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.paper(
    "Losses", "Gulrajani et al. 2017, arXiv:1704.00028, equation 3", "the gradient penalty between pairs"
)
def test_the_gradient_penalty_is_taken_between_the_two_images_of_a_pair():
    reals, fakes = drawn(1), drawn(2)
    shares = tf.random.stateless_uniform([3, 1, 1, 1], SEED)
    expected = np.mean((norms(reals + shares * (fakes - reals)) - 1) ** 2)
    assert float(gradient_penalty(quadratic, reals, fakes, SEED)) == pytest.approx(expected, rel=1e-5)


def test_a_discriminator_of_several_sizes_has_the_norm_over_all_of_them():
    pair = [drawn(1), drawn(2, side=1)]
    squared = input_gradients(lambda images: quadratic(images[0]) + 2 * quadratic(images[1]), pair)
    np.testing.assert_allclose(squared, norms(pair[0]) ** 2 + 4 * norms(pair[1]) ** 2, rtol=1e-5)


def test_images_of_another_rank_are_refused():
    with pytest.raises(ValueError, match="images must be of rank 4"):
        r1_penalty(quadratic, tf.zeros([2, 2, 2]))


def small_discriminator():
    """Smooth, so that finite differences are exact, with every kind of operation that the networks halve maps by."""
    images = keras.Input([8, 8, 2])
    x = keras.layers.Conv2D(4, 3, padding="same", activation="tanh")(images)
    x = keras.layers.Conv2D(4, 4, 2, padding="same")(x)
    x = tf.nn.avg_pool2d(tf.tanh(keras.layers.BatchNormalization()(x)), 2, 2, "VALID")
    return keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


PENALTIES = {
    "r1": lambda judge, reals, fakes: r1_penalty(judge, reals),
    "gradient penalty": lambda judge, reals, fakes: gradient_penalty(judge, reals, fakes, SEED),
    "gap": gradient_gap,
}


def assert_gradients_agree_with_finite_differences(model, penalty, step=1e-3, rel=2e-2, **function):
    """Along one direction through all weights, compiled as `function` says."""
    side, _, channels = model.input_shape[1:]
    reals, fakes = drawn(5, side=side, channels=channels), drawn(6, side=side, channels=channels)
    variables = model.trainable_variables

    @tf.function(**function)  # XLA draws other numbers than the graph
    def value():
        return penalty(lambda images: model(images, training=True), reals, fakes)

    @tf.function(**function)
    def gradients():
        with tf.GradientTape() as tape:
            total = value()
        return tape.gradient(total, variables, unconnected_gradients="zero")

    rng = np.random.default_rng(0)
    directions = [tf.constant(rng.normal(size=v.shape).astype("f")) for v in variables]
    state = [v.numpy() for v in model.non_trainable_variables]
    exact = float(tf.add_n([tf.reduce_sum(g * d) for g, d in zip(gradients(), directions, strict=True)]))
    start = [v.numpy() for v in variables]

    def moved(amount):
        for variable, before, direction in zip(variables, start, directions, strict=True):
            variable.assign(before + amount * direction)
        for variable, before in zip(model.non_trainable_variables, state, strict=True):
            variable.assign(before)
        return float(value())

    assert abs(exact) > 1e-3
    assert exact == pytest.approx((moved(step) - moved(-step)) / (2 * step), rel=rel)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
def test_gradients_to_the_weights_agree_with_finite_differences(penalty, jit_compile):
    keras.utils.set_random_seed(1)
    assert_gradients_agree_with_finite_differences(small_discriminator(), penalty, jit_compile=jit_compile)


@pytest.mark.paper(
    "R1", "Karras et al. 2020, arXiv:1912.04958, appendix B", "a lazy penalty's weight is multiplied by its interval"
)
def test_a_lazy_penalty_is_due_every_so_many_steps_and_its_mean_is_that_of_every_step():
    images = drawn(1)
    lazy = tf.function(
        lambda step: r1(gamma=3.0, interval_steps=4)(judged_batch(quadratic, images, images, SEED, step))[0]
    )
    values = [float(lazy(tf.constant(step, tf.int64))) for step in range(8)]
    expected = 4 * 3.0 * float(r1_penalty(quadratic, images))
    np.testing.assert_allclose(values, [expected, 0, 0, 0] * 2, rtol=1e-5)


@pytest.mark.paper(
    "DigGAN", "Fang, Sun & Schwing 2022, arXiv:2211.14694, code", "lambda is not multiplied by the interval"
)
def test_the_weight_of_the_gap_is_not_multiplied_by_its_interval():
    reals, fakes = drawn(1), drawn(2)
    value, _ = diggan(10.0, 5)(judged_batch(quadratic, reals, fakes, SEED, step=5))
    assert float(value) == pytest.approx(10 * float(gradient_gap(quadratic, reals, fakes)), rel=1e-5)


@pytest.mark.paper(
    "DigGAN",
    "Fang, Sun & Schwing 2022, arXiv:2211.14694, code",
    "slopes are smoothed by halves at each place of the batch",
)
def test_smoothed_norms_are_half_new_and_half_the_last_smoothed_ones_at_each_place():
    term = SmoothedGap(10.0, interval_steps=2, batch_size=3)
    call = tf.function(lambda reals, fakes, step: term(judged_batch(quadratic, reals, fakes, SEED, step))[0])
    smoothed = None
    for step in range(6):
        reals, fakes = drawn(2 * step), drawn(2 * step + 1)
        value = float(call(reals, fakes, tf.constant(step, tf.int64)))
        if step % 2:
            assert value == 0.0
        else:
            new = np.stack([norms(fakes), norms(reals)])
            smoothed = new if smoothed is None else 0.5 * new + 0.5 * smoothed
            assert value == pytest.approx(10 * np.mean((smoothed[0] - smoothed[1]) ** 2), rel=1e-4)
        np.testing.assert_allclose(term.norms, smoothed, rtol=1e-5)


def test_the_gradient_of_a_smoothed_gap_is_that_of_the_new_halves_alone():
    scale, reals, fakes = tf.Variable(1.0), drawn(1), drawn(2)

    def judge(images):  # its slopes are those of `quadratic`, times the scale
        return scale * quadratic(images)

    term = SmoothedGap(1.0, interval_steps=1, batch_size=3)
    gap = norms(fakes) - norms(reals)
    for _ in range(2):  # at first the old halves are the new ones, later they are equal to them
        with tf.GradientTape() as tape:
            value, _ = term(judged_batch(judge, reals, fakes, SEED))
        assert float(value) == pytest.approx(np.mean(gap**2), rel=1e-4)
        # d/ds of the mean of ((s / 2 + 1 / 2) gap)^2 at s = 1; 2 gap^2 without the smoothing.
        assert float(tape.gradient(value, scale)) == pytest.approx(np.mean(gap**2), rel=1e-4)


def test_shares_of_a_batch_have_places_of_their_own_among_the_norms():
    term = SmoothedGap(1.0, interval_steps=1, batch_size=6)
    for index in range(2):
        reals, fakes = drawn(index), drawn(index + 2)
        term(dataclasses.replace(judged_batch(quadratic, reals, fakes, SEED), share=Share(index, 2)))
        np.testing.assert_allclose(term.norms[:, 3 * index : 3 * index + 3], [norms(fakes), norms(reals)], rtol=1e-5)
        assert np.count_nonzero(term.norms) == 6 * (index + 1)


def test_devices_have_places_of_their_own_among_the_norms(two_replicas):
    with two_replicas.scope():
        term = SmoothedGap(1.0, interval_steps=2, batch_size=6)
    parts = [(drawn(0), drawn(2)), (drawn(1), drawn(3))]
    pairs = two_replicas.experimental_distribute_values_from_function(
        lambda context: parts[context.replica_id_in_sync_group]
    )

    @tf.function
    def call(step):
        return two_replicas.run(lambda pair: term(judged_batch(quadratic, *pair, SEED, step))[0], args=(pairs,))

    for step in range(4):  # at the second computation the new norms are the last ones
        values = two_replicas.experimental_local_results(call(tf.constant(step, tf.int64)))
        gaps = [np.mean((norms(fakes) - norms(reals)) ** 2) for reals, fakes in parts]
        np.testing.assert_allclose(values, [0.0, 0.0] if step % 2 else gaps, rtol=1e-4)
        expected = [np.concatenate([norms(part[kind]) for part in parts]) for kind in (1, 0)]
        np.testing.assert_allclose(term.norms, expected, rtol=1e-5)


def test_smoothed_norms_compile():
    call_of = {}
    for jit_compile in (False, True):
        term = SmoothedGap(1.0, interval_steps=1, batch_size=3)
        call_of[jit_compile] = tf.function(
            lambda reals, fakes, term=term: term(judged_batch(quadratic, reals, fakes, SEED))[0],
            jit_compile=jit_compile,
        )
    for seed in range(3):
        values = [float(call(drawn(seed), drawn(9))) for call in call_of.values()]
        assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_r2_is_half_the_squared_slope_at_fakes_as_often_as_r1():
    reals, fakes = drawn(1), drawn(2)
    values = [r2(gamma=3.0, interval_steps=4)(judged_batch(quadratic, reals, fakes, SEED, step))[0] for step in (0, 1)]
    assert float(values[0]) == pytest.approx(4 * 3.0 / 2 * float(np.mean(norms(fakes) ** 2)), rel=1e-5)
    assert float(values[1]) == 0.0
    asked_for = resolve({"data_folder": "x", "r2_gamma": 3.0}).penalties
    assert [term.weight for term in build_penalties(asked_for, 8)] == [3.0 * 16]


def test_a_penalty_at_every_step_needs_no_condition():
    term = Regularizer(lambda discriminator, reals, fakes, seed: tf.constant(2.0), 3.0)
    images = drawn(1)
    values = [term(judged_batch(quadratic, images, images, SEED, step))[0] for step in (0, 1)]
    assert [float(value) for value in values] == [6.0, 6.0]


@pytest.fixture(
    scope="module",
    params=["sngan with sngan", "sngan with fastgan", pytest.param("fastgan with fastgan", marks=pytest.mark.slow)],
)
def judging(request):
    pair = Pair(*request.param.split(" with "))
    networks = [table[name].build(64, 3, 8, 0) for table, name in zip((GENERATORS, DISCRIMINATORS), pair, strict=True)]
    return training_graph(pair, *networks).discriminator, networks[1]


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
def test_every_kernel_of_a_network_has_a_second_order_gradient(judging, penalty):
    discriminator, network = judging
    sides = [inputs.shape[1] for inputs in discriminator.inputs]
    reals, fakes = ([drawn(n + side, 2, side, 3) for side in sides] for n in (1, 2))
    with tf.GradientTape() as tape:
        value = penalty(lambda images: tf.nest.flatten(discriminator(images, training=True))[0], reals, fakes)
    trunk = network.get_layer("trunk") if "trunk" in [layer.name for layer in network.layers] else network
    kernels = [layer.kernel for layer in trunk.layers if hasattr(layer, "kernel")]
    assert len(kernels) > 10
    for kernel, gradient in zip(kernels, tape.gradient(value, kernels), strict=True):
        assert np.isfinite(gradient).all()
        assert np.any(gradient.numpy()), kernel.name
