import inspect
import textwrap

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_gan import difference, linear_gan, linear_networks

from sle_gan.training import terms
from sle_gan.training.ema import copy_weights
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_generator
from sle_gan.training.terms import LossTerm, Unbounded

REALS = tf.reshape(tf.constant([1.0, 3.0]), [2, 1, 1, 1])


def compiled(*arguments, **options):
    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    copy_weights(average, generator)
    gan = GAN(generator, discriminator, average)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), hinge_generator, *arguments, **options)
    return gan


def no_loss(real, fake, seed):
    return 0.0 * tf.reduce_sum(fake)


def kernel(network):
    return network.get_layer("dense").kernel.numpy()[:, 0]


def test_the_term_of_the_modules_example_joins_the_loss_and_is_logged():
    lines = inspect.getdoc(terms).splitlines()
    example = [line for line in lines if line.startswith("    ") or not line]
    scope = {"LossTerm": LossTerm, "tf": tf}
    exec(textwrap.dedent("\n".join(example)).partition("gan.compile")[0], scope)
    gan = compiled(no_loss, [scope["LogitDrift"]()])
    logs = gan.train_step(REALS)
    # D(x) = x at first: 0.001 (1 + 9) / 2, and its slope in w is 0.001 (1 + 9).
    assert float(logs["penalty"]) == pytest.approx(0.005, rel=1e-5)
    assert kernel(gan.discriminator) == pytest.approx([1.0 - 0.1 * 0.01], rel=1e-6)
    assert [mean.name for mean in gan.loss_means][-1] == "penalty"


class Slope(LossTerm):
    """Adds the kernel of the generator, from a pass of its own."""

    metric = "slope"
    separate = True
    interval_steps = 2

    def __init__(self, generator):
        self.generator = generator
        self.calls = tf.Variable(0)

    def value(self, batch):
        self.calls.assign_add(1)
        return tf.reduce_sum(self.generator(tf.eye(2)))

    def checkpoint_items(self):
        return {"calls": self.calls}


def test_a_separate_term_of_the_generator_is_due_at_its_interval_and_kept_in_the_checkpoint():
    (generator, discriminator), (average, _) = linear_networks(), linear_networks()
    term = Slope(generator)
    gan = GAN(generator, discriminator, average)
    sgd = keras.optimizers.SGD
    gan.compile(sgd(0.1), sgd(0.0), lambda logits: 0.0 * tf.reduce_sum(logits), difference, (), [term])
    values = [float(gan.train_step(REALS)["slope"]) for _ in range(3)]
    # Each of the two numbers of the kernel falls by 0.1 and the bias by 0.2 at steps 0 and 2.
    assert values == pytest.approx([2.0, 0.0, 2.0 - 2 * 0.1 - 2 * 0.2])
    np.testing.assert_allclose(kernel(generator), [0.8, 0.8], rtol=1e-6)
    assert gan.checkpoint_items()["calls"] is term.calls
    assert int(term.calls) == 2
    assert gan.method(Slope) is term
    assert gan.method(Unbounded) is None


class Decay(LossTerm):
    """Adds a weight of its own, times the sum of the maps of real images."""

    metric = "decay"
    separate = True

    def __init__(self):
        self.scale = tf.Variable(2.0)

    @property
    def trained_variables(self):
        return [self.scale]

    def value(self, batch):
        return self.scale * tf.reduce_mean(batch.real.maps[0])


def test_a_separate_term_of_the_discriminator_trains_a_weight_of_its_own_and_reaches_through_the_maps():
    generator, discriminator = linear_networks()
    dense = discriminator.get_layer("dense")
    judged = keras.Model(discriminator.input, [0.0 * discriminator.output, 3.0 * dense.output])
    term = Decay()
    gan = GAN(generator, judged, linear_networks()[0])
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), hinge_generator, difference, [term, term])
    logs = gan.train_step(REALS)
    # Maps are 3 x, of mean 6: each of the two terms is 2 * 6 and has the slope 6 in the scale and 2 * 3 * 2 in w.
    assert float(logs["decay"]) == pytest.approx(24.0)
    assert dense.kernel.numpy().item() == pytest.approx(1.0 - 0.1 * 2 * 12.0)


class Halved:
    """An update rule under which gradients are halved and weights stay below a bound."""

    def __init__(self, variables):
        self.variables = variables
        self.followed = 0

    def masked(self, gradients, variables):
        assert [id(variable) for variable in variables] == [id(variable) for variable in self.variables]
        return [gradient / 2.0 for gradient in gradients]

    def enforce(self):
        for variable in self.variables:
            variable.assign(tf.minimum(variable, 1.05))

    def follow_growth(self):
        self.followed += 1


def test_an_update_rule_bounds_gradients_and_weights_and_another_one_is_traced():
    free, bound = linear_gan(), linear_gan()
    data = tf.data.Dataset.from_tensors(REALS).repeat(1)
    for gan in (free, bound):
        gan.fit(data, verbose=0)
    rule = Halved(bound.discriminator.trainable_variables)
    bound.set_update_rules(discriminator=rule)
    assert isinstance(bound.generator_rule, Unbounded)
    start = kernel(free.discriminator).item()
    traced = bound.train_function
    bound.set_update_rules(discriminator=rule)
    assert bound.train_function is traced
    for gan in (free, bound):
        gan.fit(data, verbose=0)
    moved = kernel(free.discriminator).item() - start
    assert kernel(bound.discriminator).item() == pytest.approx(min(start + moved / 2.0, 1.05), rel=1e-5)
    assert rule.followed >= 1
