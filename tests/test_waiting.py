import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from test_gan import linear_gan

from sle_gan.callbacks.progress import TrainingProgress
from sle_gan.data.pipeline import training_dataset
from sle_gan.training.gan import GAN
from sle_gan.training.losses import hinge_discriminator, hinge_generator

SLEEP_SECONDS = 0.05


def sleep(images, seconds=SLEEP_SECONDS, stateful=True):
    def wait(array):
        time.sleep(seconds)
        return array

    return tf.ensure_shape(tf.numpy_function(wait, [images], tf.float32, stateful=stateful), images.shape)


def slow_input(steps, seconds=SLEEP_SECONDS):
    dataset = tf.data.Dataset.from_tensors(tf.ones([2, 1, 1, 1])).repeat(steps)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False  # which would prepare batches in advance
    # Where operations are deterministic, nothing that has a state is prepared beside a step.
    return dataset.map(lambda images: sleep(images, seconds, stateful=False)).with_options(options)


class WaitOfEachStep(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = [self.model.waited_seconds]

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.model.waited_seconds)

    def waits(self):
        return [after - before for before, after in zip(self.seen, self.seen[1:], strict=False)]


def test_the_time_that_input_takes_is_told_in_the_row_and_the_line(tmp_path, capsys):
    gan = linear_gan()
    progress = TrainingProgress(tmp_path / "timings.jsonl", 6, lambda steps: 2 * steps, frequency_steps=5)
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
    assert 6 * SLEEP_SECONDS <= gan.waited_seconds < 60 * SLEEP_SECONDS


def slow_steps(steps_per_execution=1):
    gan = linear_gan()
    loss = gan.generator_loss

    def slow_loss(logits):
        with tf.control_dependencies([sleep(tf.zeros([1]))]):
            return loss(tf.identity(logits))

    gan.generator_loss = slow_loss
    gan._steps_per_execution.assign(steps_per_execution)
    return gan


def test_what_is_prepared_beside_a_step_is_not_waited_for():
    gan, clock = slow_steps(), WaitOfEachStep()
    start = time.monotonic()
    gan.fit(slow_input(12, seconds=0.5 * SLEEP_SECONDS).prefetch(2), verbose=0, callbacks=[clock])
    assert time.monotonic() - start > 12 * SLEEP_SECONDS
    assert min(clock.waits()[2:]) < 0.02 * SLEEP_SECONDS  # whatever else the machine does


def test_a_step_of_several_in_a_call_asks_when_the_one_before_is_done():
    gan = slow_steps(steps_per_execution=6)
    gan.fit(tf.data.Dataset.from_tensors(tf.ones([2, 1, 1, 1])).repeat(6), verbose=0)
    assert int(gan.steps) == 6
    assert gan.waited_seconds < 3 * SLEEP_SECONDS  # and not the steps' 6


def test_training_as_it_is_waits_for_less_than_two_percent_of_its_time():
    gan, clock = slow_steps(), WaitOfEachStep()
    images = np.zeros([5, 1, 1, 1], np.uint8)
    batches = training_dataset(images, batch_size=2, seed=0, flip=True, first_step=0)
    tf.config.experimental.enable_op_determinism()  # as on the CPU
    gan.fit(batches, steps_per_epoch=12, verbose=0, callbacks=[clock])
    assert min(clock.waits()[2:]) < 0.02 * SLEEP_SECONDS  # whatever else the machine does


ONE_THREAD = """
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
from test_waiting import waiting_of_a_slow_generator
print(*waiting_of_a_slow_generator())
"""


def waiting_of_a_slow_generator():
    """The seconds that a training waits, and those that it takes; its generator needs no batch to begin."""
    codes = keras.Input([2])
    x = keras.layers.Reshape([32, 32, 32])(keras.layers.Dense(32 * 32 * 32)(codes))
    for _ in range(8):
        x = keras.layers.Conv2D(32, 3, padding="same")(x)
    generator = keras.Model(codes, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(x))[:, None, None])
    images = keras.Input([1, 1, 1])
    discriminator = keras.Model(images, keras.layers.Dense(1)(keras.layers.Flatten()(images)))
    gan = GAN(generator, discriminator, keras.models.clone_model(generator))
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), hinge_generator, hinge_discriminator)
    clock = WaitOfEachStep()
    start = time.monotonic()
    gan.fit(tf.data.Dataset.from_tensors(tf.ones([16, 1, 1, 1])).repeat(24), verbose=0, callbacks=[clock])
    return sum(clock.waits()[4:]), time.monotonic() - start


@pytest.mark.slow
def test_what_one_thread_does_meanwhile_is_not_waited_for():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", ONE_THREAD]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    waited, total = map(float, told.split()[-2:])
    assert waited < 0.05 * total


def test_two_devices_wait_as_one(two_replicas):
    with two_replicas.scope():
        gan = linear_gan()
    gan.fit(slow_input(4), verbose=0)
    assert SLEEP_SECONDS <= gan.waited_seconds < 40 * SLEEP_SECONDS


def test_a_model_that_runs_eagerly_is_timed_too(monkeypatch):
    # The clock of a machine that has run for years, which float32 holds to 16 seconds.
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 2.0**27)
    monkeypatch.setattr("sle_gan.training.feeding.time", clock)
    gan = linear_gan()
    gan.run_eagerly = True
    gan.fit(slow_input(2), verbose=0)
    assert 2 * SLEEP_SECONDS <= gan.waited_seconds < 40 * SLEEP_SECONDS
