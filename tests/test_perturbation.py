import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_gan import difference, linear_networks

from sle_gan.models import DISCRIMINATORS, GENERATORS, MODELS, Pair
from sle_gan.models.graph import FeatureSplit
from sle_gan.models.pairing import feature_splits, training_graph
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator
from sle_gan.training.perturbation import SIGNS, AdversarialFeatures, moved_features
from sle_gan.training.teacher import Teacher


def linear_splits(generator, discriminator):
    """Cuts the linear networks of `test_gan` at the picture: the generator behind its layer, D before its own."""
    image, flat = generator.get_layer("dense").output, discriminator.get_layer("dense").input
    return (
        FeatureSplit(keras.Model(generator.input, ([image], [])), keras.Model([image], generator.output)),
        FeatureSplit(keras.Model(discriminator.input, ([flat], [])), keras.Model([flat], discriminator.output)),
    )


def test_before_a_linear_head_features_move_by_gamma_times_the_sign_of_its_weights():
    features = tf.random.stateless_normal([5, 3], [1, 2])
    head = tf.constant([[2.0], [-0.5], [0.0]])
    (moved,) = moved_features(lambda x: tf.reduce_sum(x[0] @ head), [features], 0.01, 1, 1.0)
    np.testing.assert_allclose(moved - features, np.tile([0.01, -0.01, 0.0], [5, 1]), atol=1e-7)
    # The logits rise by gamma times the sum of |w|, whatever the features.
    np.testing.assert_allclose((moved - features) @ head, np.full([5, 1], 0.025), atol=1e-6)


@pytest.mark.parametrize(("radius", "expected"), [(1.0, 0.01), (float("inf"), 0.03)])
def test_more_steps_stay_within_the_radius(radius, expected):
    (moved,) = moved_features(lambda x: tf.reduce_sum(x[0]), [tf.zeros([2, 1])], 0.01, 3, radius)
    np.testing.assert_allclose(moved, np.full([2, 1], expected), rtol=1e-6)


def test_gradients_flow_as_if_nothing_had_been_added():
    features = tf.Variable([[3.0, -1.0]])
    with tf.GradientTape() as tape:
        (moved,) = moved_features(lambda x: tf.reduce_sum(x[0] ** 2), [features], 0.5, 1, 1.0)
        total = tf.reduce_sum(moved**2)
    # Moved to (3.5, -1.5); the slope is 2 x there.
    np.testing.assert_allclose(tape.gradient(total, features), [[7.0, -3.0]], rtol=1e-6)


@pytest.mark.paper(
    "AdvAug",
    "Chen et al., NeurIPS 2021, arXiv:2103.00397",
    "moved features by the paper's signs and by those of the code",
)
@pytest.mark.parametrize(
    ("sign", "discriminator_shift", "generator_shift"),
    # Loss: mean D(fake) - mean D(real). The paper moves reals down and fakes up, and the generator's pictures down.
    [("paper", 2 * 0.1 * 1.5, -0.1), ("released", 0.0, 0.1)],
)
def test_the_losses_of_moved_features_are_those_of_the_closed_form(sign, discriminator_shift, generator_shift):
    generator, discriminator = linear_networks()
    discriminator.get_layer("dense").kernel.assign([[-1.5]])
    method = AdversarialFeatures(*linear_splits(generator, discriminator), SIGNS[sign], gamma=0.1)
    reals, fakes = tf.constant([1.0, 2.0])[:, None, None, None], tf.constant([5.0, -1.0])[:, None, None, None]
    (real, maps, real_features), (fake, _, fake_features) = method.judge(reals), method.judge(fakes)
    np.testing.assert_allclose(real, [[-1.5], [-3.0]])
    assert maps == []
    clean = float(difference(real, fake))
    moved = float(method.discriminator_loss(real_features, fake_features, difference))
    assert moved == pytest.approx(method.weight * (clean + discriminator_shift), rel=1e-5)
    codes = tf.constant([[1.0, 2.0], [3.0, -1.0]])
    # D(G(z)) = -1.5 (z1 + z2), and its features move by 0.1: the logits by 0.15.
    expected = method.weight * -(-1.5 * 2.5 + 1.5 * generator_shift)
    assert float(method.generator_loss(codes, hinge_generator)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.paper(
    "AdvAug", "Chen et al., NeurIPS 2021, arXiv:2103.00397", "weights 1 and 1 in the paper, 1/2 and 1/2 in the code"
)
@pytest.mark.parametrize(("sign", "weight"), [("paper", 1.0), ("released", 0.5)])
def test_a_step_with_moved_features_is_the_one_that_is_computed_by_hand(sign, weight):
    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    copy_weights(average, generator)
    gan = GAN(generator, discriminator, average)
    method = AdversarialFeatures(*linear_splits(generator, discriminator), SIGNS[sign], gamma=0.1)
    terms = {"discriminator_terms": method.discriminator_terms, "generator_terms": method.generator_terms}
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), hinge_generator, difference, **terms)
    seed = gan._step_seed()
    codes = tf.random.stateless_normal([2, 2], tf.random.experimental.stateless_fold_in(seed, 0)).numpy()
    gan.train_step(tf.constant([1.0, 3.0])[:, None, None, None])
    # dL/dw = mean fake - mean real, once clean and once moved: up by 0.1 and down by 0.1 in the paper.
    gap = codes.sum(axis=1).mean() - 2.0
    kernel = 1.0 - 0.1 * weight * (2 * gap + (0.2 if sign == "paper" else 0.0))
    assert gan.discriminator.get_layer("dense").kernel.numpy().item() == pytest.approx(kernel, rel=1e-5)
    # The generator's two losses have the same slope.
    expected = 1.0 + 0.1 * 2 * weight * kernel * codes.mean(axis=0)
    np.testing.assert_allclose(gan.generator.get_layer("dense").kernel[:, 0], expected, rtol=1e-5)


