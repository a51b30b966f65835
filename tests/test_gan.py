import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.augment.diffaugment import DiffAugment
from sle_gan.models import MODELS
from sle_gan.models.discriminators.fastgan import discriminator as build_discriminator
from sle_gan.models.generators.fastgan import generator as build_generator
from sle_gan.models.pairing import training_graph
from sle_gan.training.ema import MovingAverage, copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_discriminator, hinge_generator
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference
from sle_gan.training.regularizers import Regularizer


def linear_networks():
    """A generator and a discriminator of one number each, so that steps can be computed by hand."""
    codes = keras.Input([2])
    image = keras.layers.Dense(1, name="dense", kernel_initializer="ones")(codes)
    generator = keras.Model(codes, keras.layers.Reshape([1, 1, 1])(image))
    images = keras.Input([1, 1, 1])
    dense = keras.layers.Dense(1, name="dense", kernel_initializer="ones")
    return generator, keras.Model(images, dense(keras.layers.Flatten()(images)))


def difference(real, fake, seed=None):
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


def linear_gan(n_critic=1, seed=0, **options):
    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    copy_weights(average, generator)
    gan = GAN(generator, discriminator, average, n_critic=n_critic, seed=seed)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), hinge_generator, difference, **options)
    return gan


def fastgan_gan():
    generator, discriminator = (
        build_generator(64, width=8, seed=1),
        build_discriminator(64, width=8, seed=1),
    )
    average = build_generator(64, width=8)
    copy_weights(average, generator)
    graph = training_graph(MODELS["fastgan"].pair(), generator, discriminator)
    augment = DiffAugment(("color", "translation"))
    gan = GAN(graph.generator, graph.discriminator, average, augment=augment)
    gan.compile(
        keras.optimizers.Adam(1e-3),
        keras.optimizers.Adam(1e-3),
        hinge_generator,
        hinge_discriminator,
        [Reconstruction(graph.decoders, mean_absolute_difference)],
    )
    return gan


def images(count=4, side=64):
    return tf.random.stateless_uniform([count, side, side, 3], [5, 6], -1, 1)


def test_one_step_is_the_one_that_is_computed_by_hand():
    gan = linear_gan(after_step=[MovingAverage(0.5)])
    reals = tf.reshape(tf.constant([1.0, 2.0, 3.0]), [3, 1, 1, 1])
    seed = gan._step_seed()
    codes = tf.random.stateless_normal([3, 2], tf.random.experimental.stateless_fold_in(seed, 0)).numpy()
    logs = gan.train_step(reals)
    # D(x) = x at first; dL/dw = mean fake - mean real, and the bias cancels out.
    fakes = codes.sum(axis=1)
    weight = 1.0 - 0.1 * (fakes.mean() - 2.0)
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(weight, rel=1e-5)
    assert float(logs["discriminator_loss"]) == pytest.approx(fakes.mean() - 2.0, rel=1e-5)
    # The generator sees the updated D: its loss is -w mean(z . k + b).
    kernel = 1.0 + 0.1 * weight * codes.mean(axis=0)
    dense = gan.generator.get_layer("dense")
    np.testing.assert_allclose(dense.kernel[:, 0], kernel, rtol=1e-5)
    assert dense.bias.numpy().item() == pytest.approx(0.1 * weight, rel=1e-5)
    np.testing.assert_allclose(gan.average_generator.get_layer("dense").kernel[:, 0], (1 + kernel) / 2, rtol=1e-5)
    assert int(gan.steps) == 1


def test_fit_counts_steps_and_keeps_the_means_across_calls():
    gan = linear_gan()
    data = tf.data.Dataset.from_tensors(tf.ones([3, 1, 1, 1])).repeat()
    gan.fit(data, steps_per_epoch=2, verbose=0)
    history = gan.fit(data, steps_per_epoch=3, verbose=0).history
    assert int(gan.steps) == 5
    assert {mean.count.numpy() for mean in gan.loss_means} == {5.0}
    assert set(history) == {mean.name for mean in gan.loss_means}


def test_the_step_is_a_function_of_the_seed_and_the_steps_number():
    def losses(gan):
        for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
            optimizer.learning_rate.assign(0.0)
        return [float(gan.train_step(tf.zeros([3, 1, 1, 1]))["generator_loss"]) for _ in range(2)]

    first, other = losses(linear_gan(seed=1)), losses(linear_gan(seed=2))
    assert losses(linear_gan(seed=1)) == first
    assert len({*first, *other}) == 4


def test_a_step_moves_every_trainable_weight_of_fastgan():
    gan = fastgan_gan()
    variables = gan.generator.trainable_variables + gan.discriminator_variables
    before = [variable.numpy() for variable in variables]
    gan.train_step(images())
    gan.train_step(images())  # a noise scale of zero has its first gradient here or before
    still = [v.name for v, b in zip(variables, before, strict=True) if np.array_equal(v.numpy(), b)]
    assert still == []


