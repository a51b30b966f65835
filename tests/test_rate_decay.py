"""Learning rates that fall over a training, beside all that changes them otherwise."""

import functools
import signal
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from processes import final_state, script
from test_cli import interrupted
from test_gan import difference, linear_gan
from test_models_cli import pictures, words  # noqa: F401
from test_rollback import rollback_of

from sle_gan.assembly.resolve import resolve
from sle_gan.callbacks import Reconfigure
from sle_gan.errors import NotFiniteError
from sle_gan.run import RunFolder
from sle_gan.training.losses import hinge_generator
from sle_gan.training.optimizers import adam, build_optimizers, cosine_share, linear_share

STEPS = 11


def test_the_shares_are_those_that_are_computed_by_hand():
    def shares(share, total_steps, *steps):
        return [float(share(tf.constant(step, tf.int64), total_steps)) for step in steps]

    assert shares(linear_share, 11, 0, 5, 10, 99) == pytest.approx([1.0, 0.55, 0.1, 0.1])
    # 0.1 + 0.45 (1 + cos 45 degrees) at a quarter
    assert shares(cosine_share, 13, 0, 3, 6, 12, 99) == pytest.approx([1.0, 0.868198, 0.55, 0.1, 0.1])
    assert shares(linear_share, 1, 0) == shares(cosine_share, 1, 0) == [1.0]


def moves(optimizer):
    variable = tf.Variable([1.0, -2.0])
    optimizer.build([variable])
    values = []
    for gradient in ([0.3, -4.0], [0.5, 1.0], [-2.0, 1e-3]):
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
        values.append(variable.numpy())
    return values


@pytest.mark.parametrize(("share", "rate"), [(1.0, 0.1), (0.5, 0.05)])
def test_a_share_of_the_rate_moves_weights_bit_for_bit_as_adam_at_that_rate(share, rate):
    decayed = moves(adam(0.1, 0.5, 0.9, share=lambda: tf.constant(share)))
    np.testing.assert_array_equal(decayed, moves(adam(rate, 0.5, 0.9)))


def test_a_constant_rate_is_that_of_keras_itself():
    steps = tf.Variable(0, dtype=tf.int64)
    for rate_decay, kind in (("constant", False), ("cosine", True), ("linear", True)):
        settings = resolve({"data_folder": "x", "rate_decay": rate_decay})
        for optimizer in build_optimizers(settings.optimization, settings.penalties, steps):
            assert (type(optimizer) is not keras.optimizers.Adam) is kind
            assert float(optimizer.learning_rate) == pytest.approx(2e-4)


class Moves(keras.callbacks.Callback):
    """Notes how far each step moves the generator's weights; with both betas 0 Adam moves all of them by its rate."""

    def __init__(self, gan):
        super().__init__()
        self.kernel = gan.generator.weights[0]
        self.before, self.rows = self.kernel.numpy(), []

    def on_train_batch_end(self, batch, logs=None):
        now = self.kernel.numpy()
        self.rows.append(np.abs(now - self.before).max())
        self.before = now


def decayed_gan(wrap=lambda optimizer: optimizer):
    gan = linear_gan()
    share = functools.partial(linear_share, gan.steps, STEPS)
    optimizers = [wrap(adam(0.1, 0.0, 0.0, share=share)) for _ in range(2)]
    gan.compile(*optimizers, hinge_generator, difference)
    return gan


def trained(gan, steps, *callbacks, batch=2):
    noted = Moves(gan)
    dataset = tf.data.Dataset.from_tensors(tf.ones([batch, 1, 1, 1])).repeat()
    gan.fit(dataset, steps_per_epoch=steps, callbacks=[*callbacks, noted], verbose=0)
    return noted.rows


def shares_of(*steps):
    return [1.0 - 0.09 * step for step in steps]


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, keras.mixed_precision.LossScaleOptimizer])
def test_the_rate_falls_to_a_tenth_at_the_last_step(wrap):
    rows = trained(decayed_gan(wrap), STEPS)
    assert rows == pytest.approx([0.1 * share for share in shares_of(*range(STEPS))], rel=1e-4)


def test_a_rate_that_somebody_assigns_falls_too():
    gan = decayed_gan()
    trained(gan, 5)
    gan.generator_optimizer.learning_rate = 0.02
    assert trained(gan, 3) == pytest.approx([0.02 * share for share in shares_of(5, 6, 7)], rel=1e-4)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.02)


def test_dense_phases_take_a_tenth_of_what_is_left():
    gan = decayed_gan()
    phases = Reconfigure(gan.generator, 0.5, warmup=2, interval=2, scope="all")
    rows = trained(gan, 6, phases)
    assert rows[4:] == pytest.approx([0.01 * share for share in shares_of(4, 5)], rel=1e-4)


def test_a_return_to_a_checkpoint_halves_what_is_left(tmp_path):
    gan = decayed_gan()
    rollback, checkpoints = rollback_of(gan, tmp_path)
    trained(gan, 4)
    checkpoints.save(4)
    trained(gan, 2)
    rollback.go_back(NotFiniteError("a loss not finite at step 7"))
    assert trained(gan, 2) == pytest.approx([0.05 * share for share in shares_of(4, 5)], rel=1e-4)


@pytest.mark.slow
def test_the_rate_falls_alike_on_several_replicas(two_replicas):
    with two_replicas.scope():
        gan = decayed_gan()
    assert trained(gan, 3, batch=4) == pytest.approx([0.1 * share for share in shares_of(0, 1, 2)], rel=1e-4)


@pytest.mark.slow
def test_a_run_that_was_stopped_while_its_rate_falls_ends_as_one_that_was_left_alone(pictures, tmp_path):  # noqa: F811
    more = ["--model", "sngan", "--n-critic", "1", "--rate-decay", "cosine", "--steps", "60"]
    whole, broken = (words(pictures, tmp_path, name, *more) for name in ("whole", "broken"))
    run = RunFolder(tmp_path / "broken")
    interrupted(broken, run, signal.SIGTERM)
    assert 0 < run.latest_step() < 60
    for command in (broken, whole):
        subprocess.run(script(*command), stdout=subprocess.DEVNULL, check=True)
    arrays, metrics = final_state(run)
    expected, expected_metrics = final_state(RunFolder(tmp_path / "whole"))
    assert arrays.keys() == expected.keys()
    assert [name for name, value in arrays.items() if not np.array_equal(value, expected[name])] == []
    assert metrics == expected_metrics
