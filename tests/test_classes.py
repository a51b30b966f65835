"""Classes from sub-folders: names and labels, what is drawn by them, and a conditional run through the programs."""

import json
import shutil
import subprocess
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image
from processes import assert_same_end
from test_cli import script

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.data.classes import check_classes, class_labels, class_names, describe_classes, label_of
from sle_gan.data.folder import scan
from sle_gan.data.pipeline import training_dataset
from sle_gan.errors import InputError
from sle_gan.export.route import even_route
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models import GENERATORS, MODELS
from sle_gan.models.discriminators.sngan import discriminator as build_discriminator
from sle_gan.models.generators.sngan import generator as build_generator
from sle_gan.models.io import postprocess_images, seed_inputs
from sle_gan.run import RunFolder
from sle_gan.training.classes import ClassShares
from sle_gan.training.ema import Calibration, MovingAverage
from sle_gan.training.gan import GAN
from sle_gan.training.gradient_penalty import gradient_penalty
from sle_gan.training.losses import hinge_generator
from sle_gan.training.regularizers import input_gradients

COUNTS = {"asters": 3, "roses": 4, "tulips": 2}


def draw_folder(folder, counts):
    rng = np.random.default_rng(0)
    for place, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            coarse = rng.integers(0, 90, size=(4, 4, 3), dtype=np.uint8)
            coarse[..., place % 3] += 160
            Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("classes") / "flowers", COUNTS)


def words(flowers, output, name, *more):
    fixed = (
        "--conditional --resolution 32 --width 8 --batch-size 4 --n-critic 1 --log-frequency 1 --sample-frequency 50"
    )
    return ["--data-folder", str(flowers), "--output-folder", str(output), "--name", name, *fixed.split(), *more]


# Names and labels


def test_the_first_sub_folder_of_an_image_is_its_class(flowers, tmp_path):
    found = scan(flowers)
    names = class_names(found)
    assert names == ["asters", "roses", "tulips"]
    assert class_labels(found.images, names).tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert class_labels(found.images, names).dtype == np.int32
    assert describe_classes(found.images, names) == "3 classes: asters (3), roses (4), tulips (2)"
    deep = draw_folder(tmp_path, {"b/x": 1, "b/y": 1, "a": 1})
    assert class_labels(scan(deep).images, class_names(scan(deep))).tolist() == [0, 1, 1]


def test_an_image_outside_the_sub_folders_is_refused(flowers, tmp_path):
    shutil.copytree(flowers, tmp_path / "mixed")
    shutil.copy(flowers / "roses" / "0.png", tmp_path / "mixed" / "alone.png")
    with pytest.raises(InputError, match=r"every image in a sub-folder of .*; 1 lie in none, such as alone.png"):
        class_names(scan(tmp_path / "mixed"))


def test_one_class_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"two sub-folders with images at least; .* has 'only'"):
        class_names(scan(draw_folder(tmp_path, {"only": 2})))


@pytest.mark.parametrize("pair", [("Roses", "roses"), ("caf\u00e9", "cafe\u0301")])
def test_two_names_that_a_person_takes_for_one_are_refused(tmp_path, pair):
    with pytest.raises(InputError, match="each class must have a name of its own"):
        class_names(scan(draw_folder(tmp_path, dict.fromkeys(pair, 1))))


def test_a_class_without_an_image_to_train_on_is_refused(flowers):
    found = scan(flowers)
    with pytest.raises(InputError, match="every class must have an image to train on; tulips has none"):
        check_classes(found.images[:7], class_names(found))


def test_a_class_is_found_by_its_name_however_its_accents_are_written():
    names = ["Caf\u00e9", "roses"]
    written = ["roses", "ROSES", unicodedata.normalize("NFD", "caf\u00e9")]
    assert [label_of(name, names) for name in written] == [1, 1, 0]
    with pytest.raises(InputError, match="--class must be one of Caf\u00e9, roses; got 'tulips'"):
        label_of("tulips", names)


# Labels in training


def test_drawn_labels_have_the_shares_of_the_images():
    shares = ClassShares(np.array([0] * 2 + [1] * 6 + [3] * 8), 4)
    drawn = shares.draw(4000, [1, 2]).numpy()
    assert drawn.shape == (4000, 4)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn.sum(axis=1), 1)
    np.testing.assert_allclose(drawn.mean(axis=0), [0.125, 0.375, 0, 0.5], atol=0.02)
    np.testing.assert_array_equal(shares.draw(4000, [1, 2]), drawn)


