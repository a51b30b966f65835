import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import drawn_batch
from scipy import signal
from test_fastgan import trainable

from sle_gan.layers.equalized import EqualizedConv2D, EqualizedDense, scaled_leaky_relu
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.layers.modulated import ModulatedConv2D
from sle_gan.layers.noise import NoiseInjection
from sle_gan.layers.resample import upsample_fir
from sle_gan.layers.styles import LearnedConstant, PartnerCodes, StyleAverage, StyleMixing
from sle_gan.models.discriminators.stylegan2 import discriminator as build_discriminator
from sle_gan.models.generators.stylegan2 import first_layer_from
from sle_gan.models.generators.stylegan2 import generator as build_generator
from sle_gan.models.generators.stylegan2 import styles as styles_of
from sle_gan.training import draws
from sle_gan.training.path_length import PathLength


def normal(*shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 1])


# Layers


@pytest.mark.paper(
    "StyleGAN2", "Karras et al. 2020, arXiv:1912.04958, equations 1 and 3", "modulation and demodulation"
)
def test_a_modulated_convolution_equals_a_convolution_with_a_kernel_for_each_image():
    features, styles = normal(3, 6, 6, 5), normal(3, 5, seed=1)
    layer = ModulatedConv2D(4, 3, seed=2, bias_initializer="ones")
    outputs = layer([features, styles]).numpy()
    for image, style, output in zip(features, styles, outputs, strict=True):
        kernel = layer.kernel.numpy() / np.sqrt(3 * 3 * 5) * style.numpy()[:, None]
        kernel /= np.sqrt((kernel**2).sum(axis=(0, 1, 2)) + 1e-8)
        np.testing.assert_allclose(np.sum(kernel**2, axis=(0, 1, 2)), 1.0, rtol=1e-5)
        alone = tf.nn.conv2d(image[None], kernel.astype("f"), 1, "SAME")[0] + 1.0
        np.testing.assert_allclose(output, alone, rtol=1e-4, atol=1e-5)


def test_without_demodulation_the_styles_alone_scale():
    features, styles = normal(2, 4, 4, 5), normal(2, 5, seed=1)
    layer = ModulatedConv2D(3, 1, demodulate=False)
    outputs = layer([features, styles])
    expected = (features * styles[:, None, None]).numpy() @ layer.kernel.numpy()[0, 0] / np.sqrt(5)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_equalized_layers_store_unit_variance_and_use_that_of_their_fan_in():
    dense = EqualizedDense(400, seed=1, learning_rate_multiplier=0.01, initial_bias=50.0)
    outputs = dense(normal(300, 100))
    assert np.std(dense.kernel) == pytest.approx(100, rel=0.02)
    assert np.std(outputs) == pytest.approx(1.0, rel=0.05)
    assert np.mean(outputs) == pytest.approx(0.5, abs=0.05)
    conv = EqualizedConv2D(64, 3, seed=1)
    outputs = conv(normal(4, 16, 16, 32))
    assert np.std(conv.kernel) == pytest.approx(1.0, rel=0.02)
    assert np.std(outputs) == pytest.approx(1.0, rel=0.05)


def test_the_activation_keeps_the_power_of_normal_numbers():
    np.testing.assert_allclose(scaled_leaky_relu(tf.constant([-5.0, 2.0])), [-np.sqrt(2), 2 * np.sqrt(2)], rtol=1e-6)
    assert np.mean(scaled_leaky_relu(normal(100_000)) ** 2) == pytest.approx(1.04, rel=0.02)


@pytest.mark.parametrize(("batch", "group"), [(1, 1), (2, 2), (5, 1), (6, 3), (8, 4)])
def test_the_deviation_is_that_of_each_group(batch, group):
    features = normal(batch, 4, 4, 3).numpy()
    outputs = MinibatchDeviation()(tf.constant(features)).numpy()
    np.testing.assert_array_equal(outputs[..., :3], features)
    step = batch // group
    for index in range(batch):
        members = features[index % step :: step]
        assert len(members) == group
        expected = np.sqrt(members.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(outputs[index, ..., 3], expected, rtol=1e-4)


@tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 3])])
def deviation_of_any_batch(features):
    return MinibatchDeviation()(features)


@pytest.mark.parametrize("batch", [1, 2, 5, 6, 8])
def test_the_deviation_of_a_batch_of_any_size_is_that_of_its_size(batch):
    features = normal(batch, 4, 4, 3)
    np.testing.assert_allclose(deviation_of_any_batch(features), MinibatchDeviation()(features), rtol=1e-5)