def test_the_compiled_step_agrees_with_the_eager_one_and_teaches_to_tell_reals_from_fakes():
    eager, graph = fastgan_gan(), fastgan_gan()
    step = tf.function(graph.train_step)
    a, b = eager.train_step(images()), step(images())
    for name in a:
        assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-3, abs=1e-5)
    graph.generator_optimizer.learning_rate.assign(0.0)
    gaps = [float(logs["real_logits"] - logs["fake_logits"]) for logs in (step(images()) for _ in range(16))]
    assert gaps[-1] > gaps[0] + 0.2


def test_everything_that_a_step_changes_is_in_the_checkpoint(tmp_path):
    first, second = fastgan_gan(), fastgan_gan()
    first.train_step(images())
    path = tf.train.Checkpoint(**first.checkpoint_items()).save(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(**second.checkpoint_items()).restore(path).assert_consumed()
    first.train_step(images())
    second.train_step(images())
    pairs = zip(first.variables, second.variables, strict=True)
    trained = zip(first.discriminator_variables, second.discriminator_variables, strict=True)
    for a, b in (*pairs, *trained):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.name)
    for a, b in zip(first.generator_optimizer.variables, second.generator_optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.name)


def test_each_step_of_the_discriminator_has_images_and_codes_of_its_own():
    gan = linear_gan(n_critic=3)
    reals = tf.reshape(tf.constant([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), [6, 1, 1, 1])
    seed = gan._step_seed()
    fold = tf.random.experimental.stateless_fold_in
    seeds = [fold(fold(seed, 5), 0), fold(fold(seed, 5), 1), seed]
    codes = [tf.random.stateless_normal([2, 2], fold(turn_seed, 0)).numpy() for turn_seed in seeds]
    fakes = [turn_codes.sum(axis=1).mean() for turn_codes in codes]
    assert len(set(fakes)) == 3
    gan.train_step(reals)
    # D(x) = x at first, and each step adds 0.1 (mean real - mean fake).
    weight = 1.0 + 0.1 * ((1.5 - fakes[0]) + (6.0 - fakes[1]) + (24.0 - fakes[2]))
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(weight, rel=1e-5)
    # The generator makes one step, against the last discriminator and with its codes.
    kernel = 1.0 + 0.1 * weight * codes[-1].mean(axis=0)
    np.testing.assert_allclose(gan.generator.get_layer("dense").kernel[:, 0], kernel, rtol=1e-5)
    assert int(gan.steps) == 1


def test_a_penalty_joins_the_loss_of_its_steps_of_the_discriminator():
    gan = linear_gan(n_critic=3)

    def squared_kernel(discriminator, reals, fakes, seed):
        return tf.reduce_mean(discriminator([tf.ones([1, 1, 1, 1])]) - discriminator([tf.zeros([1, 1, 1, 1])])) ** 2

    gan.compile(
        keras.optimizers.SGD(0.1),
        keras.optimizers.SGD(0.1),
        hinge_generator,
        lambda real, fake, seed: 0.0 * tf.reduce_mean(fake),
        [Regularizer(squared_kernel, 2.0, 2)],
    )
    data = tf.data.Dataset.from_tensors(tf.ones([6, 1, 1, 1])).repeat()
    gan.fit(data, steps_per_epoch=2, verbose=0)
    # Due at steps 0, 2 and 4 of the discriminator's six: w -> w - 0.1 * 2 * 2 w.
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(0.6**3, rel=1e-5)
    (penalty,) = [mean for mean in gan.loss_means if mean.name == "penalty"]
    assert float(penalty.result()) == pytest.approx(2 * (1 + 0.6**2 + 0.6**4) / 6, rel=1e-5)


def test_a_loss_scale_leaves_the_step_as_it_is():
    plain, scaled = linear_gan(), linear_gan()
    for name in ("generator_optimizer", "discriminator_optimizer"):
        setattr(scaled, name, keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0))
    scaled.generator_optimizer.build(scaled.generator.trainable_variables)
    scaled.discriminator_optimizer.build(scaled.discriminator.trainable_variables)
    reals = tf.reshape(tf.constant([1.0, 2.0, 3.0]), [3, 1, 1, 1])
    logs = [gan.train_step(reals) for gan in (plain, scaled)]
    for name in logs[0]:
        np.testing.assert_allclose(logs[1][name], logs[0][name], rtol=1e-6)
    for network in ("generator", "discriminator"):
        for a, b in zip(getattr(plain, network).weights, getattr(scaled, network).weights, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-6)


def test_a_step_whose_gradients_overflow_is_left_out_and_the_scale_halved():
    gan = linear_gan()
    optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**127)
    gan.discriminator_optimizer = optimizer
    optimizer.build(gan.discriminator.trainable_variables)
    before = gan.discriminator.get_weights()
    gan.train_step(tf.reshape(tf.constant([1e3, 2e3]), [2, 1, 1, 1]))
    for a, b in zip(gan.discriminator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(optimizer.loss_scale) == 2.0**126
    assert all(np.isfinite(value).all() for value in gan.get_weights())
