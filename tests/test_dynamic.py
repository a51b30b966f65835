import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import judged_batch
from tiny_gan import compiled_gan

from sle_gan.errors import NothingPrunedWarning
from sle_gan.models import MODELS
from sle_gan.models.discriminators.sngan import discriminator as build_discriminator
from sle_gan.models.generators.sngan import generator as build_generator
from sle_gan.models.pairing import training_graph
from sle_gan.sparsity.adapt import BALANCE_RULES, BalancedDiscriminator, BalanceRatio
from sle_gan.sparsity.densities import uniform
from sle_gan.sparsity.dynamic import DynamicSparsity, explored, random_masks
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.schedules import EXPLORATIONS
from sle_gan.training.distillation import Distillation, discriminator_divergence
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_discriminator, hinge_generator


def sparse_gan(density=0.3):
    networks = [build(32, 3, 8, 0) for build in (build_generator, build_discriminator)]
    average = build_generator(32, 3, 8, 0)
    graph = training_graph(MODELS["sngan"].pair(), *networks)
    gan = GAN(graph.generator, graph.discriminator, average)
    optimizers = [keras.optimizers.Adam(1e-3) for _ in range(2)]
    gan.compile(*optimizers, hinge_generator, hinge_discriminator)
    gan.set_update_rules(
        generator=Masks(gan.generator, average, track_gradients=True),
        discriminator=Masks(gan.discriminator, track_gradients=True),
    )
    for masks in (gan.generator_rule, gan.discriminator_rule):
        kernels = dict(zip(masks.names, masks.kernels, strict=True))
        masks.set(random_masks(kernels, uniform(masks.names, density), [0]))
    copy_weights(average, gan.generator)
    return gan


def reals(count):
    return tf.data.Dataset.from_tensors(tf.random.stateless_uniform([2, 32, 32, 3], [0, 1], -1, 1)).repeat(count)


def small_reals(count):
    return tf.data.Dataset.from_tensors(tf.random.stateless_uniform([6, 4, 4, 1], [1, 2], -1, 1)).repeat(count)


class Note(keras.callbacks.Callback):
    def __init__(self, masks):
        super().__init__()
        self.masks, self.seen = masks, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.masks.read())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "stu" else pytest.mark.slow) for name in EXPLORATIONS]
)
def test_the_live_weights_move_at_every_interval_and_their_number_stays(name):
    gan = sparse_gan()
    rule = EXPLORATIONS[name]._replace(end=1.0)
    explore = DynamicSparsity(
        gan.generator_rule, rule, interval=2, total_steps=6, optimizer=gan.generator_optimizer, regrow_state="reset"
    )
    before, note = gan.generator_rule.read(), Note(gan.generator_rule)
    gan.fit(reals(6), callbacks=[explore, note], verbose=0)
    moved = [
        any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
        for old, new in zip([before, *note.seen], note.seen, strict=False)
    ]
    assert moved == [False, True, False, True, False, False]
    counts = [[int(mask.sum()) for mask in masks] for masks in [before, *note.seen]]
    assert all(sum(count) == sum(counts[0]) for count in counts)
    assert rule.crosses_layers or all(count == counts[0] for count in counts)
    for kernel, average, mask in zip(
        gan.generator_rule.kernels, gan.generator_rule.averages, note.seen[-1], strict=True
    ):
        assert not kernel.numpy()[~mask].any()
        assert not average.numpy()[~mask].any()


def test_what_grows_are_the_largest_gradients_of_that_very_step():
    gan = sparse_gan()
    explore = DynamicSparsity(
        gan.generator_rule, EXPLORATIONS["stu"], interval=1, total_steps=10, optimizer=gan.generator_optimizer
    )
    before = gan.generator_rule.read()
    gan.fit(reals(1), callbacks=[explore], verbose=0)
    kept_order = zip(before, gan.generator_rule.read(), gan.generator_rule.gradients(), strict=True)
    for old, new, gradient in kept_order:
        grown, dead = new & ~old, ~old & ~new
        if grown.any():
            assert np.abs(gradient[grown]).min() >= np.abs(gradient[dead]).max()


@pytest.mark.paper("STU-GAN", "Liu et al. 2022, STU-GAN", "the average of a grown weight")
def test_the_average_of_a_grown_weight_is_the_weight_after_its_first_step():
    gan = sparse_gan()
    explore = DynamicSparsity(
        gan.generator_rule, EXPLORATIONS["stu"], interval=1, total_steps=10**9, optimizer=gan.generator_optimizer
    )
    gan.fit(reals(1), callbacks=[explore], verbose=0)
    grown = [fresh.numpy() > 0 for fresh in gan.generator_rule._fresh]
    explore.interval = 100
    with pytest.warns(NothingPrunedWarning, match="no mask changed: the first change is after step 100"):
        gan.fit(reals(1), callbacks=[explore], verbose=0)
    weights, averages = gan.generator_rule.weights(), gan.generator_rule.averages
    assert sum(where.sum() for where in grown) > 1000
    for weight, average, where in zip(weights, averages, grown, strict=True):
        np.testing.assert_array_equal(average.numpy()[where], weight[where])
        assert (average.numpy()[~where] != weight[~where]).any()


