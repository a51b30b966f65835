import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_devices import compiled_gan

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.description import describe_training
from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.sparsity.adapt import BalanceRatio
from sle_gan.sparsity.kernels import prunable_kernels
from sle_gan.sparsity.masks import Masks
from sle_gan.training import accumulation
from sle_gan.training.accumulation import Share, shares, summed
from sle_gan.training.classes import ClassShares
from sle_gan.training.devices import strategy_of
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import MovingAverage
from sle_gan.training.gan import GAN
from sle_gan.training.inputs import latent_codes
from sle_gan.training.losses import hinge_discriminator, hinge_generator
from sle_gan.training.memory import estimated_bytes
from sle_gan.training.r1 import r1
from sle_gan.training.reconstruction import Reconstruction
from sle_gan.training.teacher import Teacher

SIDE = 4


def small_networks(classes=0):
    """Two networks of two layers each, without statistics of a batch; with classes labels are their last input."""
    glorot = keras.initializers.GlorotUniform
    codes, images = keras.Input([6]), keras.Input([SIDE, SIDE, 1])
    labels = [keras.Input([classes])] if classes else []
    concat = keras.layers.Concatenate
    x = concat()([codes, *labels]) if labels else codes
    x = keras.layers.Dense(12, "tanh", kernel_initializer=glorot(1), name="first")(x)
    x = keras.layers.Dense(SIDE * SIDE, "tanh", kernel_initializer=glorot(2), name="last")(x)
    generator = keras.Model([codes, *labels], keras.layers.Reshape([SIDE, SIDE, 1])(x))
    y = keras.layers.Conv2D(4, 3, activation=tf.nn.softplus, kernel_initializer=glorot(3))(images)
    y = keras.layers.Flatten()(y)
    y = keras.layers.Dense(2, kernel_initializer=glorot(4))(concat()([y, *labels]) if labels else y)
    return generator, keras.Model([images, *labels], y)


def hinge_discriminator_of_1(real_logits, fake_logits, seed):
    return hinge_discriminator(real_logits, fake_logits, seed, smallest_margin=1.0)


def small_gan(count, classes=0, n_critic=2, optimizer=keras.optimizers.SGD, actions=()):
    networks = *small_networks(classes), small_networks(classes)[0]
    shares_of_classes = ClassShares([0, 1, 1, 2, 2, 2], classes) if classes else None
    gan = GAN(*networks, classes=shares_of_classes, n_critic=n_critic, accumulate=count, seed=3)
    discriminator_terms, generator_terms = [r1(2.0, 2)], []
    if not classes:
        discriminator_terms.append(Distillation(small_networks()[1], 0.3))
        discriminator_terms[-1].weight.assign(0.3)
        generator_terms.append(Teacher(small_networks()[1], 0.5))
    gan.compile(
        optimizer(0.1),
        optimizer(0.1),
        hinge_generator,
        hinge_discriminator_of_1,
        discriminator_terms,
        generator_terms,
        [*actions, MovingAverage(0.5)],
    )
    return gan


def batch(count, classes=0):
    images = tf.random.stateless_uniform([count, SIDE, SIDE, 1], [1, 2], -1, 1)
    return (images, tf.range(count) % classes) if classes else images


def assert_equal_states(gans, **tolerance):
    for item in ("generator", "discriminator", "average_generator"):
        for one, several in zip(*(getattr(gan, item).weights for gan in gans), strict=True):
            np.testing.assert_allclose(several.numpy(), one.numpy(), err_msg=one.name, **tolerance)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_step_of_four_shares_is_that_of_the_whole_batch(classes):
    whole, divided = (small_gan(count, classes, actions=[BalanceRatio()]) for count in (1, 4))
    before = [weight.numpy() for weight in whole.generator.weights]
    compiled = (lambda step: step) if classes else tf.function  # one of the two without the time to trace
    logs = [compiled(gan.train_step)(batch(16, classes)) for gan in (whole, divided)]
    assert all(not np.array_equal(a, b) for a, b in zip(before, whole.generator.weights, strict=True))
    assert_equal_states((whole, divided), rtol=1e-6, atol=1e-7)
    for name in logs[0]:
        assert float(logs[1][name]) == pytest.approx(float(logs[0][name]), rel=1e-5, abs=1e-6), name
    ratios = [float(gan.method(BalanceRatio).ratios[0]) for gan in (whole, divided)]
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-3)
    assert float(logs[0]["penalty"]) > 0.0


