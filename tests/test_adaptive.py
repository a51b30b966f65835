import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy.ndimage import map_coordinates

from sle_gan.assembly.resolve import resolve
from sle_gan.augment.adaptive import AdaptiveAugment
from sle_gan.augment.build import build_augmentation
from sle_gan.augment.transforms import COLORS, MOVES, PIPES, Pipe, sample, seeds_of
from sle_gan.errors import InputError
from sle_gan.settings import AdaptiveAugmentSettings, DiffAugmentSettings
from sle_gan.training.ema import MovingAverage
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator

SEED = tf.constant([3, 4])
SIDE, COUNT = 8, 6


def images(channels=3, side=SIDE):
    return np.random.default_rng(0).uniform(-1, 1, size=(COUNT, side, side, channels)).astype("f")


def uniform(name, low, high, shape=(COUNT,)):
    return tf.random.stateless_uniform(shape, seeds_of(SEED, name)[1], low, high).numpy()


def normal(name, shape=(COUNT,)):
    return tf.random.stateless_normal(shape, seeds_of(SEED, name)[1]).numpy()


def whole(name, high):
    return tf.random.stateless_uniform([COUNT], seeds_of(SEED, name)[1], 0, high, tf.int32).numpy()


def warped(picture, matrix, shift=(0.0, 0.0)):
    """Draws by SciPy: `matrix` takes (right, down) from the middle of the result to the middle of the picture."""
    height, width = picture.shape[:2]
    middle = np.reshape([(width - 1) / 2, (height - 1) / 2], [2, 1, 1])
    down, right = np.mgrid[:height, :width]
    x, y = np.einsum("ij,jab->iab", matrix, np.stack([right, down]) - middle) - np.reshape(shift, [2, 1, 1]) + middle
    layers = [map_coordinates(picture[..., c], [y, x], order=1, mode="mirror") for c in range(3)]
    return np.stack(layers, axis=-1)


def turned(picture, angle):
    cosine, sine = math.cos(angle), math.sin(angle)
    return warped(picture, np.array([[cosine, sine], [-sine, cosine]]))


def shifted_whole(picture, share_right, share_down):
    right, down = (int(np.round(SIDE * share)) for share in (share_right, share_down))
    padded = np.pad(picture, [(4, 4), (4, 4), (0, 0)], mode="reflect")
    return padded[4 - down : 4 - down + SIDE, 4 - right : 4 - right + SIDE]


GREY = np.full([3, 3], 1 / 3)


def hue_matrix(angle):
    """Rodrigues' rotation about (1, 1, 1)."""
    axis = np.ones(3) / math.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


EXPECTED = {
    "flip": lambda x: [p[:, ::-1] if m else p for p, m in zip(x, whole("flip", 2), strict=True)],
    "quarter-turn": lambda x: [np.rot90(p, -q) for p, q in zip(x, whole("quarter-turn", 4), strict=True)],
    "whole-shift": lambda x: [
        shifted_whole(p, *s) for p, s in zip(x, uniform("whole-shift", -0.125, 0.125, (2, COUNT)).T, strict=True)
    ],
    "scale": lambda x: [warped(p, np.eye(2) / 2 ** (0.2 * n)) for p, n in zip(x, normal("scale"), strict=True)],
    "first-turn": lambda x: [turned(p, a) for p, a in zip(x, uniform("first-turn", -math.pi, math.pi), strict=True)],
    "stretch": lambda x: [
        warped(p, np.diag([1 / 2 ** (0.2 * n), 2 ** (0.2 * n)])) for p, n in zip(x, normal("stretch"), strict=True)
    ],
    "second-turn": lambda x: [turned(p, a) for p, a in zip(x, uniform("second-turn", -math.pi, math.pi), strict=True)],
    "shift": lambda x: [
        warped(p, np.eye(2), SIDE * 0.125 * s) for p, s in zip(x, normal("shift", (2, COUNT)).T, strict=True)
    ],
    "brightness": lambda x: x + 0.2 * normal("brightness")[:, None, None, None],
    "contrast": lambda x: x * 2 ** (0.5 * normal("contrast"))[:, None, None, None],
    "luma-flip": lambda x: [
        p - 2 * p.mean(axis=-1, keepdims=True) * f for p, f in zip(x, whole("luma-flip", 2), strict=True)
    ],
    "hue": lambda x: [p @ hue_matrix(a).T for p, a in zip(x, uniform("hue", -math.pi, math.pi), strict=True)],
    "saturation": lambda x: [p @ GREY + 2**n * (p - p @ GREY) for p, n in zip(x, normal("saturation"), strict=True)],
}


