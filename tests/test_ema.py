import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import SpectralConv2D
from sle_gan.training.ema import Calibration, copy_weights, decay_from, half_life_decay, update_average


def network():
    inputs = keras.Input([4, 4, 2])
    x = SpectralConv2D(3, 3, name="convolution")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, tf.nn.relu(x))


def test_the_average_starts_as_a_copy():
    average, model = network(), network()
    copy_weights(average, model)
    for copy, weight in zip(average.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(copy, weight)


def test_weights_are_averaged_singular_vectors_copied_and_batch_statistics_left_alone():
    average, model = network(), network()
    before = {v.name: v.numpy() for v in average.variables}
    for variable in model.variables:
        variable.assign(tf.fill(variable.shape, 3.0))
    update_average(average, model, 0.75)
    for variable in average.variables:
        expected = 0.75 * before[variable.name] + 0.75
        if "left_vector" in variable.name:
            expected = 3.0
        elif "moving" in variable.name:
            expected = before[variable.name]
        np.testing.assert_allclose(variable, np.broadcast_to(expected, variable.shape), rtol=1e-6)


def test_many_steps_follow_the_closed_form():
    average, model = network(), network()
    copy_weights(average, model)
    kernel = model.get_layer("convolution").kernel
    start = kernel.numpy()
    kernel.assign(start + 1.0)
    for _ in range(10):
        update_average(average, model, 0.9)
    # The distance to the model shrinks by 0.9 at each step.
    np.testing.assert_allclose(average.get_layer("convolution").kernel, start + 1 - 0.9**10, rtol=1e-5)


def code_network():
    codes = keras.Input([3])
    x = keras.layers.Dense(4, name="dense", kernel_initializer=keras.initializers.RandomNormal(seed=2))(codes)
    return keras.Model(codes, keras.layers.BatchNormalization(name="norm")(x))


@pytest.mark.parametrize(("step", "count"), [(0, 2), (1, 16)])
def test_calibration_measures_the_mean_statistics_of_its_batches(step, count):
    model = code_network()
    Calibration(model, batch_size=5)(step)
    batches = [tf.random.stateless_normal([5, 3], [index, 16]).numpy() for index in range(count)]
    outputs = [batch @ model.get_layer("dense").kernel.numpy() for batch in batches]
    norm = model.get_layer("norm")
    np.testing.assert_allclose(norm.moving_mean, np.mean([o.mean(axis=0) for o in outputs], axis=0), atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, np.mean([o.var(axis=0) for o in outputs], axis=0), rtol=1e-5)
    assert norm.momentum == 0.99


def test_calibration_rests_on_the_weights_alone_and_is_done_once_for_a_step():
    model = code_network()
    calibrate = Calibration(model, batch_size=5)
    calibrate(step=1)
    measured = model.get_layer("norm").moving_mean.numpy()
    model.get_layer("norm").moving_mean.assign(measured + 1)
    calibrate(step=1)
    np.testing.assert_array_equal(model.get_layer("norm").moving_mean, measured + 1)
    calibrate(step=2)
    np.testing.assert_array_equal(model.get_layer("norm").moving_mean, measured)


@pytest.mark.paper(
    "ADA", "Karras et al. 2020, arXiv:2006.06676, code", "the average's half-life in images and its ramp of 0.05"
)
def test_a_half_life_halves_what_is_held_of_a_step():
    decay = half_life_decay(kimg=2.0, images_per_step=16, ramp=0.05)
    far = tf.constant(100_000, tf.int64)
    assert float(decay(far)) ** (2000 / 16) == pytest.approx(0.5, rel=1e-3)
    # Early the half-life is a twentieth of what was shown: 100 steps of 16 images have one of 80 images.
    assert float(decay(tf.constant(100, tf.int64))) ** (80 / 16) == pytest.approx(0.5, rel=1e-4)
    assert float(decay(tf.constant(0, tf.int64))) == 0.0


@pytest.mark.paper("BigGAN", "Brock et al. 2019, arXiv:1809.11096", "the average begins late")
def test_an_average_that_begins_late_is_a_copy_before():
    late = decay_from(3, 0.75)
    assert [float(late(tf.constant(steps, tf.int64))) for steps in (0, 2, 3, 9)] == [0.0, 0.0, 0.75, 0.75]
    by_images = decay_from(2, half_life_decay(kimg=1.0, images_per_step=1000, ramp=100.0))
    assert [float(by_images(tf.constant(steps, tf.int64))) for steps in (1, 2)] == [0.0, 0.5]