@pytest.mark.parametrize("first_step", [0, 3])
def test_each_image_comes_with_its_label(first_step):
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones([1, 2, 2, 1], np.uint8)
    labels = np.array([3, 1, 4, 1, 5], np.int32)
    given = {"batch_size": 4, "seed": 0, "flip": True, "first_step": first_step}
    batches = training_dataset(images, labels=labels, **given).take(4)
    for (shown, classes), plain in zip(batches, training_dataset(images, **given), strict=False):
        np.testing.assert_array_equal(shown, plain)
        which = np.round((shown[:, 0, 0, 0] + 1) * 127.5).astype(int)
        assert classes.numpy().tolist() == labels[which].tolist()


def test_the_class_of_a_seed_is_its_turn_unless_one_is_asked_for():
    generator = build_generator(32, width=8, classes=3)
    codes, labels = seed_inputs(generator, [0, 1, 2, 3, 7])
    assert np.argmax(labels, axis=1).tolist() == [0, 1, 2, 0, 1]
    again, asked = seed_inputs(generator, [0, 1, 2, 3, 7], 2)
    assert np.argmax(asked, axis=1).tolist() == [2] * 5
    np.testing.assert_array_equal(codes, again)
    assert seed_inputs(build_generator(32, width=8), [0, 1]).shape == (2, 128)