@pytest.mark.parametrize("name", [*MOVES, *COLORS])
def test_each_transform_agrees_with_numpy(name):
    x = images()
    result = Pipe([name])(x, SEED, tf.constant(1.0)).numpy()
    np.testing.assert_allclose(result, np.stack(EXPECTED[name](x)), atol=2e-5)
    assert np.abs(result - x).max() > 0.01


def test_a_picture_that_is_not_square_keeps_its_shape_and_is_moved_by_shares_of_each_side():
    x = np.random.default_rng(0).uniform(-1, 1, size=(COUNT, 8, 12, 3)).astype("f")
    sides = np.array([12, 8])
    whole_shares = uniform("whole-shift", -0.125, 0.125, (2, COUNT)).T
    expected = {
        "quarter-turn": [turned(p, math.pi / 2 * q) for p, q in zip(x, whole("quarter-turn", 4), strict=True)],
        "first-turn": EXPECTED["first-turn"](x),
        "scale": EXPECTED["scale"](x),
        "shift": [
            warped(p, np.eye(2), sides * 0.125 * s) for p, s in zip(x, normal("shift", (2, COUNT)).T, strict=True)
        ],
        "whole-shift": [warped(p, np.eye(2), np.round(sides * s)) for p, s in zip(x, whole_shares, strict=True)],
    }
    for name, moved in expected.items():
        result = Pipe([name])(x, SEED, tf.constant(1.0))
        np.testing.assert_allclose(result, np.stack(moved), atol=2e-5, err_msg=name)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_at_probability_0_images_are_what_they_were_to_the_bit(channels):
    for side in (SIDE, 9):
        x = images(channels, side)
        for pipe in PIPES.values():
            np.testing.assert_array_equal(Pipe(pipe)(x, SEED, tf.constant(0.0)), x)


