import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_gan import difference, linear_networks

from sle_gan.models.discriminators import fastgan
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator
from sle_gan.training.teacher import Teacher


@pytest.mark.paper(
    "DGL", "Tian et al. 2021, DGL-GAN", "the generator's loss gains the weighted one by a frozen discriminator"
)
def test_the_teachers_loss_joins_the_generators_and_moves_nothing_of_the_teacher():
    (generator, discriminator), (average, teacher) = linear_networks(), linear_networks()
    copy_weights(average, generator)
    teacher.get_layer("dense").kernel.assign([[4.0]])
    gan = GAN(generator, discriminator, average)
    gan.compile(
        keras.optimizers.SGD(0.1),
        keras.optimizers.SGD(0.0),
        hinge_generator,
        difference,
        generator_terms=[Teacher(teacher, 0.1)],
    )
    codes = tf.random.stateless_normal([2, 2], tf.random.experimental.stateless_fold_in(gan._step_seed(), 0)).numpy()
    logs = gan.train_step(tf.zeros([2, 1, 1, 1]))
    # G(z) = z1 + z2 and D(x) = x: the loss is -mean G - 0.1 * 4 mean G.
    fakes = codes.sum(axis=1)
    assert float(logs["generator_loss"]) == pytest.approx(-fakes.mean(), rel=1e-5)
    assert float(logs["teacher_loss"]) == pytest.approx(-4.0 * fakes.mean(), rel=1e-5)
    kernel = 1.0 + 0.1 * 1.4 * codes.mean(axis=0)
    np.testing.assert_allclose(gan.generator.get_layer("dense").kernel[:, 0], kernel, rtol=1e-5)
    np.testing.assert_array_equal(teacher.get_layer("dense").kernel, [[4.0]])
    assert [mean.name for mean in gan.loss_means][-1] == "teacher_loss"


def test_a_teacher_of_two_scales_is_at_rest_and_given_each_size():
    trunk = fastgan.training_graph(fastgan.discriminator(64, 3, 8, 0)).discriminator
    teacher = Teacher(trunk, 0.1)
    before = [variable.numpy() for variable in trunk.variables]
    images = tf.random.stateless_uniform([2, 64, 64, 3], [1, 2], -1, 1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        alone = teacher.judged_loss([images], hinge_generator)
    assert np.abs(tape.gradient(alone, images)).max() > 0
    # A generator of one size: the second scale is every second pixel, as of reals. One of two sizes brings its own.
    expected = -tf.reduce_mean(trunk([images, images[:, ::2, ::2]], training=False)[0])
    assert float(alone) == pytest.approx(float(expected), rel=1e-6)
    other = -tf.ones([2, 32, 32, 3])
    both = -tf.reduce_mean(trunk([images, other], training=False)[0])
    assert float(teacher.judged_loss([images, other], hinge_generator)) == pytest.approx(float(both), rel=1e-6)
    for variable, value in zip(trunk.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
