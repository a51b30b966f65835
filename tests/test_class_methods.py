"""Methods that look at features, at moved images, or through another discriminator, of networks with classes."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_classes import COUNTS, draw_folder, labelled_networks, words

from sle_gan.cli.train import main as train
from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS, Pair
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.io import seed_inputs
from sle_gan.models.pairing import feature_splits, training_graph
from sle_gan.run import RunFolder
from sle_gan.training.consistency import inconsistency
from sle_gan.training.losses import hinge_generator
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures
from sle_gan.training.teacher import Teacher


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    return draw_folder(tmp_path_factory.mktemp("classes") / "flowers", COUNTS)


@pytest.fixture(scope="module")
def teacher(flowers, tmp_path_factory):
    output = tmp_path_factory.mktemp("teachers")
    assert train(words(flowers, output, "teacher", "--model", "sngan", "--steps", "1")) == 0
    return RunFolder(output / "teacher")


PAIRS = [*(model.pair() for model in MODELS.values()), Pair("fastgan", "sngan"), Pair("sngan", "fastgan")]


@pytest.mark.parametrize("pair", PAIRS, ids=Pair.describe)
def test_the_parts_of_a_conditional_network_are_the_network(pair):
    tables = zip((GENERATORS, DISCRIMINATORS), pair, strict=True)
    networks = [table[name].build(64, 3, 8, 1, classes=3) for table, name in tables]
    graph, splits = training_graph(pair, *networks), feature_splits(pair, *networks)
    inputs = seed_inputs(networks[0], [0, 1])
    features, others = splits[0].first(inputs, training=False)
    pictures = tf.nest.flatten(splits[0].rest([*features, *others], training=False))
    for drawn, expected in zip(pictures, tf.nest.flatten(graph.generator(inputs, training=False)), strict=True):
        np.testing.assert_array_equal(drawn, expected)
    judged = [*pictures, tf.one_hot([2, 0], 3)]
    features, maps = splits[1].first(judged, training=False)
    logits = splits[1].rest([*features, judged[-1]], training=False)
    expected = tf.nest.flatten(graph.discriminator(judged, training=False))
    for output, each in zip([logits, *maps], expected, strict=True):
        np.testing.assert_array_equal(output, each)


def test_moved_features_are_judged_by_the_label_of_their_image():
    (generator, discriminator), labels = labelled_networks(), tf.constant([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    discriminator.get_layer("class").kernel.assign([[0.0], [5.0], [7.0]])
    (codes, wanted), (images, judged) = generator.inputs, discriminator.inputs
    flat, value = discriminator.get_layer("dense").input, generator.get_layer("dense").output
    splits = (
        FeatureSplit(keras.Model([codes, wanted], ([value], [wanted])), keras.Model([value, wanted], generator.output)),
        FeatureSplit(keras.Model([images, judged], ([flat], [])), keras.Model([flat, judged], discriminator.output)),
    )
    method = AdversarialFeatures(*splits, SIGNS["paper"], gamma=0.1)
    shown = tf.reshape([1.0, 2.0], [2, 1, 1, 1])
    logits, _, features = method.judge([shown, labels])
    np.testing.assert_allclose(logits, [[6.0], [9.0]])
    # Reals move down and fakes up: the mean of the fakes' less that of the reals' is 2 gamma.
    moved = method.discriminator_loss(features, features, lambda real, fake: tf.reduce_mean(fake - real))
    assert float(moved) == pytest.approx(0.2, rel=1e-5)
    # G(z, y) = z1 + z2 = 3 and 1, moved down by 0.1; D adds 5 and 7.
    told = float(method.generator_loss([tf.constant([[1.0, 2.0], [0.0, 1.0]]), labels], hinge_generator))
    assert told == pytest.approx(-(2.9 + 5 + 0.9 + 7) / 2, rel=1e-5)


def test_a_teacher_is_asked_about_labels_if_it_knows_them():
    (_, discriminator), fakes = labelled_networks(), tf.reshape([1.0, 2.0], [2, 1, 1, 1])
    discriminator.get_layer("class").kernel.assign([[0.0], [5.0], [7.0]])
    labels = tf.constant([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert float(Teacher(discriminator, 0.1).judged_loss([fakes, labels], hinge_generator)) == pytest.approx(-7.5)
    flat = keras.Sequential([keras.Input([1, 1, 1]), keras.layers.Flatten()])
    assert float(Teacher(flat, 0.1).judged_loss([fakes, labels], hinge_generator)) == pytest.approx(-1.5)


def test_consistency_moves_images_and_leaves_labels():
    seen = []

    def judge(inputs):
        seen.append(inputs)
        return tf.zeros([2, 1])

    images, labels = tf.random.stateless_uniform([2, 16, 16, 3], [1, 2]), tf.one_hot([0, 1], 2)
    inconsistency(judge, [images, labels], [images, labels], tf.constant([3, 4]))
    assert len(seen) == 4
    assert all(inputs[1] is labels for inputs in seen)
    assert not np.array_equal(seen[1][0], images)


@pytest.mark.slow
def test_a_conditional_run_trains_with_moved_features_consistency_and_a_teacher(teacher, flowers, tmp_path):
    methods = ["--adv-augment", "--consistency-weight", "1", "--teacher", str(teacher.path)]
    given = words(flowers, tmp_path, "student", "--model", "sngan", *methods, "--steps", "2")
    assert train(given) == 0
    student = RunFolder(tmp_path / "student")
    rows = [row for row in map(json.loads, student.metrics_file.read_text().splitlines()) if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert all({"teacher_loss", "penalty"} <= row.keys() for row in rows)


def test_a_teacher_of_classes_teaches_their_pupils_alone(teacher, flowers, tmp_path, capsys):
    given = words(flowers, tmp_path, "student", "--model", "sngan", "--teacher", str(teacher.path), "--steps", "1")
    assert train([word for word in given if word != "--conditional"]) == 2
    told = capsys.readouterr()
    assert "must have the class_names of this training" in told.err
    assert "all images lie in 3 sub-folders; did you mean --conditional, to draw by class?" not in told.out


def test_sub_folders_are_told_of_where_classes_were_not_asked_for(flowers, tmp_path, capsys):
    given = [word for word in words(flowers, tmp_path, "plain", "--dry-run") if word != "--conditional"]
    assert train([*given, "--model", "sngan"]) == 0
    assert (
        "data: all images lie in 3 sub-folders; did you mean --conditional, to draw by class?"
        in capsys.readouterr().out
    )
    assert train([*given[2:], "--model", "sngan", "--data-folder", str(flowers / "roses")]) == 0
    assert "did you mean" not in capsys.readouterr().out
