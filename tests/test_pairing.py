"""Generators and discriminators of different papers, joined."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.other_runs import check_initial_run
from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS, Pair, check_pair
from sle_gan.models.build import pair_of
from sle_gan.models.pairing import training_graph
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig
from sle_gan.training.ema import copy_weights, update_average
from sle_gan.training.reconstruction import Reconstruction


def networks(pair, side=64, classes=0):
    tables = zip((GENERATORS, DISCRIMINATORS), pair, strict=True)
    return [table[name].build(side, 3, 8, 1, classes) for table, name in tables]


def drawn_images(count=2):
    return tf.random.stateless_uniform([count, 64, 64, 3], [1, 2], -1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sngan", "sngan", 256, 3), r"--resolution must be one of \(32, 48, 64, 128\) for sngan; got 256"),
        (("sngan", "sngan", 64, 2), r"--channels must be one of \(1, 3, 4\) for sngan; got 2"),
        (
            ("sngan", "fastgan", 48, 3),
            r"--resolution must be one of \(64, 128\) for the generator of sngan with the discriminator of fastgan; "
            "got 48",
        ),
        (
            ("other", "sngan", 64, 3),
            "--generator must be one of alphagan, alphagan-supernet, autogan, biggan, .*; got other",
        ),
        (
            ("sngan", "other", 64, 3),
            "--discriminator must be one of autogan, biggan, biggan-brock, both, fastgan, progan, projected",
        ),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_the_reason(arguments, message):
    with pytest.raises(InputError, match=message):
        check_pair(*arguments)


def test_any_networks_of_the_same_images_go_together():
    for generator, discriminator in itertools.product(GENERATORS, DISCRIMINATORS):
        for side in set(GENERATORS[generator].resolutions) & set(DISCRIMINATORS[discriminator].resolutions):
            check_pair(generator, discriminator, side, 3)


def test_a_model_names_its_own_pair_or_other_partners():
    assert MODELS["stylegan2"].pair() == ("stylegan2", "stylegan2")
    assert MODELS["stylegan2"].pair(discriminator="fastgan") == ("stylegan2", "fastgan")
    mixed = resolve({"data_folder": ".", "model": "sngan", "resolution": 64, "generator": "biggan"})
    assert pair_of(mixed.network) == ("biggan", "sngan")
    assert Pair("fastgan", "fastgan").is_remapped
    assert not Pair("fastgan", "sngan").is_remapped


def test_a_discriminator_of_two_sizes_makes_the_small_image_of_the_whole_one():
    pair = Pair("sngan", "fastgan")
    generator, discriminator = networks(pair, classes=3)
    graph = training_graph(pair, generator, discriminator)
    assert graph.generator is generator
    assert [tuple(tensor.shape[1:]) for tensor in graph.discriminator.inputs] == [(64, 64, 3), (3,)]
    images, labels = drawn_images(), tf.one_hot([2, 0], 3)
    logits, *maps = graph.discriminator([images, labels])
    np.testing.assert_array_equal(logits, discriminator([images, labels]))
    of_two = discriminator.get_layer("trunk")([images, images[:, ::2, ::2], labels])
    for ours, theirs in zip([logits, *maps], of_two, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert {id(v) for v in graph.discriminator.weights} < {id(v) for v in discriminator.weights}


def test_the_small_image_of_the_whole_one_has_the_second_order_gradient_of_finite_differences():
    pair = Pair("sngan", "fastgan")
    discriminator = training_graph(pair, *networks(pair)).discriminator
    images = drawn_images()
    small_logits = slice(25, 50)

    def penalty(scale):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = discriminator(scale * images, training=False)[0]
            value = tf.reduce_sum(tf.tanh(logits[:, small_logits]))
        gradient = tape.gradient(value, images)
        return tf.reduce_sum(gradient**2), gradient

    scale = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(scale)
        value, gradient = penalty(scale)
    slope = float(tape.gradient(value, scale))
    # Every second pixel of every second row is all that the small scale sees.
    seen = np.zeros([64, 64, 1])
    seen[::2, ::2] = 1
    assert not np.any(gradient * (1 - seen))
    assert np.any(gradient.numpy())
    step = 1e-3
    difference = (float(penalty(scale + step)[0]) - float(penalty(scale - step)[0])) / (2 * step)
    assert slope == pytest.approx(difference, rel=0.03)


def test_a_generator_of_two_sizes_gives_its_whole_picture_and_trains_nothing_else():
    pair = Pair("fastgan", "sngan")
    generator, discriminator = networks(pair)
    average = GENERATORS["fastgan"].build(64, 3, 8, 2)
    graph = training_graph(pair, generator, discriminator)
    codes = tf.random.stateless_normal([2, 256], [1, 2])
    np.testing.assert_array_equal(tf.nest.flatten(graph.generator(codes))[0], generator(codes))
    names = {variable.name for variable in generator.trainable_variables}
    judged = {variable.name for variable in graph.generator.trainable_variables}
    assert {name for name in names - judged if not name.startswith("small_rgb")} == set()
    assert names - judged
    # The average keeps the head of the small picture as it began.
    copy_weights(average, generator)
    for variable in generator.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    update_average(average, graph.generator, 0.75)
    for ours, theirs in zip(average.trainable_variables, generator.trainable_variables, strict=True):
        moved = 0.75 if theirs.name in judged else 1.0
        np.testing.assert_allclose(theirs - ours, np.full(theirs.shape, moved), atol=1e-6)


def pair_settings(**more):
    shape = {"data_folder": "x", "model": "stylegan2", "resolution": 64, "width": 8, "batch_size": 2}
    pair = {"generator": "sngan", "discriminator": "fastgan"}
    return resolve({**shape, **pair, "r1_interval": 1, "reconstruction_loss": "l1", **more})


def test_a_pair_is_trained_by_the_recipe_of_the_model():
    chosen = pair_settings(adv_augment=True)
    gan = build_gan(chosen, *build_networks(chosen))
    assert gan.generator.inputs[0].shape[1] == 128
    assert gan.method(Reconstruction) is not None
    assert float(gan.generator_loss(tf.zeros([1, 1]))) == pytest.approx(np.log(2.0))  # StyleGAN2's, not saturating
    logs = gan.train_step(drawn_images())
    assert np.isfinite([float(value) for value in logs.values()]).all()
    assert float(logs["penalty"]) > 0.0
    assert float(logs["reconstruction_loss"]) > 0.0


def test_what_methods_need_is_asked_of_the_part_that_has_it():
    with pytest.raises(InputError, match=r"--path-length-weight needs a network with styles, .* got sngan"):
        pair_settings(path_length_weight=2.0)
    with pytest.raises(InputError, match="--freeze-d must be 4 at most for fastgan at 64 px; got 5"):
        pair_settings(freeze_d=5, init_from="run")


def written_run(folder, chosen):
    run = RunFolder(folder)
    with run.locked():
        start_run(run, RunConfig(chosen, {}, ["train.py"]), {"images": []})
    return run


def test_a_run_of_a_pair_is_drawn_from_by_its_generator(tmp_path):
    run = written_run(tmp_path / "run", pair_settings(seed=1))
    generator = GENERATORS["sngan"].build(64, 3, 8, 1)
    checkpoint = tf.train.Checkpoint(average_generator=generator)
    tf.train.CheckpointManager(checkpoint, str(run.checkpoints), 1).save(checkpoint_number=0)
    (picture,) = TrainedGenerator(run).draw_seeds([5])
    assert picture.shape == (64, 64, 3)
    with pytest.raises(InputError, match="is a run of sngan, which has no styles; stylegan2 has"):
        TrainedGenerator(run, truncation=0.5)


def test_weights_of_another_pair_are_refused(tmp_path):
    run = written_run(tmp_path / "run", pair_settings(discriminator="stylegan2"))
    chosen = pair_settings()
    chosen = dataclasses.replace(chosen, transfer=dataclasses.replace(chosen.transfer, init_from=str(run.path)))
    with pytest.raises(InputError, match="must have the discriminator of this training; got stylegan2 there"):
        check_initial_run(chosen, RunFolder(tmp_path / "new"))
