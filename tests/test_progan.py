import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from batches import judged_batch
from test_regularizers import PENALTIES, assert_gradients_agree_with_finite_differences

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.layers.equalized import EqualizedDense
from sle_gan.layers.norm import pixel_norm
from sle_gan.layers.resample import average_pool_to, upsample_nearest
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.models.blocks.progan import Variant
from sle_gan.models.discriminators import progan as discriminators
from sle_gan.models.generators import progan as generators
from sle_gan.models.rows import ChannelLimits, NetworkOptions
from sle_gan.training.drift import LogitDrift
from sle_gan.training.gradient_penalty import gradient_penalty

OFFICIAL, CIFAR, SMALL = ChannelLimits(16_384, 512), ChannelLimits(8192, 128), ChannelLimits(2048, 64)


def normal(*shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 1])


def built(side, variant="paper", **options):
    """Builds both networks; by default so narrow that they take a second."""
    options = NetworkOptions(variant=variant, **({"limits": ChannelLimits(64, 16)} | options))
    return tuple(table["progan"].build(side, 3, 64, 1, 0, options) for table in (GENERATORS, DISCRIMINATORS))


@pytest.fixture(scope="module")
def pair():
    return built(32)


def set_level(networks, level):
    for network in networks:
        network.get_layer("growth").level.assign(level)


def parameters(part):
    return sum(variable.shape.num_elements() for variable in part.trainable_variables)


def parameters_to(network, side):
    """The parameters of a network without its parts of larger sides: those of a network of `side` pixels."""
    larger = {f"{kind}{2**power}" for kind in ("map", "side") for power in range(side.bit_length(), 11)}
    return sum(parameters(part) for part in network.layers if part.name.split("_")[0] not in larger)


@pytest.mark.paper(
    "ProGAN",
    "Karras et al. 2018, arXiv:1710.10196, table 2, at 32 to 1024 px",
    "the trainable parameters of both networks",
)
def test_the_networks_have_the_papers_parameters():
    of_sides = {
        32: (20_719_628, 20_726_785),
        64: (22_490_383, 22_498_049),
        128: (22_933_394, 22_941_313),
        256: (23_044_309, 23_052_353),
        1024: (23_079_115, 23_087_249),
    }
    largest = built(1024, limits=OFFICIAL)
    for side, expected in of_sides.items():
        assert tuple(parameters_to(network, side) for network in largest) == expected
    first = [
        sum(parameters(network.get_layer(name)) for name in names) + parameters(network.layers[-1]) * has_last
        for network, names, has_last in zip(
            largest, (("map4", "side4_rgb"), ("map4", "side4")), (False, True), strict=True
        )
    ]
    assert first == [6_556_163, 6_561_793]


@pytest.mark.parametrize(
    ("side", "limits", "expected"),
    [
        (32, CIFAR, (1_296_908, 1_298_689)),
        (64, SMALL, (352_687, 353_633)),
        (256, SMALL, (361_453, 362_441)),
    ],
)
def test_narrower_networks_of_each_side_have_theirs(side, limits, expected):
    assert tuple(map(parameters, built(side, limits=limits))) == expected


@pytest.mark.paper("Re-GAN", "Saxena et al., CVPR 2023, its ProGAN of 32 px", "the trainable parameters of both")
def test_re_gans_own_networks_have_their_parameters():
    assert tuple(map(parameters, built(32, "regan", limits=OFFICIAL))) == (23_079_436, 20_726_785)


@pytest.mark.paper(
    "ProGAN",
    "Karras et al. 2018, arXiv:1710.10196, section 4.2",
    "pixel norm makes a root mean square of 1 at each pixel",
)
def test_pixel_norm_makes_each_pixel_of_length_1():
    normalized = pixel_norm(5.0 * normal(2, 4, 4, 7))
    np.testing.assert_allclose(tf.reduce_mean(normalized**2, axis=-1), np.ones([2, 4, 4]), rtol=1e-5)
    np.testing.assert_allclose(tf.reduce_mean(pixel_norm(normal(3, 9)) ** 2, axis=-1), np.ones(3), rtol=1e-5)


def test_a_gain_scales_kernels_and_no_biases():
    dense = EqualizedDense(3, gain=2.0, bias_initializer="ones")
    inputs = normal(2, 8)
    np.testing.assert_allclose(dense(inputs), inputs @ dense.kernel * (2.0 / np.sqrt(8)) + 1.0, rtol=1e-5)