@pytest.mark.slow
def test_two_devices_with_two_shares_each_make_the_step_of_one_with_the_whole_batch(two_replicas):
    def trained(count):
        gan = small_gan(count, n_critic=1)
        gan.fit(tf.data.Dataset.from_tensors(batch(8)).repeat(2), verbose=0)
        return gan

    alone = trained(1)
    with two_replicas.scope():
        shared = trained(2)
    assert_equal_states((alone, shared), rtol=1e-5, atol=1e-6)


def test_devices_bring_the_statistics_of_each_share_together(two_replicas):
    with two_replicas.scope():
        gan = compiled_gan(accumulate=2)
    images = tf.random.stateless_uniform([8, 4, 4, 1], [1, 2], -1, 1)
    gan.fit(tf.data.Dataset.from_tensors(images).repeat(2), verbose=0)
    for variable in (*gan.generator.variables, *gan.discriminator.trainable_variables):
        copies = [value.numpy() for value in two_replicas.experimental_local_results(variable)]
        np.testing.assert_array_equal(*copies, err_msg=variable.name)
        assert np.isfinite(copies[0]).all()
    assert np.abs(gan.generator.get_layer("norm").moving_mean.numpy()).max() > 0.0


def test_shares_have_the_codes_of_the_batch_and_seeds_of_their_own():
    generator, seed = small_networks()[0], tf.constant([7, 0])
    whole = latent_codes(generator, 6, seed, Share(0, 1))
    parts = [latent_codes(generator, 6, seed, share) for share in shares(3)]
    np.testing.assert_array_equal(tf.concat(parts, 0), whole)
    assert Share(0, 1).seed(seed) is seed
    assert len({tuple(share.seed(seed).numpy()) for share in shares(3)}) == 3


def test_gradients_are_summed_and_missing_ones_left_out():
    def gradients_of(share):
        number = tf.constant(float(share.index + 1))
        return [number, None, number if share.index == 1 else None], share.index

    total, others = summed(3, gradients_of)
    assert [gradient if gradient is None else float(gradient) for gradient in total] == [6.0, None, 2.0]
    assert others == [0, 1, 2]


def test_a_share_begins_when_the_gradients_of_the_one_before_are_there():
    with tf.Graph().as_default() as graph:
        accumulation.summed(2, lambda share: ([tf.constant(1.0, name=f"gradient_{share.index}")], None))
    waits_for = [operation.name for operation in graph.get_operation_by_name("gradient_1").control_inputs]
    assert waits_for == ["gradient_0"]


def test_a_loss_scale_and_masks_leave_the_step_of_shares_as_it_is():
    gans = small_gan(1), small_gan(4)
    for gan in gans:
        kernels = prunable_kernels(gan.discriminator)
        gan.set_update_rules(discriminator=Masks(gan.discriminator))
        gan.discriminator_rule.set(
            [np.arange(kernel.numpy().size).reshape(kernel.shape) % 2 == 0 for kernel in kernels.values()]
        )
        scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0)
        scaled.build(gan.discriminator_variables)
        gan.discriminator_optimizer = scaled
        gan.train_step(batch(8))
    assert gans[1].discriminator_rule.density() == pytest.approx(0.5)
    assert_equal_states(gans, rtol=1e-6, atol=1e-7)


NETWORKS = {
    "fastgan": {"resolution": 64, "reconstruction_loss": "l1"},
    "sngan": {"resolution": 32, "n_critic": 2, "gradient_penalty": 1},
    "stylegan2": {"resolution": 32, "r1_gamma": 0, "path_length_weight": 2, "path_length_interval": 1},
    "biggan": {"resolution": 32, "n_critic": 1, "mixed_precision": "float16"},
}
METHODS = {
    "fastgan": {"adv_augment": True, "consistency_weight": 1},
    "sngan": {"dig_weight": 1, "dig_interval": 1, "adv_augment": True},
    "stylegan2": {"r1_gamma": 1, "r1_interval": 1, "augment": "ada"},
}


