import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import SpectralConv2D
from sle_gan.training.ema import copy_weights, update_average


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


def test_weights_and_batch_statistics_are_averaged_and_singular_vectors_are_copied():
    average, model = network(), network()
    before = {v.name: v.numpy() for v in average.variables}
    for variable in model.variables:
        variable.assign(tf.fill(variable.shape, 3.0))
    update_average(average, model, 0.75)
    for variable in average.variables:
        expected = 3.0 if "left_vector" in variable.name else 0.75 * before[variable.name] + 0.75
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
