import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_fastgan import trainable

from sle_gan.layers.spectral import SpectralConv2D, SpectralDense
from sle_gan.models.discriminators.sngan import discriminator as build_discriminator
from sle_gan.models.generators.sngan import CHANNELS, LATENT_SIZE
from sle_gan.models.generators.sngan import generator as build_generator


@pytest.mark.paper(
    "SNGAN",
    "Miyato et al. 2018, arXiv:1802.05957, tables",
    "parameters of both networks: 4,276,739 and 1,053,824 at 32 px, 4,878,083 and 10,141,440 at 48 px",
)
@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator"), [(32, 4_276_739, 1_053_824), (48, 4_878_083, 10_141_440)]
)
def test_parameter_counts_are_those_of_the_paper_at_full_width(resolution, generator, discriminator):
    assert trainable(build_generator(resolution)) == generator
    assert trainable(build_discriminator(resolution)) == discriminator


@pytest.mark.parametrize(("resolution", "first", "last"), [(32, 4, 8), (48, 6, 3), (64, 4, 4), (128, 4, 4)])
def test_the_networks_work_at_every_resolution(resolution, first, last):
    generator = build_generator(resolution, width=8)
    discriminator = build_discriminator(resolution, width=8)
    images = generator(tf.random.stateless_normal([2, LATENT_SIZE], [1, 2]))
    assert images.shape == (2, resolution, resolution, 3)
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0
    assert discriminator(images).shape == (2, 1)
    # The map that the generator begins with, and the one that the discriminator sums over.
    widest = CHANNELS[resolution][0] * 8
    assert generator.get_layer("start").units == first * first * widest
    convolutions = [layer for layer in discriminator.layers if layer.name.endswith("conv2")]
    assert convolutions[-1].output_shape[1:3] == (last, last)


@pytest.mark.parametrize("channels", [1, 4])
def test_the_networks_work_with_grey_and_with_alpha(channels):
    images = build_generator(32, channels=channels, width=8)(tf.zeros([2, 128]))
    assert images.shape == (2, 32, 32, channels)
    assert build_discriminator(32, channels=channels, width=8)(images).shape == (2, 1)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_what_is_not_allowed_is_refused(build):
    with pytest.raises(ValueError, match=r"resolution must be one of \(32, 48, 64, 128\); got 256"):
        build(256)
    with pytest.raises(ValueError, match=r"channels must be one of \(1, 3, 4\); got 2"):
        build(32, channels=2)
    with pytest.raises(ValueError, match="width must be a positive multiple of 8; got 12"):
        build(32, width=12)


def test_the_discriminator_alone_is_spectrally_normalized():
    generator, discriminator = build_generator(64, width=8), build_discriminator(64, width=8)
    kernels = [layer for layer in discriminator.layers if hasattr(layer, "kernel")]
    assert all(isinstance(layer, SpectralConv2D | SpectralDense) for layer in kernels)
    assert not any(isinstance(layer, SpectralConv2D | SpectralDense) for layer in generator.layers)


@pytest.mark.paper("SNGAN", "Miyato et al. 2018, arXiv:1802.05957", "a residual block that doubles the map, by hand")
def test_an_up_block_is_the_one_of_the_paper():
    # The shortcut is upsampled before its convolution in the paper, after it here.
    generator = build_generator(32, width=8, seed=3)
    codes = tf.random.stateless_normal([2, 128], [1, 2])
    names = {name: generator.get_layer(name) for name in ("start", "up8_norm1", "up8_conv1", "up8_norm2", "up8_conv2")}
    shortcut = generator.get_layer("up8_shortcut")
    for layer in (*names.values(), shortcut):
        if hasattr(layer, "bias"):
            layer.bias.assign(np.random.default_rng(0).normal(size=layer.bias.shape))

    def upsample(x):
        return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)

    x = tf.reshape(names["start"](codes), [2, 4, 4, 32])
    main = names["up8_conv1"](upsample(tf.nn.relu(names["up8_norm1"](x))))
    main = names["up8_conv2"](tf.nn.relu(names["up8_norm2"](main)))
    expected = main + shortcut(upsample(x))
    block = keras.Model(generator.input, generator.get_layer("up16_norm1").input)
    np.testing.assert_allclose(block(codes), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.paper("SNGAN", "Miyato et al. 2018, arXiv:1802.05957, tables", "the discriminator, by hand")
def test_the_discriminator_is_the_one_of_the_paper():
    # Shortcuts that halve are pooled after their convolution in the paper, before it here.
    discriminator = build_discriminator(32, width=8, seed=1)
    images = tf.random.stateless_uniform([3, 32, 32, 3], [1, 2], -1, 1)
    conv = {layer.name: layer for layer in discriminator.layers if hasattr(layer, "kernel")}
    for layer in list(conv.values())[:-1]:
        layer.bias.assign(np.random.default_rng(0).normal(size=layer.bias.shape))

    def pool(x):
        return tf.nn.avg_pool2d(x, 2, 2, "VALID")

    def residual(x, name):
        return conv[f"{name}_conv2"](tf.nn.relu(conv[f"{name}_conv1"](tf.nn.relu(x))))

    x = conv["block1_conv2"](tf.nn.relu(conv["block1_conv1"](images)))
    x = pool(x) + pool(conv["block1_shortcut"](images))
    x = pool(residual(x, "block2")) + pool(conv["block2_shortcut"](x))
    x += residual(x, "block3")
    x += residual(x, "block4")
    expected = conv["logits"](tf.reduce_sum(tf.nn.relu(x), axis=[1, 2]))
    np.testing.assert_allclose(discriminator(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.paper("SNGAN", "Chen et al., NeurIPS 2021, arXiv:2103.00397, code", "initial weights")
def test_the_initial_weights_are_xavier_uniform_and_the_gains_normal():
    generator = build_generator(64, width=64, seed=0)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.Conv2D):
            size, _, channels_in, channels_out = layer.kernel.shape
            limit = np.sqrt(6 / (size * size * (channels_in + channels_out)))
            assert np.abs(layer.kernel).max() <= limit * 1.001
            assert np.std(layer.kernel) == pytest.approx(limit / np.sqrt(3), rel=0.1)
    gains = np.concatenate([x.gamma for x in generator.layers if isinstance(x, keras.layers.BatchNormalization)])
    assert gains.mean() == pytest.approx(1.0, abs=0.002)
    assert gains.std() == pytest.approx(0.02, rel=0.1)


def test_a_seed_gives_the_same_networks():
    for build in (build_generator, build_discriminator):
        first, second, other = (build(32, width=8, seed=seed).get_weights() for seed in (5, 5, 6))
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