@pytest.mark.slow
def test_two_replicas_hold_the_same_weights_and_leave_the_teacher_alone(two_replicas):
    with two_replicas.scope():
        (generator, discriminator), (average, teacher) = linear_networks(), linear_networks()
        copy_weights(average, generator)
        gan = GAN(generator, discriminator, average)
        method = AdversarialFeatures(*linear_splits(generator, discriminator), SIGNS["paper"], gamma=0.1)
        sgd = keras.optimizers.SGD
        gan.compile(
            sgd(0.01),
            sgd(0.01),
            hinge_generator,
            difference,
            method.discriminator_terms,
            [*method.generator_terms, Teacher(teacher, 0.5)],
            steps_per_execution=2,
        )
    reals = tf.reshape(tf.range(4.0), [4, 1, 1, 1])
    gan.fit(tf.data.Dataset.from_tensors(reals).repeat(4), verbose=0)
    assert int(gan.steps.numpy()) == 4
    for variable in (*generator.trainable_variables, *discriminator.trainable_variables):
        first, second = (value.numpy() for value in two_replicas.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second)
        # Biases of the discriminator cancel out.
        assert "bias" in variable.name or not np.array_equal(first, np.ones_like(first))
    np.testing.assert_array_equal(teacher.get_layer("dense").kernel.values[1], [[1.0]])


@pytest.mark.parametrize(("gamma", "steps"), [(0.0, 1), (0.01, 0)])
def test_a_perturbation_of_nothing_is_refused(gamma, steps):
    with pytest.raises(ValueError, match="gamma must be above 0 and steps 1 at least"):
        AdversarialFeatures(None, None, SIGNS["paper"], gamma, steps)


OTHER_PAIRS = [Pair("fastgan", "sngan"), Pair("sngan", "fastgan")]


@pytest.mark.parametrize(
    "pair",
    [*OTHER_PAIRS, *(pytest.param(model.pair(), marks=pytest.mark.slow) for model in MODELS.values())],
    ids=Pair.describe,
)
def test_the_parts_of_a_network_are_the_network(pair):
    generator = GENERATORS[pair.generator].build(64, 3, 8, 1)
    discriminator = DISCRIMINATORS[pair.discriminator].build(64, 3, 8, 1)
    graph = training_graph(pair, generator, discriminator)
    splits = feature_splits(pair, generator, discriminator)
    codes = tf.random.stateless_normal([2, generator.input_shape[-1]], [0, 1])
    features, others = splits[0].first(codes, training=False)
    pictures = tf.nest.flatten(splits[0].rest([*features, *others], training=False))
    expected = tf.nest.flatten(graph.generator(codes, training=False))
    for picture, whole in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(picture, whole)
    features, maps = splits[1].first(expected, training=False)
    judged = [splits[1].rest(features, training=False), *maps]
    for part, whole in zip(judged, tf.nest.flatten(graph.discriminator(expected, training=False)), strict=True):
        np.testing.assert_array_equal(part, whole)
    # The features are all that the logits rest on: the head alone lies behind them.
    method = AdversarialFeatures(*splits, SIGNS["paper"], gamma=0.01)
    logits, _, features = method.judge(expected)
    assert float(method.discriminator_loss(features, features, difference)) > 0.0
    assert len(splits[1].rest.trainable_variables) <= 2
    assert np.isfinite(logits).all()