def test_moves_and_colors_together_are_one_after_the_other():
    x = images()
    names = ("quarter-turn", "whole-shift", "brightness", "contrast", "saturation")
    expected = x
    for name in names:
        expected = Pipe([name])(expected, SEED, tf.constant(1.0)).numpy()
    # A quarter turn mirrors what a shift would bring in from beyond; away from the border they are one after another.
    result = Pipe(names)(x, SEED, tf.constant(1.0)).numpy()
    np.testing.assert_allclose(result[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=1e-5)


def test_transforms_happen_as_often_as_is_asked_for():
    x = np.tile(images()[:1, :2, :2], [4000, 1, 1, 1])
    changed = np.abs(Pipe(["brightness"])(x, SEED, tf.constant(0.3)) - x).max(axis=(1, 2, 3)) > 0
    assert changed.mean() == pytest.approx(0.3, abs=0.03)
    turned_once = np.abs(Pipe(["first-turn", "second-turn"])(x, SEED, tf.constant(0.3)) - x).max(axis=(1, 2, 3)) > 1e-4
    assert turned_once.mean() == pytest.approx(0.3, abs=0.03)  # one turn at least


def test_a_grey_picture_and_alpha_keep_their_meaning():
    grey, colors = images(1), Pipe(list(COLORS))
    alone = colors(grey, SEED, tf.constant(1.0)).numpy()
    as_colors = colors(np.tile(grey, [1, 1, 1, 3]), SEED, tf.constant(1.0)).numpy()
    np.testing.assert_allclose(alone[..., 0], as_colors.mean(axis=-1), atol=1e-5)
    alpha = images(4)
    result = Pipe(PIPES["bgc"])(alpha, SEED, tf.constant(1.0)).numpy()
    np.testing.assert_allclose(result[..., :3], Pipe(PIPES["bgc"])(alpha[..., :3], SEED, tf.constant(1.0)), atol=1e-6)
    np.testing.assert_allclose(result[..., 3:], Pipe(tuple(MOVES))(alpha[..., 3:], SEED, tf.constant(1.0)), atol=1e-6)


def test_the_gradient_agrees_with_finite_differences():
    x = tf.constant(images())
    weights, direction = (tf.random.stateless_normal(x.shape, [7, use]) for use in range(2))

    def total(moved):
        return tf.reduce_sum(weights * Pipe(PIPES["bgc"])(moved, SEED, tf.constant(0.8)) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total(x)
    slope = float(tf.reduce_sum(tape.gradient(value, x) * direction))
    step = 0.01
    measured = float(total(x + step * direction) - total(x - step * direction)) / (2 * step)
    assert slope == pytest.approx(measured, rel=1e-3)


def test_a_point_outside_is_mirrored_without_repeating_the_border():
    row = tf.reshape(tf.range(4.0), [1, 1, 4, 1]) + tf.zeros([1, 4, 1, 1])
    far = tf.constant([[[1.0, 0.0, 6.0], [0.0, 1.0, -9.0], [0.0, 0.0, 1.0]]])
    np.testing.assert_array_equal(sample(row, far)[0, 0, :, 0], [0.0, 1.0, 2.0, 3.0])  # a period of 6
    np.testing.assert_array_equal(
        sample(row, tf.tensor_scatter_nd_update(far, [[0, 0, 2]], [3.0]))[0, 0, :, 0], [3.0, 2.0, 1.0, 0.0]
    )


@pytest.mark.paper(
    "ADA",
    "Karras et al. 2020, arXiv:2006.06676",
    "the probability moves every 4 steps towards a mean sign of 0.6",
)
def test_the_probability_moves_every_four_steps_by_the_sign_of_the_mean():
    augment = AdaptiveAugment(images_per_step=50, target=0.6, kimg=1.0)
    observe = tf.function(augment.observe)
    expected, signs = [], [1.0, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, -0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0]
    for step, sign in enumerate(signs):
        observe(tf.constant(step, tf.int64), tf.constant(sign, tf.float32))
        expected.append(float(augment.probability))
    # 4 * 50 / 1000 = 0.2 up where the mean is above 0.6 (0.625, 0.625), down where it is below; never below 0.
    np.testing.assert_allclose(
        expected, [0, 0, 0, 0.2, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0], atol=1e-6
    )
    for step in range(40):
        observe(tf.constant(step, tf.int64), tf.constant(1.0))
    assert float(augment.probability) == 1.0


def small_gan(probability=0.5, pipe="b"):
    """Networks of one dense layer on 4x4 pictures, with an adaptive augmentation that is at work."""
    dense = keras.layers.Dense

    def generator():
        return keras.Sequential([keras.Input([2]), dense(48, name="dense"), keras.layers.Reshape([4, 4, 3])])

    discriminator = keras.Sequential([keras.Input([4, 4, 3]), keras.layers.Flatten(), dense(1)])
    adaptation = AdaptiveAugment(images_per_step=4, kimg=0.1, pipe=pipe)
    adaptation.probability.assign(probability)
    gan = GAN(generator(), discriminator, generator(), augment=adaptation)
    gan.average_generator.set_weights(gan.generator.get_weights())
    adam = keras.optimizers.Adam
    gan.compile(
        adam(0.01),
        adam(0.01),
        hinge_generator,
        lambda real, fake, seed: tf.reduce_mean(fake - real),
        after_step=[MovingAverage(), adaptation],
    )
    return gan


def reals():
    return tf.random.stateless_uniform([4, 4, 4, 3], [5, 6], -1, 1)


def test_a_training_with_it_goes_on_from_a_checkpoint_exactly(tmp_path):
    first, second = small_gan(pipe="bgc"), small_gan(0.0, "bgc")
    for _ in range(3):
        first.train_step(reals())
    first.augment.sign_sum.assign(2.0)  # the signs of three steps may cancel out
    path = tf.train.Checkpoint(**first.checkpoint_items()).save(str(tmp_path / "ckpt"))
    tf.train.Checkpoint(**second.checkpoint_items()).restore(path).assert_consumed()
    assert float(second.augment.sign_sum) == 2.0
    for gan in (first, second):
        gan.train_step(reals())
    assert float(first.augment.probability) == float(second.augment.probability) != 0.5
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=a.name)


def test_its_probability_is_a_mean_of_the_losses_row_and_agrees_in_the_graph():
    eager, graph = small_gan(), small_gan()
    graph.set_weights(eager.get_weights())
    step = tf.function(graph.train_step)
    for _ in range(5):
        logs, graph_logs = eager.train_step(reals()), step(reals())
    assert float(logs["augment_probability"]) == float(graph_logs["augment_probability"]) != 0.5
    assert [mean.name for mean in eager.loss_means][-1] == "augment_probability"


def test_two_replicas_follow_the_mean_of_both(two_replicas):
    with two_replicas.scope():
        gan = small_gan()
    gan.fit(tf.data.Dataset.from_tensors(tf.concat([reals(), -reals()], 0)).repeat(5), verbose=0)
    values = [float(value) for value in two_replicas.experimental_local_results(gan.augment.probability)]
    assert values[0] == values[-1]
    assert abs(values[0] - 0.5) == pytest.approx(4 * 4 / 100, rel=1e-5)
    for variable in gan.generator.trainable_variables:
        first, second = (value.numpy() for value in two_replicas.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second)


def settings(**given):
    return resolve({"data_folder": "x", **given})


def test_what_is_given_chooses_one_augmentation():
    default = settings().augmentation
    assert default == DiffAugmentSettings(diff_augment="color,translation")
    assert settings(diff_augment=None).augmentation is None
    assert settings(diff_augment="color").augmentation.diff_augment == "color"
    assert settings(augment="ada").augmentation == AdaptiveAugmentSettings()
    assert settings(augment="ada", diff_augment=None).augmentation == AdaptiveAugmentSettings()
    for given, told in (
        ({"augment": "ada", "diff_augment": "color"}, "--augment ada takes the place of --diff-augment color"),
        ({"augment_speed": 0}, "'augment_speed' must be a number above 0; got 0"),
        ({"diff_augment": "blur"}, "--diff-augment takes some of color,translation,cutout; got blur"),
    ):
        with pytest.raises(InputError, match=told):
            settings(**given)


def test_the_strengths_of_diffaugment_are_those_of_the_settings():
    augment = build_augmentation(settings(diff_brightness=0.1, diff_cutout=0.25, diff_translation=0).augmentation, 8)
    assert (augment.brightness, augment.cutout, augment.translation) == (0.1, 0.25, 0.0)
    assert (augment.saturation, augment.contrast) == (1.0, 0.5)
    ada = build_augmentation(settings(augment="ada", augment_speed=0.8).augmentation, 4)
    ada.observe(tf.constant(3), tf.constant(4.0))
    assert float(ada.probability) == pytest.approx(4 * 4 / 800)


def test_unknown_transforms_are_told():
    with pytest.raises(ValueError, match=r"transforms must be some of flip, .*; got blur"):
        Pipe(["blur"])
