"""The rounds of a search, and its step, with networks that are small enough to compute by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.resolve import resolve
from sle_gan.data.pipeline import Halves, training_dataset
from sle_gan.errors import InputError
from sle_gan.layers.mixture import Mixture
from sle_gan.search.architecture_search import ArchitectureSearch, SearchParts, value_of
from sle_gan.search.rounds import Rounds, rounds_of
from sle_gan.training.ema import MovingAverage, copy_weights
from sle_gan.training.losses import hinge_discriminator, hinge_generator

ROUNDS = Rounds(inner=3, best_response=2, architecture=2, generator_interval=2)


def networks(seed=1):
    """A generator that mixes two numbers of a code, and a discriminator of one number."""
    rng = np.random.default_rng(seed)
    codes, images = keras.Input([2]), keras.Input([1, 1, 1])
    maps = [
        keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomUniform(0.5, 1.5, seed=seed + index))(codes)
        for index in (0, 1)
    ]
    generator = keras.Model(codes, keras.layers.Reshape([1, 1, 1])(Mixture(int(rng.integers(9)), name="edge")(maps)))
    dense = keras.layers.Dense(1, kernel_initializer="ones")
    return generator, keras.Model(images, dense(keras.layers.Flatten()(images)))


def searching(rounds=ROUNDS, rate=0.01, seed=1, decay=1e-3):
    generator, discriminator = networks(seed)
    average, _ = networks(seed)
    copy_weights(average, generator)
    parts = SearchParts(rounds, [generator.get_layer("edge").architecture], *networks(7), 3e-4, decay, (0.0, 0.9))
    gan = ArchitectureSearch(generator, discriminator, average, parts=parts, seed=5)
    optimizers = [keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9) for _ in range(2)]
    plain_hinge = lambda real, fake, seed: hinge_discriminator(real, fake, seed, 1.0)  # noqa: E731
    gan.compile(*optimizers, hinge_generator, plain_hinge, after_step=[MovingAverage(0.9)])
    return gan


def reals(step):
    return tf.random.stateless_normal([4, 1, 1, 1], [step, 3], 0.5)


def walk(gan, count):
    for _ in range(count):
        gan.train_step(reals(int(gan.steps)))


def values(gan):
    found = tf.train.Checkpoint(**gan.checkpoint_items())
    return [part.numpy() for part in tf.train.TrackableView(found).descendants() if isinstance(part, tf.Variable)]


@pytest.mark.paper(
    "alphaGAN",
    "Tian et al. 2021, arXiv:2006.09134, code",
    "99 rounds: (s) 2,178 D, 436 G, 2,178 and 2,178 best-response steps; (l) 38,709 D, 7,742 G; 1,980",
)
@pytest.mark.parametrize(("variant", "of_discriminator", "of_generator"), [("s", 2178, 436), ("l", 38_709, 7742)])
def test_a_search_makes_as_many_steps_as_the_papers(variant, of_discriminator, of_generator):
    settings = resolve({"data_folder": "x", "variant": variant, "resolution": 32})
    rounds = rounds_of(settings.search)
    steps = range(settings.optimization.steps)
    in_weights = [step for step in steps if rounds.place_of(step) < rounds.ends[0]]
    assert len(in_weights) == of_discriminator
    assert sum(rounds.moves_generator(step) for step in in_weights) == of_generator
    assert 99 * rounds.best_response == of_discriminator
    assert 99 * rounds.architecture == 1980
    assert len(steps) == 3 * of_discriminator + 1980
    assert settings.run.log_frequency == rounds.steps


@pytest.mark.paper(
    "alphaGAN",
    "Tian et al. 2021, arXiv:2006.09134, code",
    "search: Adam 2e-4 (0, 0.9), batch 64, hinge; architecture 3e-4, decay 1e-3",
)
def test_a_search_has_the_rates_of_the_paper():
    settings = resolve({"data_folder": "x", "variant": "s", "resolution": 32})
    optimization, search = settings.optimization, settings.search
    assert (optimization.G_learning_rate, optimization.D_learning_rate) == (2e-4, 2e-4)
    assert (optimization.adam_beta_1, optimization.adam_beta_2, optimization.batch_size) == (0.0, 0.9, 64)
    assert (optimization.loss, optimization.smallest_margin, search.generator_interval) == ("hinge", 1.0, 5)
    assert (search.architecture_rate, search.architecture_decay) == (3e-4, 1e-3)
    assert (settings.network.generator, settings.network.discriminator) == ("alphagan-supernet", "autogan")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "sngan"}, "--model must be alphagan in a search; got sngan"),
        ({"generator": "sngan"}, "--generator must be alphagan-supernet in a search; got sngan"),
        ({"steps": 9}, "--steps is not how long a search is told to be: give --rounds"),
        ({"hours": 1.0}, "a search cannot be combined with --hours; train what it finds with that"),
        ({"reconfigure": True}, "a search cannot be combined with a method of sparsity"),
        ({"teacher": "x"}, "a search cannot be combined with --teacher"),
        ({"r1_gamma": 0.1}, "a search cannot be combined with --r1-gamma"),
        ({"r2_gamma": 0.1}, "a search cannot be combined with --r2-gamma"),
        ({"loss": "relativistic"}, "a search cannot be combined with --loss relativistic"),
        ({"accumulate": 2}, "a search cannot be combined with --accumulate"),
        ({"strategy": "mirrored"}, "a search cannot be combined with --strategy mirrored"),
    ],
)
def test_what_a_search_is_not_combined_with_is_refused_in_a_line(given, message):
    with pytest.raises(InputError, match=message):
        resolve({"data_folder": "x", "variant": "s", "resolution": 32, **given}, image_count=9)


def test_a_round_moves_the_weights_then_each_best_response_then_the_architecture():
    gan = searching()
    optimizers = (
        gan.discriminator_optimizer,
        gan.generator_optimizer,
        gan._best_discriminator_optimizer,
        gan._best_generator_optimizer,
        gan.architecture_optimizer,
    )
    moved = []
    for _ in range(2 * ROUNDS.steps):
        before = [int(optimizer.iterations) for optimizer in optimizers]
        walk(gan, 1)
        steps = [int(one.iterations) - count for one, count in zip(optimizers, before, strict=True)]
        moved.append("".join(name for name, step in zip("DGdgA", steps, strict=True) if step > 0))
    # The generator's steps are counted through the rounds: behind the first, third, fifth, ... of the discriminator.
    first, rest = ["DG", "D", "DG"], ["d", "d", "g", "g", "A", "A"]
    second = ["D", "DG", "D", "", *rest[1:]]  # a best response that begins anew counts from one again
    assert moved == [*first, *rest, *second]


def test_what_stands_still_stands_still():
    gan = searching()
    of_parts = {
        0: [gan.discriminator, gan.generator, gan.average_generator],
        1: [gan.parts.best_discriminator],
        2: [gan.parts.best_generator],
    }
    every = [network for found in of_parts.values() for network in found]
    (architecture,) = gan.parts.architecture
    for step in range(ROUNDS.steps):
        before = [network.get_weights() for network in every], architecture.numpy()
        walk(gan, 1)
        part = sum(step >= end for end in ROUNDS.ends[:-1])
        # The first step of best responses makes both copies.
        may_move = of_parts.get(part, []) + (every[3:] if step == ROUNDS.inner else [])
        if part == 3:
            may_move = [gan.generator]  # whose architecture is among its weights
        still = [network for network in every if network not in may_move]
        for network, values_before in zip(every, before[0], strict=True):
            if network in still:
                for now, then in zip(network.get_weights(), values_before, strict=True):
                    np.testing.assert_array_equal(now, then)
        assert (part == 3) == bool(np.any(architecture.numpy() != before[1]))


def test_the_best_generator_moves_its_weights_alone_and_begins_as_a_copy():
    gan = searching()
    walk(gan, ROUNDS.inner + 1)
    for mine, theirs in zip(gan.parts.best_generator.weights, gan.generator.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    walk(gan, 3)
    own, copy = gan.generator.get_layer("edge"), gan.parts.best_generator.get_layer("edge")
    np.testing.assert_array_equal(own.architecture, copy.architecture)
    pairs = zip(gan.generator.trainable_weights, gan.parts.best_generator.trainable_weights, strict=True)
    assert all(np.any(mine.numpy() != theirs.numpy()) for mine, theirs in pairs)


def test_only_the_first_half_of_the_gap_holds_the_architecture():
    gan = searching()
    walk(gan, ROUNDS.steps)
    batch, seed = [reals(0)], tf.constant([1, 2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(gan.parts.architecture)
        first = value_of(gan._against_generator, batch, seed)
        second = value_of(gan._against_discriminator, batch, seed)
    assert np.any(tape.gradient(first, gan.parts.architecture)[0].numpy())
    assert tape.gradient(second, gan.parts.architecture) == [None]


def test_a_step_of_the_architecture_is_the_one_that_is_computed_by_hand():
    gan = searching(decay=0.25)
    walk(gan, ROUNDS.ends[2])
    (architecture,) = gan.parts.architecture
    gan.architecture_optimizer = keras.optimizers.SGD(1.0)
    before, seed = architecture.numpy().astype(np.float64), gan._step_seed()
    codes = tf.random.stateless_normal([4, 2], tf.random.experimental.stateless_fold_in(seed, 0)).numpy()
    maps = np.stack([layer(codes).numpy()[:, 0] for layer in gan.generator.layers if layer.name.startswith("dense")])
    weight, bias = (float(v.numpy().item()) for v in gan.parts.best_discriminator.trainable_weights)
    shares = np.exp(before) / np.exp(before).sum()
    logits = weight * shares @ maps + bias
    # dV/dmap is -D's weight where the hinge of the fakes is active; through the softmax to the parameters.
    of_fakes = -weight * (1.0 + logits > 0) / 4
    gradient = shares * ((maps - shares @ maps) @ of_fakes)
    gan.train_step(reals(int(gan.steps)))
    np.testing.assert_allclose(architecture, before - gradient - 0.25 * before, rtol=1e-4, atol=1e-6)


def test_the_gap_is_zero_where_copies_do_not_move():
    gan = searching(rate=0.0)
    for layer in gan.generator.layers:
        if layer.name.startswith("dense"):
            layer.kernel.assign(tf.zeros([2, 1]))  # every code draws the same
    walk(gan, ROUNDS.ends[2] + 1)
    means = {mean.name: mean for mean in gan.loss_means}
    assert means["duality_gap"].count == 1
    assert float(means["duality_gap"].result()) == 0.0
    assert float(means["best_generator_value"].result()) == float(means["best_discriminator_value"].result()) != 0.0


@pytest.mark.paper(
    "alphaGAN",
    "Tian et al. 2021, arXiv:2006.09134, code",
    "best responses learn at 2e-4 in rounds 1 to 30, at 1e-4 after",
)
@pytest.mark.parametrize(("number", "share"), [(0, 1.0), (29, 1.0), (30, 0.5), (98, 0.5)])
def test_best_responses_learn_at_half_the_rate_after_thirty_rounds(number, share):
    gan = searching(rate=0.01)
    gan.steps.assign(number * ROUNDS.steps + ROUNDS.inner)
    walk(gan, 1)
    for optimizer in (gan._best_generator_optimizer, gan._best_discriminator_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(0.01 * share)


def test_a_search_that_resumes_in_any_part_is_the_one_that_was_never_stopped(tmp_path):
    whole, paths, last = searching(), {}, 12  # the last step is in the second round
    for stop in (2, 4, 6, 8):
        walk(whole, stop - int(whole.steps))
        paths[stop] = tf.train.Checkpoint(**whole.checkpoint_items()).write(str(tmp_path / str(stop)))
    walk(whole, last - 8)
    for stop, path in paths.items():
        resumed = searching(seed=4)
        tf.train.Checkpoint(**resumed.checkpoint_items()).read(path).assert_consumed()
        walk(resumed, last - stop)
        for mine, expected in zip(values(resumed), values(whole), strict=True):
            np.testing.assert_array_equal(mine, expected)


def test_a_compiled_search_makes_the_steps_of_an_eager_one():
    images = np.random.default_rng(0).integers(0, 256, [9, 1, 1, 1], np.uint8)
    words = {"batch_size": 4, "seed": 1, "flip": False, "first_step": 0, "halves": Halves(ROUNDS.steps, ROUNDS.inner)}
    compiled, eager = searching(), searching()
    compiled.fit(training_dataset(images, **words), steps_per_epoch=ROUNDS.steps, verbose=0)
    for batch in training_dataset(images, **words).take(ROUNDS.steps):
        eager.train_step(batch)
    assert {mean.name: float(mean.count) for mean in compiled.loss_means if mean.count} == {
        **dict.fromkeys(("discriminator_loss", "reconstruction_loss", "real_logits", "fake_logits", "real_signs"), 3),
        "generator_loss": 2,
        **dict.fromkeys(("best_discriminator_loss", "best_generator_loss"), 2),
        **dict.fromkeys(("best_discriminator_value", "best_generator_value", "duality_gap"), 2),
    }
    for mine, expected in zip(values(compiled), values(eager), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("first_step", [0, 2, 3, 11, 25])
def test_the_halves_share_no_image_and_a_resumed_search_is_given_what_would_have_come(first_step):
    images = np.arange(11, dtype=np.uint8).reshape(11, 1, 1, 1)
    halves = Halves(period=7, of_first=3)

    def batches(first, count):
        words = {"batch_size": 4, "seed": 1, "flip": False, "first_step": first, "halves": halves}
        numbers = [np.rint((batch + 1.0) * 127.5) for batch in training_dataset(images, **words).take(count)]
        return np.array(numbers, int).reshape(count, 4)

    whole = batches(0, 35)
    np.testing.assert_array_equal(batches(first_step, 35 - first_step), whole[first_step:])
    turns = np.arange(35) % 7 < 3
    first, second = np.unique(whole[turns]), np.unique(whole[~turns])
    assert (len(first), len(second)) == (5, 6)
    assert not set(first) & set(second)


def test_a_mixture_weighs_maps_by_the_softmax_of_its_parameters():
    mixture, maps = Mixture(), [tf.fill([1, 2], value) for value in (1.0, 10.0, 100.0)]
    mixture(maps)
    mixture.architecture.assign(np.log([0.2, 0.3, 0.5]))
    np.testing.assert_allclose(mixture(maps), np.full([1, 2], 53.2), rtol=1e-6)
    assert mixture.trainable_weights == []
