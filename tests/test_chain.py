"""CHAIN: the layer, the penalty on means, the probability that follows the signs, and with what it goes together."""

import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import judged_batch
from processes import assert_same_end, script
from test_models_cli import pictures, words  # noqa: F401  (a fixture)

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.layers.chain import ChainNormalization
from sle_gan.run import RunFolder
from sle_gan.settings import ChainSettings
from sle_gan.training.chain import ChainProbability, ChannelMeans, squared_means
from sle_gan.training.classes import ClassShares
from sle_gan.training.terms import StepOutcome


def features(count=6, seed=1):
    """Of three channels whose root mean squares are far apart."""
    return tf.random.stateless_normal([count, 4, 4, 3], [seed, 2]) * [4.0, 1.0, 2.0] + [1.0, 0.0, -3.0]


def layer_at(probability, x):
    layer = ChainNormalization(1)
    layer(x)
    layer.probability.assign(probability)
    return layer


def roots(x):
    return np.sqrt((np.asarray(x, np.float64) ** 2).mean(axis=(0, 1, 2)) + 1e-5)


@pytest.mark.paper("CHAIN", "Ni & Koniusz, CVPR 2024, arXiv:2404.00521", "with probability 0 it is the identity")
def test_at_probability_0_nothing_is_changed_to_the_bit():
    x = features()
    layer = layer_at(0.0, x)
    for training in (True, False):
        np.testing.assert_array_equal(layer(x, training=training), x)


@pytest.mark.paper(
    "CHAIN",
    "Ni & Koniusz, CVPR 2024, arXiv:2404.00521",
    "with probability 1 every channel has the smallest root mean square, whose minimum has no gradient",
)
def test_at_probability_1_every_channel_has_the_smallest_root_mean_square():
    x = features()
    normalized = layer_at(1.0, x)(x, training=True)
    np.testing.assert_allclose(roots(normalized), np.full(3, roots(x).min()), rtol=1e-4)
    np.testing.assert_allclose(normalized, x / roots(x) * roots(x).min(), rtol=1e-5)  # no mean is taken away
    # Of (sum of x / psi) * min psi, psi moves and its minimum does not.
    value = tf.constant([[[[2.0, 1.0]]], [[[4.0, 3.0]]]])
    layer = layer_at(1.0, value)
    with tf.GradientTape() as tape:
        tape.watch(value)
        total = tf.reduce_sum(layer(value, training=True)[..., 1])
    psi = np.sqrt((1 + 9) / 2 + 1e-5)
    # d/dx (1 + 3) / psi is 1 / psi - 4 x / (2 psi^3).
    expected = psi * np.array([1 / psi - 4 * x / (2 * psi**3) for x in (1.0, 3.0)])
    np.testing.assert_allclose(tape.gradient(total, value)[:, 0, 0, 1], expected, atol=1e-5)


