"""alphaGAN's generator of a genotype."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy.ndimage import zoom
from test_fastgan import trainable

from sle_gan.layers.resample import upsample_bilinear
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.models.alphagan_space import NORMAL_OPERATIONS, SPACE, UP_OPERATIONS
from sle_gan.models.blocks.alphagan import LATENT_SIZE
from sle_gan.models.generators.alphagan import _Chosen
from sle_gan.models.generators.alphagan import generator as build_generator
from sle_gan.models.rows import NetworkOptions
from sle_gan.models.seeded import GENERATOR
from sle_gan.sparsity.flops import layer_macs, network_macs
from sle_gan.sparsity.kernels import prunable_kernels

SMALL = SPACE.published["alphagan-s"]


@pytest.mark.paper(
    "alphaGAN",
    "Tian et al. 2021, arXiv:2006.09134, code",
    "parameters of (s) and (l) at 32 and 48 px, and of the discriminator",
)
@pytest.mark.parametrize(
    ("genotype", "resolution", "parameters", "macs"),
    [
        ("alphagan-s", 32, 2_952_707, 744_914_944),
        ("alphagan-l", 32, 8_618_499, 2_718_466_048),
        ("alphagan-s", 48, 3_613_187, 1_676_058_624),
        ("alphagan-l", 48, 9_278_979, 6_116_548_608),
    ],
    ids=["s-32", "l-32", "s-48", "l-48"],
)
def test_parameters_and_macs_are_those_of_the_paper(genotype, resolution, parameters, macs):
    network = build_generator(resolution, genotype=genotype)
    assert trainable(network) == parameters
    assert network_macs(layer_macs(network), {}) == macs
    if genotype == "alphagan-s":
        assert trainable(DISCRIMINATORS["autogan"].build(resolution, 3, 64, 0)) == 1_053_824


@pytest.mark.paper(
    "alphaGAN", "Tian et al. 2021, arXiv:2006.09134, code", "parameters of each operation at 256 channels"
)
def test_each_operation_has_the_parameters_of_the_paper():
    counts = {}
    for operation in (*UP_OPERATIONS, *NORMAL_OPERATIONS):
        operations, x = _Chosen(0, GENERATOR, 256, None), keras.Input([4, 4, 256])
        if operation in UP_OPERATIONS:
            counts[operation] = trainable(keras.Model(x, operations.up(operation, x, 2, "edge")))
        else:
            counts[operation] = trainable(keras.Model(x, operations.normal(operation, x, "edge")))
    assert counts == {
        "deconv": 262_400,  # although it doubles twice
        "nearest": 0,
        "bilinear": 0,
        "conv_1x1": 65_792,
        "conv_3x3": 590_080,
        "conv_5x5": 1_638_656,
        "sep_conv_3x3": 136_704,
        "sep_conv_5x5": 144_896,
        "sep_conv_7x7": 157_184,
    }


def test_the_generator_at_64_px_begins_with_8_px_and_each_cell_doubles():
    network = build_generator(64, width=8, genotype="alphagan-l")
    assert network.get_layer("start").units == 8 * 8 * 32
    assert network(tf.zeros([2, LATENT_SIZE])).shape == (2, 64, 64, 3)
    sides = [network.get_layer(f"cell{cell}_normal1").output_shape[1] for cell in (1, 2)]
    assert sides == [16, 32]


def numpy_relu_conv(x, layer):
    x = np.maximum(x, 0.0)
    if layer.kernel.shape[0] == 1:
        return x @ layer.kernel.numpy()[0, 0] + layer.bias.numpy()
    return tf.nn.conv2d(x, layer.kernel, 1, "SAME").numpy() + layer.bias.numpy()


def repeated(x, factor):
    return x.repeat(factor, axis=1).repeat(factor, axis=2)


def test_the_cells_are_wired_as_in_the_paper():
    # Nearest and convolutions alone, so that NumPy can say what comes out.
    words = {place: "nearest" if "normal" not in place else "conv_1x1" for place in SPACE.places}
    network = build_generator(32, width=8, genotype=SPACE.encode(words), seed=3)
    for layer in network.layers:
        if layer.name.endswith(("normal0", "normal1", "normal2")):
            layer.bias.assign(np.random.default_rng(1).normal(size=32))
    codes = np.random.default_rng(2).normal(size=[2, LATENT_SIZE]).astype(np.float32)

    def at(place, x):
        return numpy_relu_conv(x, network.get_layer(place))

    x = network.get_layer("start")(codes).numpy().reshape(2, 4, 4, 32)
    handed = []
    for cell in (1, 2, 3):
        first = second = repeated(x, 2)
        x = at(f"cell{cell}_normal1", at(f"cell{cell}_normal0", first)) + at(f"cell{cell}_normal2", second)
        x += sum(repeated(earlier, 2 ** (cell - number)) for number, earlier in enumerate(handed, start=1))
        handed.append(first)
    norm = x / np.sqrt(1 + 1e-5) * network.get_layer("rgb_norm").gamma.numpy()
    expected = np.tanh(tf.nn.conv2d(np.maximum(norm, 0), network.get_layer("rgb").kernel, 1, "SAME").numpy())
    np.testing.assert_allclose(network(codes), expected, atol=2e-5)


def test_a_skip_over_two_cells_doubles_twice_by_one_transposed_convolution():
    network = build_generator(32, width=8, genotype=SPACE.encode(SMALL | {"skip1to3": "deconv"}))
    macs = layer_macs(network)
    assert [layer.name for layer in network.layers if layer.name.startswith("skip1to3")] == ["skip1to3"]
    assert macs["skip1to3"] == (8 * 8 + 16 * 16) * 4 * 32 * 32


def test_bilinear_is_that_of_half_pixel_centers():
    images = np.random.default_rng(0).normal(size=[2, 6, 5, 3]).astype(np.float32)
    expected = tf.image.resize(images, [12, 10], "bilinear")
    np.testing.assert_allclose(upsample_bilinear(images), expected, atol=1e-6)
    # An independent library, away from the border.
    one = zoom(images[0, :, :, 0], 2, order=1, grid_mode=True, mode="nearest")
    np.testing.assert_allclose(upsample_bilinear(images)[0, :, :, 0], one, atol=1e-5)


def test_initial_weights_are_those_of_the_papers_retraining():
    network = build_generator(32, seed=5)
    dense, deconv = network.get_layer("start"), network.get_layer("cell1_up1")
    for variable, bound in ((dense.kernel, 128**-0.5), (dense.bias, 128**-0.5), (deconv.kernel, 1024**-0.5)):
        assert 0.99 * bound < np.abs(variable).max() <= bound
    xavier = (6 / (256 + 256)) ** 0.5
    assert 0.99 * xavier < np.abs(network.get_layer("cell1_normal0").kernel).max() <= xavier
    assert not np.any(network.get_layer("cell1_normal0").bias)
    gains = network.get_layer("rgb_norm").gamma.numpy()
    assert abs(gains.mean() - 1.0) < 0.01
    assert 0.015 < gains.std() < 0.025


def test_masks_hold_every_kernel_but_the_depthwise_ones():
    network = build_generator(32, width=8, seed=0)
    names = set(prunable_kernels(network))
    assert {"cell1_up1", "cell1_normal0", "cell1_normal1_pointwise1", "skip1to3", "rgb"} <= names
    assert not any("depthwise" in name for name in names)
    assert "cell1_normal1_depthwise1.depthwise_kernel" in prunable_kernels(network, "all")


def test_with_classes_every_normalization_has_gains_of_its_own():
    network = GENERATORS["alphagan"].build(32, 3, 8, 0, 3, NetworkOptions(genotype="alphagan-l"))
    norms = [layer.name for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    gains = [layer.name for layer in network.layers if layer.name.endswith("_gain")]
    assert len(norms) == 5  # two separable convolutions and the head
    assert [f"{name}_gain" for name in norms] == gains
