import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import sle_gan
from sle_gan.layers.noise import NoiseInjection
from sle_gan.models import MODELS
from sle_gan.models.discriminators.fastgan import discriminator as build_discriminator
from sle_gan.models.generators.fastgan import generator as build_generator
from sle_gan.models.io import create_input_noise, latent_codes, postprocess_images
from sle_gan.models.pairing import training_graph


def trainable(model):
    return sum(variable.shape.num_elements() for variable in model.trainable_variables)


@pytest.mark.paper(
    "FastGAN",
    "Liu et al. 2021, arXiv:2101.04775, code",
    "parameters of both networks at 256, 512 and 1024 px, width 64",
)
@pytest.mark.parametrize(
    ("resolution", "generator", "discriminator"),
    [
        (256, 29_127_846, 11_526_160),
        pytest.param(512, 29_174_392, 11_526_496, marks=pytest.mark.slow),
        pytest.param(1024, 29_176_512, 11_528_192, marks=pytest.mark.slow),
    ],
)
def test_parameter_counts_are_those_of_the_paper_at_full_width(resolution, generator, discriminator):
    assert trainable(sle_gan.Generator(resolution)) == generator
    assert trainable(sle_gan.Discriminator(resolution)) == discriminator


@pytest.mark.parametrize(
    "resolution", [64, 256, *(pytest.param(side, marks=pytest.mark.slow) for side in (128, 512, 1024))]
)
def test_the_networks_work_at_every_resolution(resolution):
    generator = sle_gan.Generator(output_resolution=resolution, width=8)
    discriminator = sle_gan.Discriminator(input_resolution=resolution, width=8)
    images = generator(sle_gan.create_input_noise(batch_size=2))
    assert images.shape == (2, resolution, resolution, 3)
    assert discriminator(images).shape == (2, 50)
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0


@pytest.mark.parametrize("channels", [1, 4])
def test_the_networks_work_with_grey_and_with_alpha(channels):
    images = sle_gan.Generator(64, channels=channels, width=8)(create_input_noise(2))
    assert images.shape == (2, 64, 64, channels)
    assert sle_gan.Discriminator(64, channels=channels, width=8)(images).shape == (2, 50)


@pytest.mark.parametrize("build", [sle_gan.Generator, sle_gan.Discriminator])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 2}, r"channels must be one of \(1, 3, 4\); got 2"),
        ({"width": 12}, "width must be a positive multiple of 8; got 12"),
    ],
)
def test_what_is_not_allowed_is_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(64, **arguments)
    with pytest.raises(ValueError, match=r"resolution must be one of \(64, 128, 256, 512, 1024\); got 96"):
        build(96)


def test_weights_are_saved_and_loaded_as_keras_users_do(tmp_path):
    file = str(tmp_path / "generator_weights.h5")
    first, second = (sle_gan.Generator(64, width=8, seed=seed) for seed in (1, 2))
    noise = create_input_noise(2, seed=3)
    assert not np.allclose(first(noise), second(noise), atol=1e-3)
    first.save_weights(file)
    second.load_weights(file)
    np.testing.assert_array_equal(first(noise), second(noise))


def test_a_seed_gives_the_same_networks():
    for build in (build_generator, build_discriminator):
        first, second = (build(64, width=8, seed=5).get_weights() for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_same_code_gives_the_same_picture_whatever_lies_beside_it():
    generator = sle_gan.Generator(64, width=8)
    for layer in generator.layers:
        if isinstance(layer, NoiseInjection):
            layer.scale.assign(1.0)
    codes = latent_codes([4, 5, 6], 256)
    together, alone = generator(codes), generator(codes[1:2])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)


def test_training_draws_other_noise_for_other_codes_and_the_same_for_the_same():
    layer = NoiseInjection(1)
    features = tf.zeros([2, 16, 16, 3])
    layer([features, latent_codes([0, 1], 8)])
    layer.scale.assign(2.0)
    first, again, other = (layer([features, latent_codes([s, 1], 8)], training=True) for s in (0, 0, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first[0], first[1])
    np.testing.assert_array_equal(first[..., 0], first[..., 2])  # one map for all channels
    assert float(tf.math.reduce_std(first)) == pytest.approx(2.0, rel=0.1)


def test_the_training_graph_shares_its_layers_with_the_two_networks():
    generator, discriminator = build_generator(64, width=8), build_discriminator(64, width=8)
    graph = training_graph(MODELS["fastgan"].pair(), generator, discriminator)
    codes = create_input_noise(2, seed=0)
    image, small = graph.generator(codes)
    np.testing.assert_array_equal(image, generator(codes))
    assert small.shape == (2, 32, 32, 3)
    logits, *maps = graph.discriminator([image, image[:, ::2, ::2]])
    np.testing.assert_array_equal(logits, discriminator(image))
    pictures = graph.decoders([*maps, tf.constant([0, 3])])
    assert [picture.shape for picture in pictures] == [(2, 64, 64, 3)] * 3
    shared = {id(v) for v in (*graph.discriminator.weights, *graph.decoders.weights)}
    assert shared == {id(v) for v in discriminator.weights}
    assert {id(v) for v in graph.generator.weights} == {id(v) for v in generator.weights}


@pytest.mark.paper("FastGAN", "Liu et al. 2021, arXiv:2101.04775", "which maps excite which")
def test_skip_layer_excitation_links_the_maps_of_the_paper():
    names = {layer.name for layer in build_generator(1024, width=8).layers}
    assert {name for name in names if name.endswith("_gate")} == {f"excite{s}_gate" for s in (64, 128, 256, 512)}
    trunk = build_discriminator(1024, width=8).get_layer("trunk")
    gates = {layer.name for layer in trunk.layers if layer.name.endswith("_gate")}
    assert gates == {f"excite{s}_gate" for s in (32, 16, 8)}


def test_every_convolution_is_spectrally_normalized_and_without_bias():
    networks = (
        build_generator(256, width=8),
        *training_graph(MODELS["fastgan"].pair(), build_generator(256, width=8), build_discriminator(256, width=8)),
    )
    convolutions = [layer for net in networks for layer in net.layers if hasattr(layer, "kernel")]
    assert all(hasattr(layer, "left_vector") and not layer.use_bias for layer in convolutions)
    kernels = np.concatenate([layer.kernel.numpy().ravel() for layer in convolutions])
    assert kernels.std() == pytest.approx(0.02, rel=0.02)
    assert kernels.mean() == pytest.approx(0.0, abs=1e-3)


def test_the_example_of_the_networks_in_the_guide_runs():
    guide = (Path(__file__).parents[1] / "docs" / "guides" / "keras.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "sle_gan.Generator(" in code]
    names = {}
    exec(example, names)
    assert names["images"].shape == (4, 64, 64, 3)
    assert names["images"].dtype == tf.uint8


def test_images_are_brought_to_bytes_by_rounding():
    images = tf.constant([-1.5, -1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(postprocess_images(images, tf.uint8), [0, 0, 128, 191, 255, 255])
    np.testing.assert_allclose(postprocess_images(images, tf.float32), [0, 0, 127.5, 191.25, 255, 255])


def test_a_seed_gives_the_same_noise():
    np.testing.assert_array_equal(create_input_noise(3, seed=1), create_input_noise(3, seed=1))
    assert not np.array_equal(create_input_noise(3), create_input_noise(3))
    np.testing.assert_array_equal(latent_codes([7, 8], 16)[1], latent_codes([8], 16)[0])