def test_a_lazy_penalty_compiles_behind_the_deviation():
    features = normal(8, 4, 4, 3)

    def squared_slope():
        with tf.GradientTape() as tape:
            tape.watch(features)
            value = tf.reduce_sum(MinibatchDeviation()(features) ** 2)
        return tf.reduce_sum(tape.gradient(value, features) ** 2)

    def step_of(due):
        with tf.GradientTape() as tape:
            tape.watch(features)
            penalty = tf.cond(due, squared_slope, lambda: 0.0)
        return tape.gradient(penalty, features)

    graph, compiled = tf.function(step_of), tf.function(step_of, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(True)), graph(tf.constant(True)), rtol=1e-4)
    np.testing.assert_array_equal(compiled(tf.constant(False)), np.zeros([8, 4, 4, 3]))


@pytest.mark.paper("StyleGAN2", "Karras et al. 2019, arXiv:1812.04948", "styles are mixed with probability 0.9")
def test_styles_are_mixed_at_a_drawn_layer_in_most_batches_of_a_training():
    styles, others = tf.zeros([2, 3]), tf.ones([2, 3])
    layer = StyleMixing(6)
    np.testing.assert_array_equal(layer([styles, others, normal(2, 8)]), np.zeros([2, 6, 3]))
    cuts = []
    for seed in range(400):
        mixed = layer([styles, others, normal(2, 8, seed=seed)], training=True).numpy()
        assert (mixed == mixed[:1, :, :1]).all()
        is_other = mixed[0, :, 0] == 1
        assert not is_other[0]
        assert (np.diff(is_other.astype(int)) >= 0).all()  # the first that is another's is followed by none of its own
        cuts.append(6 - is_other.sum())
    counts = np.bincount(cuts, minlength=7)
    assert counts[6] / 400 == pytest.approx(0.1, abs=0.04)  # not mixed
    np.testing.assert_allclose(counts[1:6] / 400, 0.9 / 5, atol=0.06)


def test_partners_are_drawn_from_the_codes_in_training_alone():
    codes = normal(500, 8)
    layer = PartnerCodes()
    np.testing.assert_array_equal(layer(codes), codes)
    partners = layer(codes, training=True)
    np.testing.assert_array_equal(partners, layer(codes, training=True))
    assert not np.allclose(partners, layer(normal(500, 8, seed=1), training=True))
    assert abs(np.corrcoef(np.ravel(codes), np.ravel(partners))[0, 1]) < 0.06
    assert np.std(partners) == pytest.approx(1.0, rel=0.05)


def test_the_average_of_the_styles_moves_in_training_alone():
    layer = StyleAverage(decay=0.9)
    styles = tf.constant([[1.0, 2.0], [3.0, 6.0]])
    layer(styles)
    np.testing.assert_array_equal(layer.average, [0, 0])
    for _ in range(2):
        np.testing.assert_array_equal(layer(styles, training=True), styles)
    np.testing.assert_allclose(layer.average, [2 * 0.19, 4 * 0.19], rtol=1e-5)


# Networks


@pytest.mark.paper(
    "StyleGAN2", "Karras et al. 2020, arXiv:2006.06676, code", "23,191,522 and 24,001,089 parameters at 256 px"
)
def test_parameter_counts_are_those_of_the_reference_at_256():
    assert trainable(build_generator(256)) == 23_191_522
    assert trainable(build_discriminator(256)) == 24_001_089


@pytest.mark.parametrize(
    "resolution",
    [32, 64, *(pytest.param(side, marks=pytest.mark.slow) for side in (128, 256, 512, 1024))],
)
def test_the_networks_work_at_every_resolution(resolution):
    generator = build_generator(resolution, width=8)
    discriminator = build_discriminator(resolution, width=8)
    images = generator(normal(2, 512), training=True)
    assert images.shape == (2, resolution, resolution, 3)
    assert np.isfinite(images).all()
    assert discriminator(images).shape == (2, 1)
    layers = styles_of(generator).synthesis.input_shape[1]
    assert layers == 2 * np.log2(resolution) - 2


