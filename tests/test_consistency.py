import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from batches import judged_batch

from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.resolve import resolve
from sle_gan.augment.transforms import Pipe
from sle_gan.models import MODELS
from sle_gan.training import draws
from sle_gan.training.consistency import consistency, inconsistency
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator
from sle_gan.training.r1 import r1

SEED = tf.constant([5, 6])


def pictures(use, side=8):
    return tf.random.stateless_uniform([3, side, side, 1], [1, use], -1, 1)


def corner(images):
    """A discriminator that looks at one pixel of each picture."""
    return tf.stack([3.0 * images[0][:, 1, 2, 0], images[1][:, 1, 1, 0]], axis=1)


@pytest.mark.paper(
    "Consistency", "Zhao et al. 2021, arXiv:2002.04724", "the mean squared change under flips and shifts"
)
def test_inconsistency_is_the_mean_squared_change_under_flips_and_shifts():
    reals, fakes = ([pictures(use), pictures(use + 1, 4)] for use in (0, 2))
    expected = 0.0
    for use, images in enumerate((reals, fakes)):
        seed = tf.random.experimental.stateless_fold_in(SEED, use)
        pipe = Pipe(["flip", "whole-shift"])
        big, small = (pipe(image, seed, tf.constant(1.0)).numpy() for image in images)
        changes = 3.0 * (big - images[0])[:, 1, 2, 0], (small - images[1])[:, 1, 1, 0]
        expected += np.mean(np.square(changes))
    assert float(inconsistency(corner, reals, fakes, SEED)) == pytest.approx(expected, rel=1e-5)
    assert expected > 0.1
    weighted, logs = consistency(10.0)(judged_batch(corner, reals, fakes, SEED))
    own_seed = draws.fold(SEED, draws.PENALTY, 0)
    assert float(weighted) == pytest.approx(10.0 * float(inconsistency(corner, reals, fakes, own_seed)), rel=1e-5)
    assert logs == {"penalty": weighted}


def test_what_looks_the_same_everywhere_is_consistent():
    flat = [tf.fill([2, 8, 8, 1], 0.3), tf.fill([2, 4, 4, 1], -0.2)]
    assert float(inconsistency(corner, flat, flat, SEED)) == 0.0


@pytest.mark.parametrize(("before", "slope"), [(True, 2.0), (False, 1.0)])
def test_r1_is_the_slope_at_the_images_before_or_after_augmentation(before, slope):
    dense = keras.layers.Dense
    generator = keras.Sequential([keras.Input([2]), dense(4), keras.layers.Reshape([2, 2, 1])])
    head = dense(1, kernel_initializer="ones")
    discriminator = keras.Sequential([keras.Input([2, 2, 1]), keras.layers.Flatten(), head])
    gan = GAN(generator, discriminator, generator, augment=lambda images, seed: 2.0 * images)
    sgd = keras.optimizers.SGD
    gan.compile(
        sgd(0.1), sgd(0.1), hinge_generator, lambda real, fake, seed: 0.0 * tf.reduce_sum(real), [r1(4.0, 1, before)]
    )
    logs = gan.train_step(tf.ones([3, 2, 2, 1]))
    # D(2 x): the squared norm of the gradient is 4 slope^2, and its half is weighted with 4.
    assert float(logs["penalty"]) == pytest.approx(0.5 * 4.0 * 4.0 * slope**2, rel=1e-6)
    # dR1/dw = 4 slope^2 w.
    np.testing.assert_allclose(head.kernel, np.full([4, 1], 1.0 - 0.1 * 4.0 * slope**2), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "side"),
    [("sngan", 32), *(pytest.param(model, 64, marks=pytest.mark.slow) for model in MODELS)],
)
def test_every_network_makes_a_step_with_everything(model, side):
    given = {"data_folder": "x", "model": model, "resolution": side, "width": 8, "batch_size": 2, "n_critic": 1}
    given |= {"augment": "ada", "augment_pipe": "b", "adv_augment": True, "consistency_weight": 10}
    given |= {"r1_gamma": 1, "r1_interval": 1, "r1_on": "before", "reconstruction_loss": "l1"}
    settings = resolve(given)
    gan = build_gan(settings, *build_networks(settings))
    gan.augment.probability.assign(0.5)
    before = [variable.numpy() for variable in gan.trainable_variables]
    logs = tf.function(gan.train_step)(tf.random.stateless_uniform([2, side, side, 3], [5, 6], -1, 1))
    assert np.isfinite([float(value) for value in logs.values()]).all()
    assert float(logs["penalty"]) > 0.0
    moved = [not np.array_equal(old, new) for old, new in zip(before, gan.trainable_variables, strict=True)]
    assert np.mean(moved) > 0.7
