import numpy as np
import pytest
import tensorflow as tf

from sle_gan.layers.resample import crop_quadrant
from sle_gan.models.discriminators import fastgan
from sle_gan.training.losses import adversarial_losses, hinge_discriminator, hinge_generator
from sle_gan.training.reconstruction import Reconstruction, mean_absolute_difference

SEED = tf.constant([1, 2])


@pytest.mark.paper("FastGAN", "Liu et al. 2021, arXiv:2101.04775, code", "the hinge's margins are drawn from 0.8 to 1")
def test_the_hinge_draws_a_margin_from_08_to_1_for_each_logit():
    # At logit 0 the loss is the mean margin of the reals plus that of the fakes.
    zeros = tf.zeros([200, 50])
    assert float(hinge_discriminator(zeros, zeros, SEED)) == pytest.approx(1.8, abs=0.01)
    margins = tf.random.stateless_uniform([2, 200, 50], SEED, 0.8, 1.0).numpy()
    reals, fakes = np.random.default_rng(0).normal(size=(2, 200, 50)).astype("f")
    expected = np.maximum(margins[0] - reals, 0).mean() + np.maximum(margins[1] + fakes, 0).mean()
    assert float(hinge_discriminator(reals, fakes, SEED)) == pytest.approx(expected, rel=1e-5)


def test_the_hinge_is_zero_beyond_the_margins():
    assert float(hinge_discriminator(tf.fill([3, 5], 1.0), tf.fill([3, 5], -1.0), SEED)) == 0.0


def test_the_generator_raises_the_logits():
    assert float(hinge_generator(tf.constant([[1.0, 2.0], [3.0, 6.0]]))) == -3.0


@pytest.mark.paper(
    "Losses",
    "arXiv:1705.02894, 1406.2661, 1701.07875, 1611.04076",
    "hinge, non-saturating, Wasserstein and least squares by hand",
)
@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        # Logits of reals 2 and -1, of fakes 0.5 and -3.
        ("hinge", 1.25, (0 + 2) / 2 + (1.5 + 0) / 2),
        (
            "non-saturating",
            (np.log1p(np.exp(-0.5)) + np.log1p(np.exp(3))) / 2,
            (np.log1p(np.exp(-2)) + np.log1p(np.exp(1)) + np.log1p(np.exp(0.5)) + np.log1p(np.exp(-3))) / 2,
        ),
        ("wasserstein", 1.25, -1.25 - 0.5),
        ("least-squares", (0.25 + 16) / 4, (1 + 4) / 4 + (0.25 + 9) / 4),
    ],
)
def test_each_loss_is_the_one_that_is_computed_by_hand(name, generator, discriminator):
    generator_loss, discriminator_loss = adversarial_losses(name, smallest_margin=1.0)
    reals, fakes = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    assert float(generator_loss(fakes)) == pytest.approx(generator, rel=1e-6)
    assert float(discriminator_loss(reals, fakes, SEED)) == pytest.approx(discriminator, rel=1e-6)


def test_the_smallest_margin_is_that_of_the_hinge():
    _, loss = adversarial_losses("hinge", smallest_margin=0.5)
    zeros = tf.zeros([200, 50])
    assert float(loss(zeros, zeros, SEED)) == pytest.approx(1.5, abs=0.01)


def test_the_absolute_difference_is_that_of_each_pair():
    pictures, references = tf.constant([[[[1.0, -1.0]]], [[[0.5, 0.5]]]]), tf.zeros([2, 1, 1, 2])
    np.testing.assert_allclose(mean_absolute_difference(pictures, references), [1.0, 0.5])


def test_reconstruction_is_summed_over_the_batch_and_the_three_pictures():
    trunk, decoders = fastgan.training_graph(fastgan.discriminator(64, width=8))
    images = tf.random.stateless_uniform([2, 64, 64, 3], SEED, -1, 1)
    _, *maps = trunk([images, images[:, ::2, ::2]])
    weights = decoders.get_weights()
    total = Reconstruction(decoders, mean_absolute_difference).total_distance(images, maps, SEED)
    decoders.set_weights(weights)  # the pass above made a power iteration
    quadrants = tf.fill([2], tf.random.stateless_uniform([], SEED, 0, 4, tf.int32))
    pictures = decoders([*maps, quadrants], training=True)
    part = crop_quadrant(images, quadrants).numpy().repeat(2, axis=1).repeat(2, axis=2)
    expected = sum(np.abs(a - b).mean() * 2 for a, b in zip(pictures, (images, images, part), strict=True))
    assert float(total) == pytest.approx(expected, rel=1e-5)
