"""The relativistic loss with R1 and R2: pairs in both steps, what reads its logits, and with what it goes together."""

import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from processes import assert_same_end, script
from test_accumulation import assert_equal_states, batch, small_networks
from test_gan import linear_networks
from test_models_cli import pictures, words  # noqa: F401  (a fixture)
from test_perturbation import linear_splits
from test_regularizers import SEED, assert_gradients_agree_with_finite_differences

from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.run import RunFolder
from sle_gan.sparsity.kernels import prunable_kernels
from sle_gan.sparsity.masks import Masks
from sle_gan.training import draws
from sle_gan.training.classes import ClassShares
from sle_gan.training.ema import MovingAverage, copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import adversarial_losses, relativistic_discriminator, relativistic_generator
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures
from sle_gan.training.r1 import r1, r1_penalty, r2
from sle_gan.training.teacher import Teacher

LOSSES = adversarial_losses("relativistic", smallest_margin=0.8)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.paper(
    "Losses", "Huang et al. 2024, arXiv:2501.05441", "relativistic: both losses are of pairs, place by place"
)
def test_equal_logits_lose_log_2_and_swapped_images_swap_the_losses():
    reals, fakes = (tf.random.stateless_normal([4, 3], [number, 0]) for number in (1, 2))
    for loss in (relativistic_discriminator(reals, reals, SEED), relativistic_generator(fakes, fakes)):
        assert float(loss) == pytest.approx(np.log(2.0), rel=1e-6)
    expected = softplus(fakes.numpy() - reals).mean()  # of each place, not of means
    assert float(relativistic_discriminator(reals, fakes, SEED)) == pytest.approx(expected, rel=1e-6)
    assert float(relativistic_generator(reals, fakes)) == pytest.approx(expected, rel=1e-6)
    assert float(relativistic_discriminator(reals + 7.0, fakes + 7.0, SEED)) == pytest.approx(expected, rel=1e-5)


def test_the_reals_of_the_generators_step_are_constant():
    reals = tf.Variable([[1.0], [2.0]])
    with tf.GradientTape() as tape:
        loss = LOSSES[0].against(reals * 1.0)(tf.zeros([2, 1]))
    assert float(loss) == pytest.approx(softplus(np.array([1.0, 2.0])).mean(), rel=1e-6)
    assert tape.gradient(loss, reals) is None


def linear_gan(accumulate=1, terms=(), generator_terms=(), augment=None, n_critic=1):
    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    copy_weights(average, generator)
    gan = GAN(generator, discriminator, average, augment=augment, accumulate=accumulate, n_critic=n_critic)
    sgd = keras.optimizers.SGD
    gan.compile(sgd(0.1), sgd(0.1), *LOSSES, terms, generator_terms)
    return gan


def drawn_codes(gan, count):
    return tf.random.stateless_normal([count, 2], draws.fold(gan._step_seed(), draws.LATENT_CODES)).numpy()


@pytest.mark.paper(
    "Losses", "Huang et al. 2024, arXiv:2501.05441", "relativistic: the generator's step has reals, which stand still"
)
@pytest.mark.parametrize(("accumulate", "neighbors"), [(1, [4.0, 1.0, 2.0, 3.0]), (2, [2.0, 1.0, 4.0, 3.0])])
def test_a_step_is_the_one_that_is_computed_by_hand_and_shares_pair_within_themselves(accumulate, neighbors):
    gan = linear_gan(accumulate)
    reals = np.array([1.0, 2.0, 3.0, 4.0])
    codes = drawn_codes(gan, 4)
    logs = gan.train_step(tf.reshape(tf.constant(reals, tf.float32), [4, 1, 1, 1]))
    # D(x) = w x + b with w = 1 at first: the slope of mean softplus(w (f - r)) in w; b cancels out.
    fakes = codes.sum(axis=1)
    gap = fakes - reals
    assert float(logs["discriminator_loss"]) == pytest.approx(softplus(gap).mean(), rel=1e-5)
    assert float(logs["real_signs"]) == pytest.approx(np.sign(-gap).mean())
    weight = 1.0 - 0.1 * (sigmoid(gap) * gap).mean()
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(weight, rel=1e-5)
    # The generator's fakes meet the real image before theirs, in D as it is now.
    lead = weight * (fakes - neighbors)
    assert float(logs["generator_loss"]) == pytest.approx(softplus(-lead).mean(), rel=1e-5)
    slope = (sigmoid(-lead) * -weight)[:, None] * codes
    np.testing.assert_allclose(gan.generator.get_layer("dense").kernel[:, 0], 1 - 0.1 * slope.mean(0), rtol=1e-5)