def test_channels_of_images_are_drawn_each_for_itself_and_equal_inputs_draw_alike():
    x = features(200)
    layer = layer_at(0.3, x)
    first, second = (layer(x, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    is_changed = np.any(first != x, axis=(1, 2))[:, [0, 2]]  # the smallest channel is its own measure
    assert is_changed.mean() == pytest.approx(0.3, abs=0.06)
    assert np.corrcoef(is_changed.T)[0, 1] == pytest.approx(0.0, abs=0.2)
    other = ChainNormalization(2)
    other(x)
    other.probability.assign(0.3)
    assert not np.array_equal(other(x, training=True), first)


def test_at_rest_each_image_is_judged_for_itself_by_what_training_has_seen():
    x = features()
    layer = layer_at(0.5, x)
    for _ in range(60):
        layer(x, training=True)
    np.testing.assert_allclose(layer.mean_square, roots(x) ** 2 - 1e-5, rtol=0.01)
    gains = 0.5 + 0.5 * roots(x).min() / roots(x)
    np.testing.assert_allclose(layer(x[:1], training=False), x[:1] * gains, rtol=0.01)


@pytest.mark.paper(
    "CHAIN", "Ni & Koniusz, CVPR 2024, arXiv:2404.00521", "lambda (p + p0) times the sum of the squared channel means"
)
def test_the_penalty_is_that_of_the_means_and_0_for_those_of_mean_0():
    x = features()
    centered = x - tf.reduce_mean(x, axis=[0, 1, 2])
    assert float(squared_means([centered, centered])) == pytest.approx(0.0, abs=1e-9)
    means = np.asarray(x).mean(axis=(0, 1, 2))
    assert float(squared_means([x, tf.cast(x, tf.bfloat16)])) == pytest.approx(2 * (means**2).sum(), rel=1e-2)

    images = keras.Input([4, 4, 3])
    layer = ChainNormalization(1)
    network = keras.Model(images, ([images], [keras.layers.Flatten()(layer(images))]))
    layer.probability.assign(0.25)
    term = ChannelMeans(network, [layer], weight=20.0, offset=0.1)
    batch = judged_batch(lambda images: term.judge(images).logits, x, centered, tf.constant([1, 2]))
    judged = {name: term.judge(images) for name, images in (("real", x), ("fake", centered))}
    value = term.value(type(batch)(**(vars(batch) | judged)))
    assert float(value) == pytest.approx(20.0 * 0.35 * (means**2).sum(), rel=1e-5)


def outcome(step, sign):
    logs = {"real_signs": sign}
    fields = dict.fromkeys(StepOutcome.__dataclass_fields__)
    return StepOutcome(**(fields | {"step": step, "logs": logs}))


@pytest.mark.paper(
    "CHAIN",
    "Ni & Koniusz, CVPR 2024, arXiv:2404.00521",
    "p moves by 0.001 towards a mean sign of 0.5, of decay 0.9, from step 5,000 of 100,000 on, between 0 and 1",
)
def test_the_probability_moves_from_its_first_step_on_up_above_the_target_and_down_below():
    layers = [layer_at(0.0, features()) for _ in range(2)]
    control = ChainProbability(layers, target=0.5, start=8, change=0.6)
    observe = tf.function(lambda step, sign: control.after_step(outcome(step, sign))["chain_probability"])
    shown, mean = [], 0.0
    for step, sign in enumerate([1.0] * 10 + [-1.0] * 9):
        shown.append(float(observe(tf.constant(step, tf.int64), tf.constant(sign))))
        mean = 0.9 * mean + 0.1 * sign
        assert float(control.mean_sign) == pytest.approx(mean, rel=1e-5)
    # The mean of 1s is above 0.5 from the seventh on (1 - 0.9^7 = 0.52), that of -1s below it after one.
    np.testing.assert_allclose(shown, [0.0] * 9 + [0.6, 1.0, 0.4] + [0.0] * 7, atol=1e-6)
    assert [float(layer.probability) for layer in layers] == [0.0, 0.0]
    paper = ChainSettings()
    assert (paper.chain_weight, paper.chain_offset, paper.chain_target) == (20.0, 0.1, 0.5)
    assert (paper.chain_start, paper.chain_change) == (5000, 0.001)


def settings(**given):
    fixed = {"data_folder": "x", "resolution": 64, "width": 8, "batch_size": 4, "reconstruction_loss": "l1"}
    chain = {"discriminator_norm": "chain", "chain_start": 0, "chain_change": 0.25, "chain_target": 0.01}
    return resolve(fixed | chain | given, class_names=("a", "b") if given.get("conditional") else ())


def images(count=4):
    return tf.random.stateless_uniform([count, 64, 64, 3], [5, 6], -1, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"conditional": True, "loss": "relativistic"},
        pytest.param(
            {"generator": "sngan", "mixed_precision": "bfloat16", "accumulate": 2, "r1_gamma": 1.0, "r1_interval": 1},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["conditional", "of one image in shares"],
)
def test_a_training_of_fastgan_goes_on_from_a_checkpoint_exactly(given, tmp_path):
    asked = settings(**given)
    classes = ClassShares(np.array([0, 1, 1]), 2) if asked.images.conditional else None
    gans = [build_gan(asked, *build_networks(asked), classes) for _ in range(2)]
    first, second = gans
    layers = [layer for layer in first.discriminator.submodules if isinstance(layer, ChainNormalization)]
    assert len(layers) == 3 * 3  # both convolutions and the shortcut of three blocks that halve
    norms = [one.name for one in first.discriminator.submodules if isinstance(one, keras.layers.BatchNormalization)]
    assert norms in (["head_norm", "small8_norm"], ["small8_norm", "head_norm"])
    data = (images(), tf.constant([0, 1, 1, 0])) if classes else images()
    for layer in layers:
        layer.probability.assign(0.5)
    logs = first.train_step(data)
    assert float(logs["chain_probability"]) == 0.5
    assert float(logs["penalty"]) > 0.0
    path = tf.train.Checkpoint(**first.checkpoint_items()).save(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(**second.checkpoint_items()).restore(path).assert_consumed()
    for gan in gans:
        logs = gan.train_step(data)
    assert float(logs["chain_probability"]) in (0.25, 0.75)
    for one, other in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.name)


@pytest.mark.slow
def test_two_devices_have_the_statistics_of_both_and_one_probability(two_replicas):
    with two_replicas.scope():
        gan = build_gan(settings(), *build_networks(settings()))
    gan.fit(tf.data.Dataset.from_tensors(images()).repeat(2), verbose=0)
    assert float(gan.loss_means[-1].result()) >= 0.0
    for variable in gan.discriminator.variables:
        copies = [value.numpy() for value in two_replicas.experimental_local_results(variable)]
        np.testing.assert_array_equal(copies[0], copies[-1], err_msg=variable.name)
        assert np.isfinite(copies[0]).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"adv_augment": True}, "--adv-augment cannot be used with --discriminator-norm chain"),
        ({"steps": 5000, "chain_start": 5000}, "--chain-start 5000 is not before the end of 5000 steps"),
        ({"model": "sngan"}, "--discriminator-norm needs a network that takes it: fastgan; got sngan"),
        ({"discriminator": "both"}, "--discriminator-norm needs a network that takes it: fastgan; got"),
    ],
)
def test_what_chain_does_not_go_with_is_told(given, told):
    with pytest.raises(InputError, match=told):
        settings(**given)
    assert settings(discriminator_norm="batch").chain is None


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_left_alone(pictures, tmp_path):  # noqa: F811
    more = (
        "--model fastgan --resolution 64 --rates paper --discriminator-norm chain --chain-start 1 --chain-change 0.2 "
        "--chain-target 0.01 --reconfigure --reconfigure-warmup 2 --reconfigure-interval 2"
    )
    for name, steps in (("whole", "6"), ("broken", "5"), ("broken", "6")):
        run_words = words(pictures, tmp_path, name, *more.split(), "--steps", steps)
        subprocess.run(script(*run_words), stdout=subprocess.DEVNULL, check=True)
    assert_same_end(RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole"))
