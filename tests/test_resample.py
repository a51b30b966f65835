import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from sle_gan.layers.resample import (
    average_pool_to,
    blur_fir,
    crop_quadrant,
    downsample_fir,
    downsample_nearest,
    upsample_fir,
    upsample_nearest,
)


def images(side, channels=3):
    return np.random.default_rng(0).normal(size=(2, side, side, channels)).astype("f")


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_nearest_upsampling_repeats_pixels(factor):
    expected = images(4).repeat(factor, axis=1).repeat(factor, axis=2)
    np.testing.assert_array_equal(upsample_nearest(tf.constant(images(4)), factor), expected)


def test_nearest_downsampling_takes_the_first_pixel_of_each_square():
    np.testing.assert_array_equal(downsample_nearest(tf.constant(images(8)), 2), images(8)[:, [0, 4]][:, :, [0, 4]])


def test_nearest_downsampling_to_a_larger_side_repeats_pixels():
    expected = images(4).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(downsample_nearest(tf.constant(images(4)), 8), expected)


def test_downsampling_to_a_side_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="one side must divide the other; got images of 8 px for 3 px"):
        downsample_nearest(tf.constant(images(8)), 3)


def test_average_pooling_agrees_with_tensorflow_addons(addons):
    x = tf.constant(images(16))
    np.testing.assert_allclose(average_pool_to(x, 4), addons.layers.AdaptiveAveragePooling2D(4)(x), rtol=1e-5)


def test_average_pooling_to_a_side_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 4; got 6"):
        average_pool_to(tf.constant(images(6)), 4)


def test_each_quadrant_is_the_quarter_of_its_number():
    x = np.tile(images(8)[:1], [4, 1, 1, 1])
    quarters = crop_quadrant(tf.constant(x), tf.range(4)).numpy()
    expected = [x[0, :4, :4], x[0, :4, 4:], x[0, 4:, :4], x[0, 4:, 4:]]
    np.testing.assert_array_equal(quarters, expected)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
@pytest.mark.parametrize(
    "operation",
    [
        upsample_nearest,
        lambda x: average_pool_to(x, 2),
        lambda x: downsample_nearest(x, 2),
        upsample_fir,
        blur_fir,
        downsample_fir,
    ],
    ids=["upsample", "average pool", "downsample", "FIR upsample", "blur", "FIR downsample"],
)
def test_second_order_gradients_agree_with_finite_differences(operation, jit_compile):
    # R1 and DigGAN differentiate the norm of an input gradient: f(x) = |d sum(op(x)^3) / dx|^2.
    x0 = tf.constant(images(4, 1)[:1])

    @tf.function(jit_compile=jit_compile)
    def squared_gradient_norm(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(operation(x) ** 3)
        return tf.reduce_sum(tape.gradient(loss, x) ** 2)

    @tf.function(jit_compile=jit_compile)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = squared_gradient_norm(x)
        return tape.gradient(value, x)

    direction = tf.constant(np.random.default_rng(1).normal(size=x0.shape).astype("f"))
    exact = float(tf.reduce_sum(gradient(x0) * direction))
    step = 1e-3
    ahead, behind = (float(squared_gradient_norm(x0 + sign * step * direction)) for sign in (1, -1))
    assert exact == pytest.approx((ahead - behind) / (2 * step), rel=1e-2)


TAPS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def test_fir_upsampling_inserts_zeros_and_filters():
    x = images(6)
    inserted = np.zeros([2, 12, 12, 3])
    inserted[:, ::2, ::2] = x
    padded = np.pad(inserted, [[0, 0], [2, 1], [2, 1], [0, 0]])
    expected = 4 * signal.convolve(padded, TAPS[None, :, :, None], "valid")
    np.testing.assert_allclose(upsample_fir(tf.constant(x)), expected, rtol=1e-4, atol=1e-5)


def test_fir_upsampling_is_bilinear_within_the_border():
    x = tf.constant(images(6))
    bilinear = tf.image.resize(x, [12, 12])
    np.testing.assert_allclose(upsample_fir(x)[:, 1:-1, 1:-1], bilinear[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-5)


def test_fir_downsampling_and_blur_filter_with_their_borders_of_zeros():
    x = images(8)
    # In float64, as the filter is: where the two differ, SciPy casts memory that it has not written yet, and warns.
    wide = x.astype("float64")
    for operation, padding, stride in ((blur_fir, 2, 1), (downsample_fir, 1, 2)):
        padded = np.pad(wide, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
        expected = signal.convolve(padded, TAPS[None, :, :, None], "valid")[:, ::stride, ::stride]
        np.testing.assert_allclose(operation(tf.constant(x)), expected, rtol=1e-4, atol=1e-5)
