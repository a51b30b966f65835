"""FastGAN and StyleGAN2 with classes, beside the sums of their sources; runs of both through the programs."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import drawn_batch
from PIL import Image
from test_classes import COUNTS, draw_folder, words

import sle_gan
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.export.route import even_route
from sle_gan.export.trained import TrainedGenerator
from sle_gan.layers.conditional import patch_projection
from sle_gan.models.discriminators.stylegan2 import discriminator as build_discriminator
from sle_gan.models.generators.stylegan2 import generator as build_generator
from sle_gan.models.generators.stylegan2 import styles as styles_of
from sle_gan.run import RunFolder
from sle_gan.training.classes import ClassShares
from sle_gan.training.path_length import PathLength

LABELS = np.eye(3, dtype="f")[[2, 0]]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def trainable(model):
    return sum(variable.shape.num_elements() for variable in model.trainable_variables)


# FastGAN


def test_every_patch_is_projected_on_the_class_of_its_image():
    features, embedding = normal(2, 5, 6, 3), normal(2, 3, seed=1)
    expected = np.zeros([2, 3, 4, 1])
    for image, row, column in np.ndindex(2, 3, 4):
        patch = features[image, row : row + 3, column : column + 3].mean(axis=(0, 1))
        expected[image, row, column, 0] = patch @ embedding[image]
    np.testing.assert_allclose(patch_projection(features, tf.constant(embedding), 3), expected, rtol=1e-4, atol=1e-5)


def test_fastgan_normalizes_by_class_wherever_it_normalizes():
    plain, generator = (sle_gan.Generator(64, width=8, classes=classes) for classes in (0, 3))
    norms = [layer for layer in plain.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 7
    for norm in norms:
        gain, bias = (generator.get_layer(f"{norm.name}_{part}").kernel for part in ("gain", "bias"))
        assert gain.shape == bias.shape == (3, norm.gamma.shape[0])
        assert gain.numpy().std() == pytest.approx(0.02, rel=0.5)
        assert not bias.numpy().any()
    assert trainable(generator) - trainable(plain) == sum(4 * norm.gamma.shape[0] for norm in norms)
    codes = normal(2, 256)
    before = generator([codes, LABELS]).numpy()
    kernel = generator.get_layer("up16_norm1_gain").kernel
    kernel.assign_add([[0.0] * 64, [0.0] * 64, [1.0] * 64])
    after = generator([codes, LABELS]).numpy()
    assert np.abs(after[0] - before[0]).max() > 1e-3  # of class 2
    np.testing.assert_array_equal(after[1], before[1])  # of class 0


def test_fastgans_patches_are_judged_by_what_is_said_of_the_class():
    discriminator = sle_gan.Discriminator(64, width=8, classes=3)
    trunk = discriminator.get_layer("trunk")
    images = normal(2, 64, 64, 3)
    heads = [trunk.get_layer(name) for name in ("logits", "small_logits")]
    inputs = [images, images[:, ::2, ::2], LABELS]
    features = keras.Model(trunk.inputs, [head.input for head in heads])(inputs)
    expected = []
    for head, maps in zip(heads, features, strict=True):
        kernel = head.normalized_kernel(False).numpy()[..., 0]
        embedding = LABELS @ trunk.get_layer(f"{head.name}_embedding").normalized_kernel(False).numpy()
        windows = np.lib.stride_tricks.sliding_window_view(maps.numpy(), (4, 4), axis=(1, 2))  # [2, 5, 5, c, 4, 4]
        said = np.einsum("bijchw,hwc->bij", windows, kernel)
        said += np.einsum("bijchw,bc->bij", windows, embedding) / 16
        expected.append(said.reshape(2, 25))
    logits = discriminator([images, LABELS])
    np.testing.assert_allclose(logits, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-4)
    assert np.abs(logits - discriminator([images, LABELS[::-1]])).max() > 1e-2


# StyleGAN2


def normalized(x):
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


def mapped(x, layers, rate):
    """What equalized dense layers make of `x`, each with its leaky ReLU."""
    for layer in layers:
        x = x @ layer.kernel.numpy() * (rate / np.sqrt(x.shape[1])) + layer.bias.numpy() * rate
        x = np.sqrt(2) * np.where(x < 0, 0.2 * x, x)
    return x


def embedded(labels, layer):
    return normalized(labels @ layer.kernel.numpy() / np.sqrt(labels.shape[1]) + layer.bias.numpy())


def test_styles_are_mapped_from_codes_and_classes():
    mapping = styles_of(build_generator(32, width=8, seed=1, classes=3)).mapping
    codes = normal(2, 512)
    first, second, embedding = (mapping.get_layer(name) for name in ("mapping1", "mapping2", "mapping_embedding"))
    embedding.bias.assign(normal(64))
    x = np.concatenate([normalized(codes), embedded(LABELS, embedding)], axis=1)
    np.testing.assert_allclose(mapping([codes, LABELS]), mapped(x, [first, second], 0.01), rtol=1e-3, atol=1e-4)


def test_the_discriminator_projects_on_a_mapped_class():
    discriminator = build_discriminator(32, width=8, seed=1, classes=3)
    images = normal(2, 32, 32, 3)
    mapping = [discriminator.get_layer(f"class{number}") for number in range(1, 9)]
    classes = mapped(embedded(LABELS, discriminator.get_layer("class_embedding")), mapping, 0.01)
    outputs = keras.Model(discriminator.inputs, discriminator.get_layer("logits").output)([images, LABELS]).numpy()
    assert outputs.shape == (2, 64)
    expected = (outputs * classes).sum(axis=1, keepdims=True) / 8
    np.testing.assert_allclose(discriminator([images, LABELS]), expected, rtol=1e-3, atol=1e-4)


def test_classes_cost_stylegan2_what_they_cost_the_reference():
    counts = [[trainable(build(32, classes=n)) for n in (0, 10)] for build in (build_generator, build_d)]
    embedding = 10 * 512 + 512
    assert np.diff(counts).ravel().tolist() == [embedding + 512 * 512, embedding + 8 * (512 * 512 + 512) + 511 * 513]


def build_d(resolution, classes):
    return build_discriminator(resolution, classes=classes)


def test_mixed_styles_are_of_the_same_class():
    generator = build_generator(32, width=8, seed=1, classes=3)
    parts = styles_of(generator)
    kernel = parts.mapping.get_layer("mapping1").kernel
    kernel.assign(tf.concat([tf.zeros([512, 64]), kernel[512:]], axis=0))  # styles of the classes alone
    styles = parts.mixing([normal(2, 512), LABELS], training=True).numpy()
    np.testing.assert_array_equal(styles, np.repeat(styles[:, :1], styles.shape[1], axis=1))
    assert np.abs(styles[0, 0] - styles[1, 0]).max() > 0.1


def test_path_lengths_are_of_classes_by_their_shares():
    class Recorded(ClassShares):
        seen = ()

        def draw(self, count, seed):
            self.seen = (int(count), super().draw(count, seed).numpy())
            return self.seen[1]

    parts = styles_of(build_generator(32, width=8, seed=1, classes=3))
    lengths, shares = PathLength(parts.mixing, parts.synthesis, 2.0, 1), Recorded([1, 1, 1, 2], 3)
    assert float(lengths.value(drawn_batch(8, tf.constant([1, 2]), classes=shares))) > 0
    count, labels = shares.seen
    assert count == 4
    assert not labels[:, 0].any()


# Runs


METHODS = [
    pytest.param("--model fastgan --resolution 64 --adv-augment --held-out 0.2", marks=pytest.mark.slow, id="fastgan"),
    pytest.param("--model stylegan2 --resolution 32", id="stylegan2"),
    pytest.param(
        "--model stylegan2 --resolution 32 --path-length-weight 2 --r1-gamma 1",
        marks=pytest.mark.slow,
        id="stylegan2-penalties",
    ),
]


@pytest.fixture(scope="module", params=METHODS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    flowers = draw_folder(folder / "flowers", COUNTS)
    assert train(words(flowers, folder, "run", "--steps", "2", *request.param.split())) == 0
    return RunFolder(folder / "run")


def test_a_run_of_classes_trains_with_the_methods(run):
    rows = [row for row in map(json.loads, run.metrics_file.read_text().splitlines()) if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_a_run_of_classes_draws_and_exports_by_class(run, tmp_path):
    assert generate(["samples", str(run.path), "--class", "roses", "--seeds", "0-2", "--output", str(tmp_path)]) == 0
    drawn = np.stack([np.asarray(Image.open(tmp_path / f"seed-{seed:06d}-roses.png")) for seed in range(3)])
    in_turn = np.stack(list(TrainedGenerator(run).draw_seeds(range(3))))
    np.testing.assert_array_equal(drawn[1], in_turn[1])
    assert (drawn[[0, 2]] != in_turn[[0, 2]]).any(axis=(1, 2, 3)).all()
    assert generate(["export", str(run.path), "--output", str(tmp_path / "export")]) == 0
    loaded = tf.saved_model.load(str(tmp_path / "export" / "1"))
    numbers = {"seed": tf.constant(0), "n": tf.constant(3), "label": tf.constant(1)}
    pictures = loaded.signatures["sample"](**numbers)["images"].numpy()
    assert np.abs(pictures.astype(int) - drawn).max() <= 1


@pytest.mark.slow
def test_styles_of_a_class_are_truncated_mixed_and_walked(run, tmp_path):
    if run.settings().network.model != "stylegan2":
        assert generate(["samples", str(run.path), "--seeds", "0", "--truncation", "0.5"]) == 2
        return
    plain, whole, half, none = (
        np.stack(list(TrainedGenerator(run, truncation=truncation, label=1).draw_seeds([0, 2])))
        for truncation in (None, 1.0, 0.5, 0.0)
    )
    assert np.abs(whole.astype(int) - plain).max() <= 1
    assert (half != plain).any()
    np.testing.assert_array_equal(none[0], none[1])
    trained = TrainedGenerator(run, truncation=1.0, label=2)
    alone, mixed = next(trained.draw_seeds([4])), next(trained.draw_mixed([0], [4], 4))
    assert np.abs(alone.astype(int) - mixed).max() <= 1
    walk = list(TrainedGenerator(run, truncation=1.0).draw_style_walk([0, 1], even_route(2, 2, loop=False)))
    ends = list(TrainedGenerator(run, truncation=1.0).draw_seeds([0, 1]))
    np.testing.assert_array_equal([walk[0], walk[-1]], ends)