def test_a_share_over_all_kernels_may_move_weights_between_them():
    weights = [np.array([0.1, 0.2]), np.array([5.0, 6.0, 0.0])]
    masks = [np.array([True, True]), np.array([True, True, False])]
    scores = [np.array([0.0, 0.0]), np.array([0.0, 0.0, 1.0])]
    first, second = explored(weights, masks, scores, 0.25, crosses_layers=True)
    assert first.tolist() == [False, True]
    assert second.tolist() == [True, True, True]


def test_a_dense_kernel_stays_dense():
    masks = explored([np.array([1.0, 2.0])], [np.array([True, True])], [np.zeros(2)], 0.5, crosses_layers=False)
    assert masks[0].all()


@pytest.mark.paper(
    "ADAPT", "ADAPT, NeurIPS 2023", "the balance ratio, every 10 steps, over 100 measurements, and nothing before"
)
def test_the_balance_ratio_is_the_mean_of_the_last_hundred_and_none_before():
    ratio = BalanceRatio()
    # (after - before) / (real - before): 1 / 4 and 3 / 4 in turn at every tenth step, and nothing in between.
    for step in range(991):
        assert ratio.read() is None
        after = 100.0 if step % 10 else 2.0 if step % 20 else 0.0
        ratio.observe(tf.constant(step, tf.int64), lambda after=after: (tf.constant(3.0), tf.constant(-1.0), after))
    assert ratio.read() == pytest.approx(0.5)
    for step in range(1000, 2000, 10):
        ratio.observe(tf.constant(step, tf.int64), lambda: (tf.constant(3.0), tf.constant(-1.0), tf.constant(-0.6)))
    assert ratio.read() == pytest.approx(0.1)


def test_the_balance_is_observed_within_training_and_trains_nothing():
    weights = []
    for observed in (False, True):
        ratio = BalanceRatio()
        gan = compiled_gan(actions=[ratio] if observed else [])
        gan.fit(small_reals(1), verbose=0)
        weights.append([v.numpy() for v in gan.discriminator.variables + gan.generator.trainable_variables])
    for alone, beside in zip(*weights, strict=True):
        np.testing.assert_allclose(alone, beside, atol=1e-6)
    gan.fit(small_reals(10), verbose=0)
    assert int(ratio.measured) == 2
    assert np.isfinite(ratio.ratios.numpy()[:2]).all()
    assert ratio.ratios.numpy()[:2].all()


@pytest.mark.slow
def test_devices_that_sum_up_batch_statistics_observe_the_balance_too(two_replicas):
    weights = []
    for observed in (False, True):
        with two_replicas.scope():
            ratio = BalanceRatio()
            gan = compiled_gan(actions=[ratio] if observed else [])
        gan.fit(small_reals(11), verbose=0)
        weights.append([variable.numpy() for variable in gan.discriminator.variables])
    for alone, beside in zip(*weights, strict=True):
        np.testing.assert_allclose(alone, beside, atol=1e-6)
    assert ratio.measured.numpy() == 2
    assert ratio.ratios.numpy()[:2].all()
    assert not ratio.ratios.numpy()[2:].any()


def balanced(rule, density):
    gan = sparse_gan(density)
    callback = BalancedDiscriminator(
        gan.discriminator_rule,
        BalanceRatio(),
        BALANCE_RULES[rule],
        interval=1,
        total_steps=100,
        optimizer=gan.generator_optimizer,
    )
    gan.fit(reals(1), verbose=0)  # for the gradients
    callback.set_model(gan)
    callback.on_train_begin()
    return callback