def settings_of(**given):
    return resolve({"data_folder": "x", "width": 8, "batch_size": 4, **given})


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("sngan", {}),
        *(pytest.param(name, {}, marks=pytest.mark.slow) for name in NETWORKS if name != "sngan"),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in METHODS.items()),
    ],
)
def test_every_network_makes_steps_of_two_shares(name, more):
    settings = settings_of(**({"model": name} | NETWORKS[name] | more), accumulate=2)
    networks = build_networks(settings)
    gan = build_gan(settings, *networks)
    before = [variable.numpy() for variable in (*gan.generator.trainable_variables, *gan.discriminator_variables)]
    side = settings.images.resolution
    images = tf.random.stateless_uniform([4 * settings.optimization.n_critic, side, side, 3], [5, 6], -1, 1)
    logs = [gan.train_step(images) for _ in range(2)][-1]
    assert np.isfinite([float(value) for value in logs.values()]).all()
    gan.raise_if_not_finite()
    after = [*gan.generator.trainable_variables, *gan.discriminator_variables]
    still = [a.name for a, b in zip(after, before, strict=True) if np.array_equal(a.numpy(), b)]
    # Noise has no share in a picture until its scale has moved, and a step that overflows in 16 bits is left out.
    assert still == [] or name == "biggan"
    told = {"fastgan": "batch normalization", "stylegan2": "minibatch deviation"}
    told |= dict.fromkeys(("sngan", "biggan"), "batch normalization")
    (line,) = accumulation.describe_shares(2, 4, networks)
    assert line == (
        "accumulate: each step sums the gradients of 2 shares of 2 of its 4 images; batch statistics "
        f"({told[name]}) are those of 2, so it is not the step of the whole batch"
    )


def test_networks_without_statistics_of_a_batch_are_not_told_of():
    (line,) = accumulation.describe_shares(4, 16, small_networks())
    assert line == "accumulate: each step sums the gradients of 4 shares of 4 of its 16 images"


def test_the_reconstruction_of_shares_is_the_sum_over_the_whole_batch():
    def gan_with_decoders(count):
        generator, discriminator = small_networks()
        feature_map = keras.Input([SIDE - 2, SIDE - 2, 4])
        decoder = keras.layers.Conv2D(1, 1, kernel_initializer=keras.initializers.GlorotUniform(5), name="decoder")
        quadrant = keras.Input([], dtype=tf.int32)
        picture = decoder(feature_map) + 0.0 * tf.cast(quadrant, tf.float32)[:, None, None, None]
        decoders = keras.Model([feature_map, quadrant], [picture, picture, picture])
        # Without the references, whose quadrant each share draws for itself.
        distance = Reconstruction(decoders, lambda pictures, references: tf.reduce_mean(pictures**2, axis=[1, 2, 3]))
        judged = keras.Model(discriminator.inputs, [discriminator.output, discriminator.layers[1].output])
        gan = GAN(generator, judged, small_networks()[0], accumulate=count, seed=3)
        optimizers = [keras.optimizers.SGD(0.01) for _ in range(2)]
        gan.compile(*optimizers, hinge_generator, hinge_discriminator_of_1, [distance])
        return gan

    gans = gan_with_decoders(1), gan_with_decoders(4)
    losses = [float(gan.train_step(batch(8))["reconstruction_loss"]) for gan in gans]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert_equal_states(gans, rtol=1e-6, atol=1e-7)
    decoders = [gan.method(Reconstruction).decoders.get_layer("decoder").kernel.numpy() for gan in gans]
    np.testing.assert_allclose(decoders[1], decoders[0], rtol=1e-6)


def test_a_batch_that_cannot_be_divided_is_refused():
    with pytest.raises(InputError, match="--batch-size must be a multiple of --accumulate 3; got 4"):
        settings_of(accumulate=3)
    assert strategy_of("mirrored", 8, 4).num_replicas_in_sync == 2
    with pytest.raises(InputError, match="a multiple of 2, the number of devices times --accumulate 3; got 8"):
        strategy_of("mirrored", 8, 3)


def test_shares_need_less_memory_and_a_dry_run_says_so():
    settings = settings_of(model="sngan", resolution=32, batch_size=64, accumulate=8)
    networks = build_networks(settings)
    whole, divided = (estimated_bytes(*networks, 64, count) for count in (1, 8))
    weights = estimated_bytes(*networks, 0)
    assert (whole - weights) / 8 > divided - weights - 4 * max(network.count_params() for network in networks) > 0
    assert (
        "accumulate: each step sums the gradients of 8 shares of 8 of its 64 images"
        in describe_training(settings, 100)[2]
    )
