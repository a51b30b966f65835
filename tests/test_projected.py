"""Discriminators on frozen features: against loops, finite differences and counts of the paper."""

import json

import numpy as np
import pytest
import tensorflow as tf

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.frozen import check_frozen, frozen_checksums, frozen_macs_per_step
from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.layers.frozen import BalancedFork
from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.projected import (
    ProjectedFeatures,
    projection,
    resized,
    upsample_to_corners,
)
from sle_gan.models.rows import FeatureOptions, NetworkOptions
from sle_gan.run import RunFolder
from sle_gan.settings.presets import with_preset
from sle_gan.training.classes import ClassShares

TINY = {"data_folder": "x", "resolution": 64, "width": 8, "batch_size": 2, "feature_side": 64}


def built(labels=None, **given):
    names = [] if labels is None else ["a", "b", "c"]
    settings = resolve(TINY | given, class_names=names)
    networks = build_networks(settings)
    return build_gan(settings, *networks, None if labels is None else ClassShares(labels, 3))


def drawn(*shape, seed=0):
    return tf.random.stateless_uniform(shape, [seed, 1], -1, 1)


def count(layers):
    return sum(variable.shape.num_elements() for layer in layers for variable in layer.trainable_variables)


@pytest.mark.paper(
    "Projected GAN",
    "Sauer et al. 2021, arXiv:2111.01007, code",
    "weights of the heads, 10.3 million less the biases before batch normalization, and 100 logits at 256 px",
)
def test_the_heads_have_the_weights_and_logits_of_the_code():
    network = DISCRIMINATORS["projected"].build(
        256, 3, 64, 0, options=NetworkOptions(features=FeatureOptions(256, 0.5))
    )
    maps = network.get_layer("features").output
    assert [tuple(map.shape[1:]) for map in maps] == [(128, 128, 64), (64, 64, 64), (32, 32, 128), (16, 16, 256)]
    assert network.output_shape == (None, 100)
    biases = (64 + 128 + 256 + 512, 128 + 256 + 512, 256 + 512, 512)
    for number, (weights, bias) in enumerate(zip((2_829_120, 2_763_392, 2_631_936, 2_106_880), biases, strict=True)):
        layers = [layer for layer in network.layers if layer.name.startswith(f"head{number}_")]
        assert count(layers) == weights - bias
    kernels = [sum(part.size for pair in pairs for part in pair) for pairs in projection()]
    assert kernels == [200_128, 176_640]


def test_doubling_to_the_corners_is_that_of_a_loop():
    maps = drawn(2, 3, 3, 2).numpy()
    expected = np.zeros([2, 6, 6, 2])
    for row, column in np.ndindex(6, 6):
        y, x = row * 2 / 5, column * 2 / 5
        (top, left), (down, right) = (int(y), int(x)), (min(int(y) + 1, 2), min(int(x) + 1, 2))
        a, b = y - top, x - left
        upper = (1 - b) * maps[:, top, left] + b * maps[:, top, right]
        lower = (1 - b) * maps[:, down, left] + b * maps[:, down, right]
        expected[:, row, column] = (1 - a) * upper + a * lower
    np.testing.assert_allclose(upsample_to_corners(tf.constant(maps)), expected, atol=1e-6)


def test_images_are_brought_to_a_size_as_tensorflow_does_it():
    images = drawn(2, 8, 8, 3)
    np.testing.assert_allclose(resized(images, (20, 12)), tf.image.resize(images, [20, 12]), atol=1e-5)
    np.testing.assert_allclose(resized(images, (5, 5)), tf.image.resize(images, [5, 5], antialias=True), atol=1e-5)
    assert resized(images, (8, 8)) is images


def test_convolving_before_the_upsampling_gives_the_same_maps():
    layer = ProjectedFeatures((64, 64))
    images = drawn(2, 64, 64, 3)
    taps = [tap.numpy() for tap in layer.network(images)]
    mixed = [tap @ kernel + bias for tap, (kernel, bias) in zip(taps, projection().channels, strict=True)]
    before = 0.0
    for x, (kernel, bias), maps in zip(mixed[::-1], projection().scales[::-1], layer(images)[::-1], strict=True):
        before = upsample_to_corners(tf.constant(x + before)).numpy() @ kernel + bias
        np.testing.assert_allclose(maps, before, rtol=1e-4, atol=1e-4)