@pytest.mark.paper(
    "ADAPT",
    "ADAPT, NeurIPS 2023",
    "below 0.45 and above 0.55 the density moves by 0.05; 0.05 at least, 1.0 or 0.5 at most",
)
@pytest.mark.parametrize(
    ("rule", "density", "ratio", "expected"),
    [
        pytest.param("relaxed", 0.5, 0.2, 0.45, marks=pytest.mark.slow),
        pytest.param("relaxed", 0.5, 0.5, 0.5, marks=pytest.mark.slow),
        ("relaxed", 0.5, 0.8, 0.55),
        pytest.param("relaxed", 1.0, 0.8, 1.0, marks=pytest.mark.slow),
        pytest.param("relaxed", 0.05, 0.2, 0.05, marks=pytest.mark.slow),
        ("strict", 0.48, 0.8, 0.5),
        pytest.param("strict", 0.5, 0.8, 0.5, marks=pytest.mark.slow),
    ],
)
def test_the_discriminators_density_follows_the_ratio(rule, density, ratio, expected):
    callback = balanced(rule, density)
    before = callback.masks.read()
    callback.rebalance(ratio)
    assert callback.masks.density() == pytest.approx(expected, abs=1e-4)
    after = callback.masks.read()
    moved = any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert moved == (expected != density or rule == "strict")
    if rule == "relaxed":  # what lives stays when others grow, and what is dead stays dead when others are pruned
        for old, new in zip(before, after, strict=True):
            assert not (old & ~new).any() or not (new & ~old).any()


def test_the_divergence_is_zero_for_equal_judgements_and_the_mean_over_both_classes():
    teacher, student = np.array([0.3, -2.0, 4.0, 1.0]), np.array([1.0, -1.0, 0.0, 0.5])
    p, q = 1 / (1 + np.exp(-teacher)), 1 / (1 + np.exp(-student))
    # PyTorch's kl_div(log s, t) of the [2B, 2] array: the sum over 4B elements, B = 2 reals and 2 fakes, over 4B.
    expected = np.sum(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))) / 8
    assert float(discriminator_divergence(tf.constant(teacher), tf.constant(student))) == pytest.approx(expected)
    # The reference adds 1e-10 to what is compared alone.
    assert float(discriminator_divergence(tf.constant(teacher), tf.constant(teacher))) == pytest.approx(0.0, abs=2e-10)


def test_a_student_learns_from_its_teacher_alone_and_not_before_there_is_one():
    images = tf.random.stateless_normal([4, 32, 32, 3], [0, 2])
    teacher, student = (build_discriminator(32, 3, 8, seed) for seed in (1, 2))
    distillation = Distillation(build_discriminator(32, 3, 8, 3), 0.5)
    logits = tf.nest.flatten(student(images, training=True))[0]
    assert float(distillation.divergence([images], logits)) == 0.0
    distillation.learn_from(teacher)
    with tf.GradientTape() as tape:
        logits = tf.nest.flatten(student(images, training=True))[0]
        loss = distillation.divergence([images], logits)
    expected = discriminator_divergence(tf.nest.flatten(teacher(images, training=True))[0], logits)
    assert float(loss) == pytest.approx(0.5 * float(expected), rel=1e-3)
    assert tape.gradient(loss, distillation.teacher.trainable_variables[0]) is None


@pytest.mark.paper(
    "Tickets", "Chen et al., ICLR 2021, code", "distillation on the discriminator is the mean over 4 B numbers"
)
def test_distillation_is_a_quarter_of_the_two_mean_divergences_of_reals_and_fakes():
    reals, fakes = (tf.random.stateless_normal([2, 2, 2, 1], [seed, 0]) for seed in (1, 2))
    distillation = Distillation(flat_judge(3), 1.0)
    distillation.learn_from(teacher := flat_judge(4))
    student = flat_judge(5)

    def mean_divergence(images):
        p, q = (tf.sigmoid(judge(images)).numpy() for judge in (teacher, student))
        return np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))

    value = distillation.value(judged_batch(student, reals, fakes, tf.constant([0, 0])))
    assert float(value) == pytest.approx((mean_divergence(reals) + mean_divergence(fakes)) / 4, rel=1e-4)


def flat_judge(seed):
    images = keras.Input([2, 2, 1])
    dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed))
    return keras.Model(images, dense(keras.layers.Flatten()(images)))


@pytest.mark.paper(
    "STU-GAN",
    "Liu et al. 2022, STU-GAN; Evci et al. 2020, arXiv:1911.11134; ADAPT, NeurIPS 2023",
    "intervals and shares of STU-GAN, RigL and ADAPT",
)
def test_the_rules_have_the_numbers_of_their_papers():
    def numbers(name):
        rule = EXPLORATIONS[name]
        return rule.interval, rule.first_share, rule.last_share, rule.end

    assert numbers("rigl") == (100, 0.3, 0.0, 0.75)
    assert numbers("stu") == (1000, 0.5, 0.005, 1.0)
    assert numbers("adapt") == (500, 0.5, 0.005, 1.0)
    assert (BALANCE_RULES["relaxed"].cap, BALANCE_RULES["relaxed"].interval) == (1.0, 1000)
    assert (BALANCE_RULES["strict"].cap, BALANCE_RULES["strict"].interval) == (0.5, 2000)