@pytest.mark.parametrize("channels", [1, 4])
def test_the_networks_work_with_grey_and_with_alpha(channels):
    images = build_generator(32, channels=channels, width=8)(normal(2, 512))
    assert images.shape == (2, 32, 32, channels)
    assert build_discriminator(32, channels=channels, width=8)(images).shape == (2, 1)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_what_is_not_allowed_is_refused(build):
    with pytest.raises(ValueError, match=r"resolution must be one of \(32, 64, 128, 256, 512, 1024\); got 48"):
        build(48)
    with pytest.raises(ValueError, match=r"channels must be one of \(1, 3, 4\); got 2"):
        build(32, channels=2)
    with pytest.raises(ValueError, match="width must be a positive multiple of 8; got 12"):
        build(32, width=12)


@pytest.fixture(scope="module")
def noisy_generator():
    generator = build_generator(64, width=8, seed=1)
    for layer in generator.get_layer("synthesis").layers:
        if isinstance(layer, NoiseInjection):
            layer.scale.assign(0.5)
    return generator


def test_a_code_gives_the_same_picture_outside_training_and_noise_in_training(noisy_generator):
    codes = normal(3, 512)
    together, alone = noisy_generator(codes), noisy_generator(codes[1:2])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)
    first, again = (noisy_generator(codes, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - together).max() > 0.1


def test_a_generator_is_its_parts_one_after_the_other(noisy_generator):
    parts, codes = styles_of(noisy_generator), normal(2, 512)
    styles = parts.mapping(codes)
    repeated = tf.tile(styles[:, None], [1, 10, 1])
    np.testing.assert_array_equal(parts.mixing(codes), repeated)
    np.testing.assert_allclose(parts.synthesis(repeated), noisy_generator(codes), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "side"), [(0, 4), (1, 8), (2, 8), (3, 16), (4, 16), (7, 64), (8, 64)])
def test_each_style_shapes_the_convolution_of_its_layer(noisy_generator, layer, side):
    synthesis = styles_of(noisy_generator).synthesis
    maps = [item for item in synthesis.layers if item.name.endswith(("_conv", "_conv1", "_conv2"))]
    outputs = keras.Model(synthesis.input, [item.output for item in maps])
    styles = normal(1, 10, 64)
    moved = styles + tf.one_hot(layer, 10)[None, :, None]
    changed = [not np.array_equal(a, b) for a, b in zip(outputs(styles), outputs(moved), strict=True)]
    first = changed.index(True)
    assert first == layer
    assert maps[first].output_shape[1] == side
    if layer in (0, 1, 3, 7):
        assert first_layer_from(side) == layer


def test_the_codes_are_normalized_before_the_mapping(noisy_generator):
    mapping, codes = styles_of(noisy_generator).mapping, normal(2, 512)
    np.testing.assert_allclose(mapping(7 * codes), mapping(codes), rtol=1e-3, atol=1e-5)


def test_the_mapping_is_as_deep_as_it_is_asked_to_be():
    deep = build_generator(32, 3, 8, mapping_layers=8)
    mapping = styles_of(deep).mapping
    assert [layer.name for layer in mapping.layers if layer.weights] == [f"mapping{number}" for number in range(1, 9)]
    assert mapping(normal(2, 512)).shape == (2, 64)
    with pytest.raises(ValueError, match="mapping_layers must be from 1 to 16; got 0"):
        build_generator(32, 3, 8, mapping_layers=0)


def test_the_discriminator_is_the_one_of_the_paper():
    discriminator = build_discriminator(32, width=8, seed=1)
    layers = {layer.name: layer for layer in discriminator.layers}
    images = normal(4, 32, 32, 3)
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64

    def filtered(x, padding):
        x = np.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
        # float64, as the taps: of two types SciPy casts memory that it has not written yet, and warns.
        return signal.convolve(x.astype("float64"), taps[None, :, :, None], "valid").astype("f")

    x = scaled_leaky_relu(layers["rgb"](images)).numpy()
    for side in (32, 16, 8):
        main = scaled_leaky_relu(layers[f"down{side}_conv1"](x)).numpy()
        main = scaled_leaky_relu(layers[f"down{side}_conv2"](filtered(main, 2)))
        direct = layers[f"down{side}_direct"](filtered(x, 1)[:, ::2, ::2])
        x = ((main + direct) / np.sqrt(2)).numpy()
    deviation = np.sqrt(x.var(axis=0) + 1e-8).mean()
    x = np.concatenate([x, np.full([4, 4, 4, 1], deviation, "f")], axis=-1)
    x = scaled_leaky_relu(layers["last_conv"](x)).numpy().reshape(4, -1)
    expected = layers["logits"](scaled_leaky_relu(layers["last_dense"](x)))
    np.testing.assert_allclose(discriminator(images), expected, rtol=1e-3, atol=1e-4)


