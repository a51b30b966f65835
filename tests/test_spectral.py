import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.spectral import (
    SpectralConv2D,
    SpectralConv2DTranspose,
    SpectralDense,
    SpectralUpConv2D,
    spectral_norm,
)


def iterate(layer, inputs, times):
    for _ in range(times):
        outputs = layer(inputs, training=True)
    return outputs


@pytest.mark.parametrize(
    ("layer", "to_matrix", "inputs"),
    [
        (
            SpectralConv2D(5, 3, kernel_initializer=keras.initializers.RandomNormal(seed=1)),
            lambda k: k.reshape(-1, 5),
            tf.ones([1, 6, 6, 7]),
        ),
        (
            SpectralConv2DTranspose(5, 4, kernel_initializer=keras.initializers.RandomNormal(seed=1)),
            lambda k: k.transpose(0, 1, 3, 2).reshape(-1, 5),
            tf.ones([1, 6, 6, 7]),
        ),
        (
            SpectralDense(5, kernel_initializer=keras.initializers.RandomNormal(seed=1)),
            lambda k: k,
            tf.ones([1, 7]),
        ),
    ],
    ids=["convolution", "transposed", "dense"],
)
def test_the_normalized_kernel_has_the_largest_singular_value_one(layer, to_matrix, inputs):
    iterate(layer, inputs, 200)
    stored = np.linalg.svd(to_matrix(layer.kernel.numpy()), compute_uv=False)[0]
    normalized = to_matrix(layer.normalized_kernel(training=False).numpy())
    np.testing.assert_allclose(normalized, to_matrix(layer.kernel.numpy()) / stored, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.svd(normalized, compute_uv=False)[0], 1.0, rtol=1e-4)


def test_the_stored_kernel_is_never_overwritten():
    layer = SpectralConv2D(4, 3)
    layer.build([None, 8, 8, 3])
    before = layer.kernel.numpy()
    iterate(layer, tf.ones([1, 8, 8, 3]), 3)
    np.testing.assert_array_equal(layer.kernel.numpy(), before)


def test_an_inference_pass_leaves_the_estimate_alone():
    layer = SpectralConv2D(4, 3)
    layer.build([None, 8, 8, 3])
    before = layer.left_vector.numpy()
    layer(tf.ones([1, 8, 8, 3]), training=False)
    np.testing.assert_array_equal(layer.left_vector.numpy(), before)


def test_the_gradient_flows_through_sigma():
    # At convergence d(W / sigma) = (g - <g, W / sigma> u v^T) / sigma.
    rng = np.random.default_rng(0)
    matrix, upstream = rng.normal(size=(6, 4)).astype("f"), rng.normal(size=(6, 4)).astype("f")
    u, singular, vt = np.linalg.svd(matrix)
    with tf.GradientTape() as tape:
        w = tf.constant(matrix)
        tape.watch(w)
        sigma, _ = spectral_norm(w, tf.constant(vt[:1]))
        loss = tf.reduce_sum(upstream * w / sigma)
    inner = np.sum(upstream * matrix) / singular[0]
    expected = (upstream - inner * np.outer(u[:, 0], vt[0])) / singular[0]
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.paper(
    "SNGAN", "Miyato et al. 2018, arXiv:1802.05957, algorithm 1", "spectral normalization by one power iteration"
)
def test_one_iteration_agrees_with_tensorflow_addons(addons):
    inputs = tf.random.stateless_normal([2, 8, 8, 3], [1, 2])
    ours = SpectralConv2D(4, 3, use_bias=False)
    ours.build(inputs.shape)
    theirs = addons.layers.SpectralNormalization(keras.layers.Conv2D(4, 3, use_bias=False))
    theirs.build(inputs.shape)
    theirs.layer.kernel.assign(ours.kernel)
    theirs.u.assign(ours.left_vector)
    np.testing.assert_allclose(ours(inputs, training=True), theirs(inputs, training=True), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.left_vector, theirs.u, rtol=1e-4, atol=1e-6)


def test_bias_and_activation_are_applied_after_the_convolution():
    layer = SpectralConv2D(2, 1, bias_initializer="ones", kernel_initializer="ones", activation="relu")
    outputs = iterate(layer, -5 * tf.ones([1, 1, 1, 2]), 5)
    # The 2x2 matrix of ones has sigma 2: -5 * (1 + 1) / 2 + 1 = -4, and relu makes it 0.
    np.testing.assert_allclose(outputs, 0.0)
    np.testing.assert_allclose(layer(5 * tf.ones([1, 1, 1, 2])), 6.0, rtol=1e-5)


def test_the_dense_layer_multiplies_with_the_normalized_kernel():
    layer = SpectralDense(1, use_bias=False, kernel_initializer=keras.initializers.Constant([[3.0], [4.0]]))
    # One column: sigma is its length, 5.
    np.testing.assert_allclose(iterate(layer, tf.constant([[1.0, 0.0], [2.0, 1.0]]), 2), [[0.6], [2.0]], rtol=1e-6)


@pytest.mark.parametrize("side", [4, 16], ids=["as two operations", "as one transposed convolution"])
def test_the_up_convolution_is_nearest_upsampling_and_a_convolution(side):
    x = tf.random.stateless_normal([2, side, side, 3], [1, 2])
    up = SpectralUpConv2D(5, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    plain = SpectralConv2D(5, 3, padding="same", use_bias=False)
    plain.build([None, 2 * side, 2 * side, 3])
    up.build(x.shape)
    plain.set_weights(up.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(x)
        ours = up(x, training=True)
        loss = tf.reduce_sum(ours**3)
    with tf.GradientTape() as reference_tape:
        reference_tape.watch(x)
        expected = plain(tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2), training=True)
        reference = tf.reduce_sum(expected**3)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    gradients = tape.gradient(loss, [x, up.kernel])
    for gradient, exact in zip(gradients, reference_tape.gradient(reference, [x, plain.kernel]), strict=True):
        np.testing.assert_allclose(gradient, exact, rtol=1e-3, atol=1e-3)
    assert up.compute_output_shape([None, side, side, 3]) == (None, 2 * side, 2 * side, 5)


def test_a_kernel_of_zeros_stays_one_and_is_normalized_again_when_weights_grow():
    layer = SpectralDense(3)
    layer.build([None, 4])
    kernel = layer.kernel.numpy()
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    with tf.GradientTape() as tape:
        outputs = layer(tf.ones([2, 4]), training=True)
    np.testing.assert_array_equal(outputs, np.zeros([2, 3]))
    assert np.isfinite(tape.gradient(outputs, layer.kernel)).all()
    layer.kernel.assign(kernel)
    for _ in range(50):
        outputs = layer(tf.eye(4), training=True)
    expected = kernel / np.linalg.svd(kernel, compute_uv=False)[0]
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