def test_the_length_of_codes_matters_to_re_gans_networks_alone(pair):
    codes = normal(2, 16)
    for generator, is_normalized in ((pair[0], True), (built(32, "regan")[0], False)):
        start = generator.get_layer("map4")
        before_norm = tf_keras.Model(start.input, start.get_layer("start").output)
        expected = before_norm(codes) * (1.0 if is_normalized else 3.0)
        np.testing.assert_allclose(before_norm(3.0 * codes), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_while_a_side_fades_in_the_networks_are_a_mix_of_both_sides(pair, share):
    generator, discriminator = pair
    codes, images = normal(2, 16), normal(2, 16, 16, 3)
    set_level(pair, 1.0 + share)
    before, after = (generators._of_side(generator, side, side)(codes) for side in (8, 16))
    mixed = (1 - share) * after + share * upsample_nearest(before)
    np.testing.assert_allclose(generators.graph_of_side(generator, 16)(codes), mixed, atol=1e-5)
    np.testing.assert_allclose(generator(codes), upsample_nearest(mixed), atol=1e-5)
    logits = discriminators.graph_of_side(discriminator, 16)(images)
    np.testing.assert_allclose(discriminator(upsample_nearest(images)), logits, atol=1e-5)
    alone = {0.0: (16, images), 1.0: (8, average_pool_to(images, 8))}
    if share in alone:
        side, seen = alone[share]
        np.testing.assert_allclose(discriminators._of_side(discriminator, side, side)(seen), logits, atol=1e-5)


def test_at_the_first_side_and_at_the_full_one_the_whole_networks_are_those_that_train(pair):
    codes = normal(2, 16)
    for side, level in ((4, 3.0), (32, 0.0)):
        set_level(pair, level)
        picture = generators.graph_of_side(pair[0], side)(codes)
        np.testing.assert_allclose(pair[0](codes), upsample_nearest(picture, 32 // side), atol=1e-5)
        judged = discriminators.graph_of_side(pair[1], side)(picture)
        np.testing.assert_allclose(pair[1](upsample_nearest(picture, 32 // side)), judged, atol=1e-5)
    assert {variable.name for variable in generators.training_graph(pair[0]).trainable_variables} == {
        variable.name
        for variable in pair[0].trainable_variables
        if not variable.name.startswith(("side4", "side8", "side16"))
    }


def test_re_gans_pictures_are_bounded_from_8_px_on():
    networks = built(32, "regan")
    codes = 100.0 * normal(2, 16)
    for name in ("side4_rgb", "side8_rgb"):
        networks[0].get_layer(name).bias.assign([3.0] * 3)
    bounded = {}
    for side, level in ((4, 3.0), (8, 2.0), (32, 0.0)):
        set_level(networks, level)
        pictures = generators.graph_of_side(networks[0], side)(codes), networks[0](codes)
        bounded[side] = [float(tf.reduce_max(tf.abs(picture))) <= 1.0 for picture in pictures]
    assert bounded == {4: [False, False], 8: [True, True], 32: [True, True]}


def test_the_penalty_is_right_at_the_second_order_while_a_side_fades_in(monkeypatch):
    monkeypatch.setattr(Variant, "activated", lambda self, x: tf.nn.silu(x))  # without corners
    discriminator = built(32)[1]
    set_level([discriminator], 1.4)
    judge = discriminators.graph_of_side(discriminator, 16)
    assert_gradients_agree_with_finite_differences(judge, PENALTIES["gradient penalty"])


def test_the_drift_is_the_mean_squared_logit_of_reals():
    reals, fakes = tf.constant([[3.0], [-1.0]]), tf.constant([[9.0], [9.0]])
    batch = judged_batch(lambda logits: logits, reals, fakes, [0, 1])
    assert float(LogitDrift(0.1).value(batch)) == pytest.approx(0.1 * (9 + 1) / 2)


@pytest.mark.paper(
    "ProGAN",
    "Karras et al. 2018, arXiv:1710.10196, appendix A.1, a target of 750 for CIFAR-10",
    "the gradient penalty's target",
)
def test_the_gradient_penalty_asks_for_its_target():
    def plane(images):  # of slope 6
        return 3.0 * tf.reduce_sum(images, axis=[1, 2, 3])[:, None]

    images = normal(3, 2, 2, 1)
    for target in (1.0, 6.0, 750.0):
        expected = ((6.0 - target) / target) ** 2
        assert float(gradient_penalty(plane, images, -images, [0, 1], target)) == pytest.approx(expected, abs=1e-6)


def test_the_recipe_is_the_papers():
    def settings(**given):
        return resolve({"data_folder": "x", "model": "progan", **given}, image_count=100)

    for side, batch in ((32, 64), (64, 32), (256, 8), (1024, 4)):
        assert settings(resolution=side).optimization.batch_size == batch
    penalties, optimization = settings(resolution=32).penalties, settings(resolution=32).optimization
    assert (penalties.gradient_penalty, penalties.gradient_target, penalties.drift_weight) == (10.0, 1.0, 0.001)
    assert (optimization.loss, optimization.ema_decay, optimization.adam_beta_2) == ("wasserstein", 0.999, 0.99)
    assert settings(resolution=1024).optimization.D_learning_rate == 1.5e-3
    assert settings(model="sngan", resolution=32).penalties.drift_weight == 0.0
    with pytest.raises(InputError, match="--progan-variant needs a network that takes it: progan; got sngan"):
        settings(model="sngan", resolution=32, progan_variant="regan")