def test_grey_is_seen_as_three_channels_and_rgba_before_grey():
    layer, colors, alpha = ProjectedFeatures((64, 64)), drawn(1, 32, 32, 3), drawn(1, 32, 32, 1, seed=1)
    for shown, same in (
        (alpha, tf.repeat(alpha, 3, axis=-1)),
        (tf.concat([colors, alpha], -1), colors * (alpha + 1) / 2),
    ):
        for a, b in zip(layer(shown), layer(same), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_gradient_at_the_image_is_that_of_finite_differences():
    layer, images = ProjectedFeatures((64, 64)), drawn(1, 32, 32, 3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.add_n([tf.reduce_mean(maps**2) for maps in layer(images)])
    gradient = tape.gradient(total, images)
    norm = float(tf.norm(gradient))
    step, measured = 0.01, 0.0
    along = step / norm * gradient
    for up, down in zip(layer(images + along), layer(images - along), strict=True):
        measured += float(tf.reduce_mean((up - down) * (up + down))) / (2 * step)
    assert norm == pytest.approx(measured, rel=0.03)
    assert norm > 0.1


def test_of_two_judges_the_second_has_its_share_of_the_gradient():
    fork, images, small = BalancedFork(0.25), drawn(2, 4, 4, 3), drawn(2, 2, 2, 3)
    first, second, of_small = drawn(2, 4, 4, 3, seed=1), drawn(2, 4, 4, 3, seed=2), drawn(2, 2, 2, 3, seed=3)
    with tf.GradientTape() as tape:
        tape.watch([images, small])
        own, own_small, seen = fork([images, small])
        total = tf.reduce_sum(own * first) + tf.reduce_sum(own_small * of_small) + 1e6 * tf.reduce_sum(seen * second)
    np.testing.assert_array_equal(own, images)
    np.testing.assert_array_equal(seen, images)
    gradients = tape.gradient(total, [images, small])
    norm = np.sqrt(np.sum(first**2) + np.sum(of_small**2))
    np.testing.assert_allclose(gradients[0], first + norm / 3 * second / np.linalg.norm(second), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(gradients[1], of_small)


def test_a_step_looks_at_reals_and_at_fakes_once_and_trains_nothing_frozen():
    gan = built(discriminator="projected", diff_augment=None)
    (layer,) = [layer for layer in gan.discriminator.submodules if isinstance(layer, ProjectedFeatures)]
    before = [variable.numpy() for variable in layer.network.variables]
    images = drawn(2, 64, 64, 3)
    step = tf.function(gan.train_step)
    operations = [operation.type for operation in step.get_concrete_function(images).graph.get_operations()]
    # Sixteen blocks, for reals and for fakes; the generator's step takes the fakes' maps as they are.
    assert operations.count("DepthwiseConv2dNative") == 2 * 16
    logs = step(images)
    assert all(np.isfinite(float(value)) for value in logs.values())
    for value, variable in zip(before, layer.network.variables, strict=True):
        np.testing.assert_array_equal(value, variable)
    frozen = {id(variable) for variable in layer.network.variables}
    assert not layer.weights
    assert not frozen & {id(variable) for variable in (*gan.discriminator.variables, *gan.discriminator_variables)}
    root = tf.train.Checkpoint(**gan.checkpoint_items())
    assert not frozen & {id(part) for part in tf.train.TrackableView(root).descendants()}
    assert frozen_macs_per_step(gan, 2) > 2 * 3 * 30e6


@pytest.mark.slow
def test_a_restored_training_makes_the_step_that_it_would_have_made(tmp_path):
    given = {"discriminator": "both", "reconstruction_loss": "l1"}
    images = drawn(2, 64, 64, 3)
    gan = built(**given)
    gan.train_step(images)
    path = tf.train.Checkpoint(**gan.checkpoint_items()).save(str(tmp_path / "ckpt"))
    logs = gan.train_step(images)
    again = built(**given, seed=0)
    tf.train.Checkpoint(**again.checkpoint_items()).restore(path).assert_consumed()
    for name, value in again.train_step(images).items():
        assert float(value) == float(logs[name]), name
    weights = [[*one.generator.weights, *one.discriminator.weights] for one in (gan, again)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(
            {"discriminator": "both", "channels": 4, "r1_gamma": 1, "r1_interval": 1, "freeze_d": 2, "init_from": "y"},
            marks=pytest.mark.slow,
        ),
        pytest.param({"discriminator": "projected-color", "channels": 4, "accumulate": 2}, marks=pytest.mark.slow),
        {"discriminator": "projected", "channels": 1, "adv_augment": True, "accumulate": 2},
    ],
    ids=lambda given: given["discriminator"],
)
def test_what_else_a_training_can_be_asked_for_goes_with_it(given):
    gan = built(np.array([0, 1, 2]), conditional=True, **given)
    frozen = [variable.numpy() for layer in gan.frozen_layers for variable in layer.trainable_weights]
    assert bool(frozen) == ("freeze_d" in given)
    logs = gan.train_step((drawn(2, 64, 64, given["channels"]), tf.constant([2, 0])))
    assert all(np.isfinite(float(value)) for value in logs.values())
    for value, variable in zip(
        frozen, [v for layer in gan.frozen_layers for v in layer.trainable_weights], strict=True
    ):
        np.testing.assert_array_equal(value, variable)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"feature_side": 96, "discriminator": "fastgan"}, "--feature-side needs a discriminator with a frozen"),
        ({"feature_share": 0.5, "feature_side": None}, "--feature-share needs .* both, projected or projected-color;"),
        ({"adv_augment": True, "discriminator": "projected-color"}, "--adv-augment cannot move the features"),
        ({"adv_augment": True, "discriminator": "both"}, "--adv-augment cannot move the features"),
        ({"feature_side": 100, "discriminator": "both"}, "a multiple of 32 from 64 to 1024; got 100"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_it_is_told(given, told):
    with pytest.raises(InputError, match=told):
        resolve(TINY | given)


def test_another_frozen_network_than_that_of_the_run_is_refused(tmp_path):
    gan = built(discriminator="projected")
    run = RunFolder(tmp_path)
    run.checkpoints.mkdir(parents=True)
    tf.train.CheckpointManager(tf.train.Checkpoint(), str(run.checkpoints), 1).save(checkpoint_number=3)
    check_frozen(run, gan)
    run.networks_file.write_text(json.dumps({"frozen_sha256": frozen_checksums(gan)}))
    check_frozen(run, gan)
    run.networks_file.write_text(json.dumps({"frozen_sha256": {"features": "0" * 64}}))
    with pytest.raises(InputError, match="the frozen network of the discriminator is not that of"):
        check_frozen(run, gan)


@pytest.mark.paper(
    "Projected GAN",
    "Sauer et al. 2021, arXiv:2111.01007, code",
    "batch 64, margins of 1, rates of 2e-4, betas of 0 and 0.99, an average of 20 kimg, cutout of 0.2",
)
def test_the_numbers_of_the_projected_recipe():
    values, _ = with_preset("projected-fewshot-256", {"data_folder": "x"})
    found = resolve(values)
    optimization = found.optimization
    assert optimization.batch_size * optimization.steps == 1_000_000
    names = ("batch_size", "smallest_margin", "G_learning_rate", "D_learning_rate", "adam_beta_1", "adam_beta_2")
    assert [getattr(optimization, name) for name in names] == [64, 1.0, 2e-4, 2e-4, 0.0, 0.99]
    assert (optimization.ema_kimg, found.augmentation.diff_cutout) == (20.0, 0.2)
    assert found.network.feature_side == 256
    assert found.scores.kid_network == "open-nsfw"
