import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_fastgan import trainable

from sle_gan.layers.attention import LearnedScale, self_attention
from sle_gan.layers.conditional import conditional_batch_norm, projection
from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models.discriminators.biggan import discriminator as build_discriminator
from sle_gan.models.discriminators.biggan_brock import discriminator as build_brocks_discriminator
from sle_gan.models.generators.biggan import generator as build_generator


def drawn(*shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 1])


def one_hot(*labels):
    return tf.one_hot(labels, 3)


def with_drawn_scale(model):
    for layer in model.layers:
        if isinstance(layer, LearnedScale):
            layer.scale.assign(0.7)
    return model


@pytest.mark.paper("BigGAN", "Zhao et al. 2020, arXiv:2006.10738, code", "4,304,387 and 4,207,361 parameters at 32 px")
@pytest.mark.parametrize(
    ("classes", "generator", "discriminator"), [(10, 4_304_387, 4_207_361), (0, 4_276_739, 4_204_801)]
)
def test_parameter_counts_at_32_px_are_those_of_the_paper(classes, generator, discriminator):
    assert trainable(build_generator(32, classes=classes)) == generator
    assert trainable(build_discriminator(32, classes=classes)) == discriminator


@pytest.mark.paper(
    "BigGAN", "Chen et al., NeurIPS 2021, arXiv:2103.00397, code", "49,067,844 and 60,131,042 parameters at 64 px"
)
@pytest.mark.parametrize(("build", "count"), [(build_generator, 49_067_844), (build_discriminator, 60_131_042)])
def test_parameter_counts_at_64_px_are_those_of_the_paper(build, count):
    # They are a square in the width, so that three narrow networks tell those of the paper's 80 channels.
    widths = (8, 16, 24)
    counts = [trainable(build(64, width=width, classes=200)) for width in widths]
    assert round(np.polyval(np.polyfit(widths, counts, 2), 80)) == count


@pytest.mark.paper(
    "BigGAN", "Brock et al. 2019, arXiv:1809.11096, code", "the discriminator's multiples 1, 2, 4, 8 and 16 at 64 px"
)
def test_brocks_discriminator_at_64_px_has_1_2_4_8_and_16_times_the_width():
    width, classes = 8, 5
    sides = [3, *(share * width for share in (1, 2, 4, 8, 16))]
    blocks = sum(9 * i * o + 9 * o * o + i * o + 3 * o for i, o in itertools.pairwise(sides))
    attention = width * (width // 8 + width // 8 + width // 2 + width // 2) + 1
    head = sides[-1] + 1 + classes * sides[-1]
    network = build_brocks_discriminator(64, width=width, classes=classes)
    assert trainable(network) == blocks + attention + head
    with pytest.raises(ValueError, match=r"resolution must be one of \(64,\); got 32"):
        build_brocks_discriminator(32)


@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_the_networks_work_at_every_resolution_and_number_of_channels(resolution):
    channels = {32: 1, 64: 4, 128: 3}[resolution]
    generator = build_generator(resolution, channels, width=8)
    images = generator(drawn(2, *generator.input_shape[1:]))
    assert images.shape == (2, resolution, resolution, channels)
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0
    assert build_discriminator(resolution, channels, width=8)(images).shape == (2, 1)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_what_is_not_allowed_is_refused(build):
    with pytest.raises(ValueError, match=r"resolution must be one of \(32, 64, 128\); got 256"):
        build(256)
    with pytest.raises(ValueError, match=r"channels must be one of \(1, 3, 4\); got 2"):
        build(32, channels=2)
    with pytest.raises(ValueError, match="width must be a positive multiple of 8; got 12"):
        build(32, width=12)


def attention_by_hand(x, layers):
    """Sums over places one at a time: x is [side, side, channels] of one image."""
    kernels = {name: np.asarray(layers[name].normalized_kernel(False))[0, 0] for name in layers if name != "scale"}
    side = x.shape[0]
    query, key, value = (x @ kernels[name] for name in ("query", "key", "value"))

    def pooled(maps):
        return [
            np.max([maps[2 * r + i, 2 * c + j] for i in (0, 1) for j in (0, 1)], axis=0)
            for r in range(side // 2)
            for c in range(side // 2)
        ]

    keys, values = pooled(key), pooled(value)
    out = np.zeros_like(x)
    for row in range(side):
        for column in range(side):
            weights = np.exp([query[row, column] @ other for other in keys])
            gathered = sum(w * v for w, v in zip(weights / weights.sum(), values, strict=True))
            out[row, column] = x[row, column] + float(layers["scale"].scale) * (gathered @ kernels["out"])
    return out


def test_attention_is_the_sum_over_places_and_nothing_at_first():
    def convolution(x, filters, size, name):
        return SpectralConv2D(filters, size, use_bias=False, name=name)(x)

    inputs = keras.Input([4, 4, 16])
    model = keras.Model(inputs, self_attention(inputs, convolution, "attention"))
    x = 2.0 * drawn(2, 4, 4, 16)
    np.testing.assert_array_equal(model(x), x)
    layers = {part: model.get_layer(f"attention_{part}") for part in ("query", "key", "value", "out", "scale")}
    assert layers["query"].kernel.shape == (1, 1, 16, 2)
    assert layers["value"].kernel.shape == (1, 1, 16, 8)
    layers["scale"].scale.assign(0.5)
    expected = np.stack([attention_by_hand(image, layers) for image in x.numpy().astype(np.float64)])
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)
    assert np.abs(expected - x).max() > 0.1


def test_a_conditional_norm_is_a_norm_times_one_plus_gain_plus_bias():
    inputs, gains, biases = keras.Input([2, 2, 3]), keras.Input([3]), keras.Input([3])
    model = keras.Model([inputs, gains, biases], conditional_batch_norm(inputs, gains, biases, "norm"))
    x, gain, bias = drawn(4, 2, 2, 3), drawn(4, 3, seed=1), drawn(4, 3, seed=2)
    mean, variance = np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))
    normalized = (x - mean) / np.sqrt(variance + 1e-5)
    expected = normalized * (1 + gain.numpy()[:, None, None]) + bias.numpy()[:, None, None]
    np.testing.assert_allclose(model([x, gain, bias], training=True), expected, rtol=1e-4, atol=1e-5)


