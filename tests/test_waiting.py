import json
import statistics
import time

import pytest
import tensorflow as tf
import tf_keras as keras
from test_gan import linear_gan

from sle_gan.callbacks.progress import TrainingProgress

SLEEP_SECONDS = 0.05


def sleep(images):
    def wait(array):
        time.sleep(SLEEP_SECONDS)
        return array

    return tf.ensure_shape(tf.numpy_function(wait, [images], tf.float32, stateful=True), images.shape)


def slow_input(steps, batch=2):
    dataset = tf.data.Dataset.from_tensors(tf.ones([batch, 1, 1, 1])).repeat(steps)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False  # which would prepare batches in advance
    return dataset.map(sleep).with_options(options)


class WaitOfEachStep(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = [float(self.model.waited_seconds.numpy())]

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.waited_seconds.numpy()))

    def waits(self):
        return [after - before for before, after in zip(self.seen, self.seen[1:], strict=False)]


def test_the_time_that_input_takes_is_told_in_the_row_and_the_line(tmp_path, capsys):
    gan = linear_gan()
    progress = TrainingProgress(tmp_path / "timings.jsonl", 6, 2, frequency_steps=5)
    gan.fit(slow_input(6), verbose=0, callbacks=[progress])
    (row,) = [json.loads(line) for line in progress.file.read_text().splitlines()]
    # Steps 2 to 5 take no longer than the wait for their batches, and little more.
    assert row["seconds_per_step"] >= 0.9 * SLEEP_SECONDS
    assert 0.5 < row["waiting_for_input"] <= 1.0
    assert f"{row['waiting_for_input']:.1%} waiting for input" in capsys.readouterr().out


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_every_step_of_a_call_is_timed(steps_per_execution):
    gan = linear_gan()
    gan._steps_per_execution.assign(steps_per_execution)
    gan.fit(slow_input(6), verbose=0)
    assert int(gan.steps) == 6
    assert 6 * SLEEP_SECONDS <= float(gan.waited_seconds) < 60 * SLEEP_SECONDS


def test_what_is_prepared_beside_a_step_is_not_waited_for():
    gan = linear_gan()
    loss = gan.generator_loss

    def slow_loss(logits):
        with tf.control_dependencies([sleep(tf.zeros([1])), sleep(tf.zeros([2]))]):
            return loss(tf.identity(logits))

    gan.generator_loss = slow_loss
    clock = WaitOfEachStep()
    start = time.monotonic()
    gan.fit(slow_input(12).prefetch(2), verbose=0, callbacks=[clock])
    assert time.monotonic() - start > 12 * SLEEP_SECONDS
    assert statistics.median(clock.waits()) < 0.02 * SLEEP_SECONDS


def test_two_devices_wait_as_one(two_replicas):
    with two_replicas.scope():
        gan = linear_gan()
    gan.fit(slow_input(4), verbose=0)
    assert SLEEP_SECONDS <= float(gan.waited_seconds.numpy()) < 40 * SLEEP_SECONDS


def test_a_model_that_runs_eagerly_is_timed_too():
    gan = linear_gan()
    gan.run_eagerly = True
    gan.fit(slow_input(2), verbose=0)
    assert float(gan.waited_seconds) >= 2 * SLEEP_SECONDS