def test_a_teacher_judges_the_reals_too_and_moved_features_are_paired_as_others():
    _, teacher_network = linear_networks()
    teacher_network.get_layer("dense").kernel.assign([[4.0]])
    gan = linear_gan(generator_terms=[Teacher(teacher_network, 0.1)])
    codes = drawn_codes(gan, 2)
    logs = gan.train_step(tf.reshape(tf.constant([1.0, 3.0]), [2, 1, 1, 1]))
    lead = 4.0 * (codes.sum(axis=1) - [3.0, 1.0])
    assert float(logs["teacher_loss"]) == pytest.approx(softplus(-lead).mean(), rel=1e-5)

    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    method = AdversarialFeatures(*linear_splits(generator, discriminator), SIGNS["paper"], gamma=0.1)
    gan = GAN(generator, discriminator, average)
    sgd = keras.optimizers.SGD
    gan.compile(sgd(0.1), sgd(0.0), *LOSSES, method.discriminator_terms, method.generator_terms)
    codes = drawn_codes(gan, 2)
    gan.train_step(tf.reshape(tf.constant([1.0, 3.0]), [2, 1, 1, 1]))
    # Pictures 0.1 lower are worse for the generator, which learns from both pairs.
    leads = codes.sum(axis=1) - [3.0, 1.0]
    slope = sum(((sigmoid(-lead) * -1.0)[:, None] * codes).mean(0) for lead in (leads, leads - 0.1))
    np.testing.assert_allclose(generator.get_layer("dense").kernel[:, 0], 1.0 - 0.1 * slope, rtol=1e-5)


@pytest.mark.paper(
    "R1", "Huang et al. 2024, arXiv:2501.05441", "R1 and R2 of one weight, at images before augmentation, at every step"
)
@pytest.mark.parametrize("is_before", [False, True])
def test_r1_and_r2_of_a_linear_discriminator_are_gamma_times_its_squared_weight(is_before):
    gan = linear_gan(terms=[r1(0.5, 1, is_before), r2(0.5, 1, is_before)], augment=lambda images, seed: 3.0 * images)
    gan.discriminator.get_layer("dense").kernel.assign([[2.0]])
    logs = gan.train_step(tf.reshape(tf.constant([1.0, 3.0]), [2, 1, 1, 1]))
    # The slope is 2 at what the discriminator sees, 6 at what is augmented.
    assert float(logs["penalty"]) == pytest.approx(0.5 * (6.0 if is_before else 2.0) ** 2, rel=1e-5)


def test_the_loss_with_both_penalties_agrees_with_finite_differences():
    keras.utils.set_random_seed(1)
    images = keras.Input([8, 8, 2])
    x = keras.layers.Conv2D(4, 3, 2, padding="same", activation="tanh")(images)
    model = keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(x)))

    def loss(judge, reals, fakes):
        paired = relativistic_discriminator(judge(reals), judge(fakes), SEED)
        return paired + r1_penalty(judge, reals) + r1_penalty(judge, fakes)

    assert_gradients_agree_with_finite_differences(model, loss)