def test_penalties_differentiate_images_alone_and_hand_labels_on():
    def judge(inputs):  # the slope is 2 for class 0 and 3 for class 1
        images, labels = inputs
        return tf.reduce_sum(images, axis=[1, 2, 3])[:, None] * tf.reduce_sum(labels * [[2.0, 3.0]], 1, keepdims=True)

    reals, fakes = tf.ones([2, 2, 2, 1]), tf.zeros([2, 2, 2, 1])
    labels, others = tf.constant([[1.0, 0.0], [0.0, 1.0]]), tf.constant([[0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(input_gradients(judge, [reals, labels]), [4 * 2.0**2, 4 * 3.0**2])
    # Slopes of 4 and 6 at the labels of the reals: (3^2 + 5^2) / 2.
    penalty = gradient_penalty(judge, [reals, labels], [fakes, others], [0, 1])
    assert float(penalty) == pytest.approx(17.0)


def test_a_conditional_generator_is_calibrated_by_the_shares_of_the_classes():
    class Recorded(ClassShares):
        seen = 0

        def draw(self, count, seed):
            self.seen += count
            return super().draw(count, seed)

    generator, shares = build_generator(32, width=8, classes=3), Recorded([0, 1, 2], 3)
    norm = generator.get_layer("up8_norm2")
    Calibration(generator, 4, shares)(1)
    assert shares.seen == 16 * 4
    assert 0 < norm.moving_variance.numpy().max() != 1


def test_sngan_takes_classes_as_its_extension_does():
    generator, discriminator = build_generator(32, width=8, classes=3), build_discriminator(32, width=8, classes=3)
    labels = tf.one_hot([2, 0], 3)
    gains = generator.get_layer("up8_norm1_gain").kernel.numpy()
    assert gains.shape == (3, 32)
    assert gains.std() == pytest.approx(0.02, rel=0.3)
    assert not generator.get_layer("up8_norm1_bias").kernel.numpy().any()
    images = generator([tf.random.stateless_normal([2, 128], [0, 1]), labels])
    head, embedding = discriminator.get_layer("logits"), discriminator.get_layer("embedding")
    features = keras.Model(discriminator.inputs, head.input)([images, labels]).numpy()
    rows = np.asarray(embedding.normalized_kernel(False))[[2, 0]]
    expected = features @ np.asarray(head.normalized_kernel(False)) + np.sum(features * rows, 1)[:, None]
    np.testing.assert_allclose(discriminator([images, labels]), expected, rtol=1e-4, atol=1e-5)


def labelled_networks():
    """Networks of a few numbers: an image is a number, to which its class adds one; so does it to the logit."""
    codes, labels, images = keras.Input([2]), keras.Input([3]), keras.Input([1, 1, 1])
    values = keras.layers.Dense(1, name="dense", kernel_initializer="ones")(codes)
    values += keras.layers.Dense(1, name="class", use_bias=False, kernel_initializer="zeros")(labels)
    generator = keras.Model([codes, labels], keras.layers.Reshape([1, 1, 1])(values))
    logits = keras.layers.Dense(1, name="dense", kernel_initializer="ones")(keras.layers.Flatten()(images))
    logits += keras.layers.Dense(1, name="class", use_bias=False, kernel_initializer="zeros")(labels)
    return generator, keras.Model([images, labels], logits)


def labelled_gan(**options):
    (generator, discriminator), (average, _) = labelled_networks(), labelled_networks()
    gan = GAN(generator, discriminator, average, classes=ClassShares(np.array([0, 0, 1, 2]), 3))
    gan.compile(
        keras.optimizers.SGD(0.1),
        keras.optimizers.SGD(0.1),
        hinge_generator,
        lambda real, fake, seed: tf.reduce_mean(fake) - tf.reduce_mean(real),
        after_step=[MovingAverage(0.5)],
        **options,
    )
    return gan


def test_a_step_with_labels_is_the_one_that_is_computed_by_hand():
    gan = labelled_gan()
    fold = tf.random.experimental.stateless_fold_in
    drawn = gan.classes.draw(4, fold(fold(gan._step_seed(), 8), 0)).numpy().mean(axis=0)
    codes = tf.random.stateless_normal([4, 2], fold(gan._step_seed(), 0)).numpy()
    gan.train_step((tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [4, 1, 1, 1]), tf.constant([2, 0, 2, 1])))
    # D(x, y) = x + a[y] at first: a[y] moves by the share of y among the reals less that among the fakes.
    weight = 1.0 + 0.1 * (2.5 - codes.sum(axis=1).mean())
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(weight, rel=1e-5)
    moved = 0.1 * (np.array([0.25, 0.25, 0.5]) - drawn)
    np.testing.assert_allclose(gan.discriminator.get_layer("class").kernel[:, 0], moved, atol=1e-6)
    # The generator's loss is -w mean(z . k + e[y]) - mean(a[y]).
    added = 0.1 * weight * drawn
    np.testing.assert_allclose(gan.generator.get_layer("class").kernel[:, 0], added, rtol=1e-5)
    np.testing.assert_allclose(gan.average_generator.get_layer("class").kernel[:, 0], added / 2, rtol=1e-5)


@pytest.mark.slow
def test_two_replicas_learn_the_same_of_labels_in_several_steps_at_once(two_replicas):
    with two_replicas.scope():
        gan = labelled_gan(steps_per_execution=2)
    data = (tf.ones([4, 1, 1, 1]), tf.constant([0, 1, 2, 0]))
    gan.fit(tf.data.Dataset.from_tensors(data).repeat(4), verbose=0)
    assert int(gan.steps.numpy()) == 4
    for variable in (*gan.generator.trainable_variables, *gan.discriminator.trainable_variables):
        first, second = (value.numpy() for value in two_replicas.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second)
    assert gan.generator.get_layer("class").kernel.numpy().all()


# A run


@pytest.fixture(scope="module")
def run(flowers, tmp_path_factory):
    output = tmp_path_factory.mktemp("conditional")
    assert train(words(flowers, output, "run", "--model", "sngan", "--held-out", "0.2", "--steps", "2")) == 0
    return RunFolder(output / "run")


def test_a_conditional_run_trains_and_keeps_its_classes(run, flowers, capsys):
    assert run.settings().images.class_names == ("asters", "roses", "tulips")
    rows = [row for row in map(json.loads, run.metrics_file.read_text().splitlines()) if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert all(0 <= row["held_out_below"] <= 1 for row in rows)
    plain = [word for word in words(flowers, run.path.parent, "run", "--model", "sngan") if word != "--conditional"]
    assert train(plain) == 2
    assert "class_names ['asters', 'roses', 'tulips'], asked for None" in capsys.readouterr().err


def test_a_class_changes_the_pictures_and_is_its_label(run, tmp_path):
    trained = TrainedGenerator(run)
    for name, label in (("roses", 1), ("tulips", 2)):
        options = ["--class", name, "--seeds", "0-2", "--output", str(tmp_path)]
        assert generate(["samples", str(run.path), *options]) == 0
        codes, _ = seed_inputs(trained.generator, range(3))
        expected = postprocess_images(trained.generator([codes, tf.one_hot([label] * 3, 3)], training=False)).numpy()
        drawn = [Image.open(tmp_path / f"seed-{seed:06d}-{name}.png") for seed in range(3)]
        assert {picture.text["class"] for picture in drawn} == {name}
        assert np.abs(np.stack(drawn).astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(OpenedRun(run).draw(range(3), class_name=name.upper()), np.stack(drawn))
    roses, tulips = (np.asarray(Image.open(tmp_path / f"seed-000000-{name}.png")) for name in ("roses", "tulips"))
    assert not np.array_equal(roses, tulips)
    in_turn = list(trained.draw_seeds(range(3)))
    np.testing.assert_array_equal(in_turn[1], next(TrainedGenerator(run, label=1).draw_seeds([1])))
    np.testing.assert_array_equal(in_turn[2], np.asarray(Image.open(tmp_path / "seed-000002-tulips.png")))


def test_a_walk_between_classes_meets_its_seeds(run):
    trained = TrainedGenerator(run)
    walk, ends = list(trained.draw_walk([0, 1], even_route(2, 3, loop=False))), list(trained.draw_seeds([0, 1]))
    np.testing.assert_array_equal(walk[0], ends[0])
    np.testing.assert_array_equal(walk[-1], ends[1])
    assert len(walk) == 4


def test_an_export_takes_labels_and_names_them(run, tmp_path):
    assert generate(["export", str(run.path), "--output", str(tmp_path)]) == 0
    described = json.loads((tmp_path / "1" / "assets.extra" / "generator.json").read_text())
    assert described["classes"] == ["asters", "roses", "tulips"]
    assert described["signatures"]["sample"] == ["seed", "n", "label"]
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    pictures = loaded.signatures["sample"](seed=tf.constant(4), n=tf.constant(2), label=tf.constant(2))["images"]
    expected = np.stack(list(TrainedGenerator(run, label=2).draw_seeds([4, 5])))
    assert np.abs(pictures.numpy().astype(int) - expected).max() <= 1
    numbers = {"seed_a": 0, "seed_b": 1, "steps": 3, "label": -1}
    walk = loaded.signatures["interpolate"](**{name: tf.constant(value) for name, value in numbers.items()})["images"]
    assert np.abs(walk[-1].numpy().astype(int) - next(TrainedGenerator(run).draw_seeds([1]))).max() <= 1

    for label in (-2, 3, 6):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"from -1 to 2 \(0 asters, 1 roses, 2 tulips; -1"):
            loaded.signatures["sample"](seed=tf.constant(4), n=tf.constant(2), label=tf.constant(label))
    codes = tf.zeros([2, described["latent_size"]])
    for label in (-1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"from 0 to 2 \(0 asters, 1 roses, 2 tulips"):
            loaded.signatures["serving_default"](z=codes, label=tf.constant([0, label]))


@pytest.mark.parametrize("command", ["samples", "interpolate"])
def test_an_unknown_class_is_told_with_those_there_are(run, capsys, command):
    options = ["--seeds", "0,1", "--class", "lilies", "--output", str(run.path / "walk.gif")]
    assert generate([command, str(run.path), *options]) == 2
    assert capsys.readouterr().err == "error: --class must be one of asters, roses, tulips; got 'lilies'\n"


def test_a_class_of_a_run_without_classes_is_refused(tmp_path, capsys):
    shutil.copytree(tmp_path, tmp_path / "run")
    config = {"schema": 1, "settings": {"data_folder": "x", "model": "sngan"}, "versions": {}, "command": []}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert generate(["samples", str(tmp_path / "run"), "--seeds", "0", "--class", "roses"]) == 2
    assert "--class needs a run that was trained with --conditional" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_conditional_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_left_alone(flowers, tmp_path, model):
    more = "--n-critic 2 --r1-gamma 1 --gradient-penalty 1 --dig-weight 1 --held-out 0.2"
    # Phases that follow from no training's length, and none that would begin behind step 2, where one training ends.
    more += " --reconfigure --reconfigure-warmup 1 --reconfigure-interval 2"
    side = min(GENERATORS[MODELS[model].generator].resolutions)
    for name, steps in (("whole", "3"), ("broken", "2"), ("broken", "3")):
        given = f"--model {model} --resolution {side} {more} --steps {steps}"
        subprocess.run(script(*words(flowers, tmp_path, name, *given.split())), stdout=subprocess.DEVNULL, check=True)
    assert_same_end(RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole"))