# Path length


def linear_parts(matrix):
    """A mixing that repeats codes for two layers, and a synthesis that is linear in the styles."""
    codes = keras.Input([3])
    mixing = keras.Model(codes, tf.tile(codes[:, None], [1, 2, 1]))
    styles = keras.Input([2, 3])
    layer = keras.layers.Dense(8, use_bias=False, kernel_initializer=keras.initializers.Constant(matrix))
    image = tf.reshape(layer(tf.reshape(styles, [-1, 6])), [-1, 2, 2, 2])
    return mixing, keras.Model(styles, image)


@pytest.mark.paper(
    "StyleGAN2",
    "Karras et al. 2020, arXiv:1912.04958, equation 4",
    "path length, its mean of decay 0.99, weight times interval",
)
def test_path_lengths_are_those_of_the_jacobian_and_their_mean_is_kept():
    matrix = np.random.default_rng(0).normal(size=(6, 8))
    path_length = PathLength(*linear_parts(matrix), weight=2.0, interval_steps=4)
    seed = tf.constant([1, 2])
    lengths = path_length.lengths(normal(5, 3), seed).numpy()
    direction = tf.random.stateless_normal([5, 2, 2, 2], seed).numpy().reshape(5, 8) / 2  # of 4 pixels
    gradients = (direction @ matrix.T).reshape(5, 2, 3)
    np.testing.assert_allclose(lengths, np.sqrt((gradients**2).sum(axis=2).mean(axis=1)), rtol=1e-5)

    noise_seed = draws.fold(seed, draws.PATHS, 0, 1)
    lengths = path_length.lengths(normal(2, 3), noise_seed).numpy()  # of a linear synthesis, so of any codes
    value, logs = path_length(drawn_batch(tf.constant(4), seed, step=4))
    mean = 0.01 * lengths.mean()
    assert float(path_length.mean_length) == pytest.approx(mean, rel=1e-5)
    assert float(value) == pytest.approx(2 * 4 * np.mean((lengths - mean) ** 2), rel=1e-5)
    assert float(path_length(drawn_batch(tf.constant(4), seed, step=5))[0]) == 0.0
    assert logs == {}
    assert float(path_length.mean_length) == pytest.approx(mean, rel=1e-5)


def smooth_parts():
    """A synthesis of layers of StyleGAN2, without its kinks and its noise, at which path lengths would jump."""
    codes = keras.Input([6])
    mixing = keras.Model(codes, tf.tile(tf.tanh(EqualizedDense(8, seed=1)(codes))[:, None], [1, 2, 1]))
    styles = keras.Input([2, 8])
    first, second = tf.unstack(styles, axis=1)
    x = LearnedConstant([4, 4, 5], seed=2)(first)
    x = ModulatedConv2D(4, 3, seed=3)([x, EqualizedDense(5, seed=4, initial_bias=1.0)(first)])
    image = ModulatedConv2D(3, 1, seed=5, demodulate=False)(
        [upsample_fir(tf.tanh(x)), EqualizedDense(4, seed=6)(second)]
    )
    return mixing, keras.Model(styles, image)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_the_gradient_of_the_path_length_agrees_with_finite_differences(jit_compile):
    mixing, synthesis = smooth_parts()
    path_length = PathLength(mixing, synthesis, 1.0, 1)
    variables = mixing.trainable_variables + synthesis.trainable_variables
    start = [variable.numpy() for variable in variables]
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=variable.shape).astype("f") for variable in variables]

    @tf.function(jit_compile=jit_compile)
    def value():
        lengths = path_length.lengths(normal(3, 6), tf.constant([1, 2]))
        return tf.reduce_mean(lengths**2)

    @tf.function(jit_compile=jit_compile)
    def gradients():
        with tf.GradientTape() as tape:
            total = value()
        return tape.gradient(total, variables, unconnected_gradients="zero")

    assert abs(float(value())) > 0.01
    exact = sum(float(np.sum(g.numpy() * d)) for g, d in zip(gradients(), directions, strict=True))

    def moved(amount):
        for variable, before, direction in zip(variables, start, directions, strict=True):
            variable.assign(before + amount * direction)
        return float(value())

    step = 1e-3
    assert exact == pytest.approx((moved(step) - moved(-step)) / (2 * step), rel=0.03)