def small_gan(count=1, classes=0, augment=None, optimizer=keras.optimizers.SGD):
    networks = *small_networks(classes), small_networks(classes)[0]
    shares = ClassShares([0, 1, 1, 2, 2, 2], classes) if classes else None
    gan = GAN(*networks, classes=shares, n_critic=2, accumulate=count, augment=augment, seed=3)
    actions = [MovingAverage(0.5)] if augment is None else [MovingAverage(0.5), augment]
    terms = [r1(2.0, 1, True), r2(2.0, 1, True)]
    gan.compile(optimizer(0.05), optimizer(0.05), *LOSSES, terms, after_step=actions)
    return gan


@pytest.mark.parametrize("classes", [0, 3])
def test_shares_and_masks_and_a_loss_scale_make_the_step_of_the_whole_batch_where_reals_are_alike(classes):
    gans = small_gan(1, classes), small_gan(4, classes)
    images = tf.repeat(tf.nest.flatten(batch(1))[0], 16, axis=0)
    data = (images, tf.zeros([16], tf.int32)) if classes else images
    for gan in gans:
        kernels = prunable_kernels(gan.discriminator)
        gan.set_update_rules(discriminator=Masks(gan.discriminator))
        gan.discriminator_rule.set(
            [np.arange(kernel.numpy().size).reshape(kernel.shape) % 2 == 0 for kernel in kernels.values()]
        )
        scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=8.0)
        scaled.build(gan.generator.trainable_variables)
        gan.generator_optimizer = scaled
        gan.train_step(data)
    assert_equal_states(gans, rtol=1e-5, atol=1e-6)
    assert gans[0].discriminator_rule.density() == pytest.approx(0.5)


def test_a_training_goes_on_from_a_checkpoint_exactly_and_ada_follows_the_pairs(tmp_path):
    first, second = (
        small_gan(augment=AdaptiveAugment(8, kimg=0.1, pipe="b"), optimizer=keras.optimizers.Adam) for _ in range(2)
    )
    images = batch(8)
    for _ in range(3):
        logs = first.train_step(images)
    path = tf.train.Checkpoint(**first.checkpoint_items()).save(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(**second.checkpoint_items()).restore(path).assert_consumed()
    for gan in (first, second):
        gan.train_step(images)
    for one, other in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.name)
    # Logits that all lie above 0 say nothing of reals: it is the pairs that count.
    first.discriminator.layers[-1].bias.assign([50.0, 50.0])
    logs = first.train_step(images)
    assert float(logs["real_logits"]) > 25.0
    assert -1.0 <= float(logs["real_signs"]) < 1.0
    second.discriminator.layers[-1].bias.assign([-50.0, -50.0])
    assert float(second.train_step(images)["real_signs"]) == pytest.approx(float(logs["real_signs"]), abs=1e-6)


@pytest.mark.slow
def test_two_devices_pair_their_own_images_and_hold_the_same_weights(two_replicas):
    with two_replicas.scope():
        gan = small_gan()
    gan.fit(tf.data.Dataset.from_tensors(batch(16)).repeat(2), verbose=0)
    for variable in (*gan.generator.trainable_variables, *gan.discriminator.trainable_variables):
        copies = [value.numpy() for value in two_replicas.experimental_local_results(variable)]
        np.testing.assert_array_equal(*copies, err_msg=variable.name)
        assert np.isfinite(copies[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        "--model sngan --n-critic 2 --accumulate 2 --augment ada --augment-speed 0.1 --adv-augment",
        "--model stylegan2 --mixed-precision bfloat16 --path-length-weight 2 --path-length-interval 2",
    ],
    ids=["sngan", "stylegan2"],
)
def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_left_alone(pictures, tmp_path, more):  # noqa: F811
    loss = "--loss relativistic --r1-gamma 0.1 --r2-gamma 0.1 --r1-interval 1 --r1-on before"
    for name, steps in (("whole", "6"), ("broken", "3"), ("broken", "6")):
        run_words = words(pictures, tmp_path, name, *more.split(), *loss.split(), "--steps", steps)
        subprocess.run(script(*run_words), stdout=subprocess.DEVNULL, check=True)
    assert_same_end(RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole"))