def test_a_class_chooses_the_rows_of_its_gain_and_bias():
    generator = build_generator(32, width=8, classes=3)
    codes, labels = drawn(3, 128), one_hot(2, 0, 2)
    gain, bias, norm = (generator.get_layer(f"up8_norm1{part}") for part in ("_gain", "_bias", ""))
    parts = keras.Model(generator.inputs, [norm.input, generator.get_layer("up8_conv1").input])
    x, activated = parts([codes, labels])
    rows = [layer.kernel.numpy()[[2, 0, 2]][:, None, None] for layer in (gain, bias)]
    expected = np.maximum(norm(x) * (1 + rows[0]) + rows[1], 0)
    np.testing.assert_allclose(activated[:, ::2, ::2], expected, rtol=1e-4, atol=1e-6)


def test_each_block_is_told_of_its_chunk_of_the_code_and_of_the_shared_embedding():
    generator = build_generator(64, width=8, classes=3)
    codes, labels = drawn(2, 100), one_hot(1, 2)
    asked = ["start", "up8_norm1_gain", "up16_norm2_bias", "up64_norm1_gain"]
    parts = keras.Model(generator.inputs, [generator.get_layer(name).input for name in asked])
    shared = generator.get_layer("shared_embedding").kernel.numpy()[[1, 2]]
    assert shared.shape == (2, 128)
    start, *conditions = parts([codes, labels])
    np.testing.assert_array_equal(start, codes[:, :20])
    for condition, first in zip(conditions, (20, 40, 80), strict=True):
        np.testing.assert_allclose(condition, np.concatenate([shared, codes[:, first : first + 20]], 1), atol=1e-6)


@pytest.mark.paper("BigGAN", "Brock et al. 2019, arXiv:1809.11096, table 4", "the sides of the maps that attend")
def test_attention_is_where_the_paper_has_it():
    sides = {
        (build.__name__, resolution): [
            layer.input_shape[1]
            for layer in build(resolution, width=8).layers
            if layer.name.startswith("attention") and layer.name.endswith("query")
        ]
        for build in (build_generator, build_discriminator)
        for resolution in (32, 64)
    }
    assert sides == {
        ("generator", 32): [],
        ("generator", 64): [32],
        ("discriminator", 32): [],
        ("discriminator", 64): [32],
    }


def test_the_head_is_a_line_and_the_product_with_the_embedding_of_the_class():
    np.testing.assert_allclose(projection(tf.constant([[1.0, 2.0]]), tf.constant([[3.0, -1.0]])), [[1.0]])
    discriminator = build_discriminator(32, width=8, classes=3)
    head, embedding = discriminator.get_layer("logits"), discriminator.get_layer("embedding")
    images, labels = tf.tanh(drawn(3, 32, 32, 3)), one_hot(0, 2, 1)
    features = keras.Model(discriminator.inputs, head.input)([images, labels]).numpy()
    rows = np.asarray(embedding.normalized_kernel(False))[[0, 2, 1]]
    expected = features @ np.asarray(head.normalized_kernel(False)) + head.bias + np.sum(features * rows, 1)[:, None]
    np.testing.assert_allclose(discriminator([images, labels]), expected, rtol=1e-4, atol=1e-5)


def test_all_kernels_but_the_classes_own_are_spectrally_normalized():
    bare = {
        (resolution, build.__name__): [
            layer.name
            for layer in build(resolution, width=8, classes=3).layers
            if hasattr(layer, "kernel") and not isinstance(layer, SpectralConv2D | SpectralDense)
        ]
        for resolution, build in ((32, build_generator), (64, build_generator), (64, build_discriminator))
    }
    assert len(bare[32, "generator"]) == 3 * 2 * 2  # a gain and a bias for each of two norms in three blocks
    assert (bare[64, "generator"], bare[64, "discriminator"]) == (["shared_embedding"], [])


@pytest.mark.paper(
    "BigGAN", "Brock et al. 2019, arXiv:1809.11096; Zhao et al. 2020, arXiv:2006.10738", "initial weights"
)
def test_initial_kernels_are_orthogonal_at_64_px_and_narrow_at_32_px():
    def matrices(resolution):
        layers = build_discriminator(resolution, width=16, classes=3, seed=4).layers
        return [np.reshape(x.kernel, [-1, x.kernel.shape[-1]]) for x in layers if hasattr(x, "kernel")]

    for matrix in matrices(64):
        gram = matrix.T @ matrix if len(matrix) >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)
    weights = np.concatenate([matrix.ravel() for matrix in matrices(32)])
    assert weights.std() == pytest.approx(0.02, rel=0.05)
    assert weights.mean() == pytest.approx(0, abs=0.001)


def test_a_seed_gives_the_same_networks():
    for build in (build_generator, build_discriminator):
        first, second, other = (build(32, width=8, seed=seed).get_weights() for seed in (5, 5, 6))
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
