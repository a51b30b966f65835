"""Numbers that are not finite: the run goes back, tries again, and ends in a line; they are never saved."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from poison import poisonous
from processes import final_state, wait_for
from test_gan import linear_gan

from sle_gan.assembly import session
from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.callbacks.metrics import append_row
from sle_gan.callbacks.rollback import Rollback
from sle_gan.callbacks.signals import Signals
from sle_gan.cli.train import main
from sle_gan.errors import NotFiniteError, TrainingError
from sle_gan.evaluation.health import judge
from sle_gan.run import RunFolder
from sle_gan.training.draws import of_replica
from sle_gan.training.ema import Calibration

SMALL = "--model sngan --resolution 32 --n-critic 1 --width 8 --batch-size 2 --log-frequency 1 --sample-frequency 9"


def words_of(photographs, output, *more):
    return ["--data-folder", str(photographs), "--output-folder", str(output), "--name", "run", *SMALL.split(), *more]


def rows_of(run):
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


def floats_of(run, step):
    reader = tf.train.load_checkpoint(str(run.checkpoints / f"ckpt-{step}"))
    arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: array for name, array in arrays.items() if getattr(array, "dtype", None) == np.float32}


def test_a_lost_weight_takes_the_run_back_with_half_the_rates_and_other_draws(
    photographs, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(session, "Signals", poisonous(3, times=1))
    words = words_of(photographs, tmp_path, "--steps", "5", "--checkpoint-frequency", "2")
    assert main(words) == 0
    run = RunFolder(tmp_path / "run")
    rows = rows_of(run)
    assert [row["step"] for row in rows if "event" not in row] == [1, 2, 3, 4, 5]
    (back,) = [row for row in rows if row.get("event") == "rollback"]
    assert (back["step"], back["failed_step"], back["learning_rate_factor"]) == (2, 4, 0.5)
    assert back["cause"].startswith("generator_loss, discriminator_loss")
    assert rows.index(back) == 2  # behind the row of the step that it returned to
    assert "back to checkpoint 2, with half the learning rates and other draws (1 of 3)" in capsys.readouterr().out
    for step in (2, 4, 5):
        assert all(np.isfinite(array).all() for array in floats_of(run, step).values())
    rates = [value for name, value in floats_of(run, 5).items() if "learning_rate" in name]
    assert rates == pytest.approx([1e-4, 1e-4])


@pytest.mark.slow
def test_numbers_that_are_lost_again_and_again_end_the_run_with_3_and_the_cause(
    photographs, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(session, "Signals", poisonous(1, times=9))
    assert main(words_of(photographs, tmp_path, "--steps", "5")) == 3
    told = capsys.readouterr().err
    assert told.startswith("error: generator_loss, ")
    assert "not finite at step 2, after 3 returns to a checkpoint, each with half the learning rates" in told
    assert "checkpoint 0 is kept. Try --G-learning-rate" in told
    run = RunFolder(tmp_path / "run")
    assert [row["learning_rate_factor"] for row in rows_of(run) if "event" in row] == [0.5, 0.25, 0.125]
    assert judge(rows_of(run), run.settings()).verdict == "numbers not finite"
    assert not run.generator_weights.exists()
    assert run.latest_step() == 0
    assert all(np.isfinite(array).all() for array in floats_of(run, 0).values())


def trained(gan, steps=2):
    gan.fit(tf.data.Dataset.from_tensors(tf.ones([2, 1, 1, 1])).repeat(), steps_per_epoch=steps, verbose=0)


def rollback_of(gan, folder):
    calibrate = Calibration(gan.average_generator, 2)
    checkpoints = Checkpoints(folder, gan.checkpoint_items(), 1, 3, calibrate)
    checkpoints.set_model(gan)
    return Rollback(gan, checkpoints, calibrate, folder / "metrics.jsonl"), checkpoints


def test_the_returns_of_a_run_outlive_its_process(tmp_path):
    gan = linear_gan()
    rollback, checkpoints = rollback_of(gan, tmp_path)
    trained(gan)
    checkpoints.save(2)
    saved = gan.generator.weights[0].numpy()
    append_row(rollback.metrics_file, {"step": 3})
    for failed_step in (4, 6):
        trained(gan)
        rollback.go_back(NotFiniteError(f"a loss not finite at step {failed_step}"))
        np.testing.assert_array_equal(gan.generator.weights[0], saved)
    rows = [json.loads(line) for line in rollback.metrics_file.read_text().splitlines()]
    assert [(row["step"], row["event"], row["learning_rate_factor"]) for row in rows] == [
        (2, "rollback", 0.5),
        (2, "rollback", 0.25),
    ]
    again = linear_gan()
    resumed, _ = rollback_of(again, tmp_path)
    assert resumed.resume() == 2
    for model in (gan, again):
        assert int(model.seed_offset) == 2
        rates = [
            float(optimizer.learning_rate) for optimizer in (model.generator_optimizer, model.discriminator_optimizer)
        ]
        assert rates == pytest.approx([0.025, 0.025])


def test_a_run_goes_back_three_times_and_not_more(tmp_path):
    gan = linear_gan()
    rollback, checkpoints = rollback_of(gan, tmp_path)
    checkpoints.save(0)
    lost = NotFiniteError("a loss not finite at step 4")
    for count in (1, 2, 3):
        rollback.go_back(lost)
        assert rollback.count() == count
    with pytest.raises(TrainingError, match=r"at step 4, after 3 returns to a checkpoint, each with .* Try --G-learn"):
        rollback.go_back(lost)
    assert rollback.count() == 3


def test_a_rate_that_a_phase_had_scaled_when_it_was_saved_is_the_one_asked_for_again(tmp_path):
    gan = linear_gan()
    rollback, checkpoints = rollback_of(gan, tmp_path)
    gan.generator_optimizer.learning_rate = 0.01  # a dense phase of Re-GAN, a tenth
    checkpoints.save(0)
    rollback.resume()
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.1)


def test_a_training_that_starts_lost_has_nothing_to_return_to(tmp_path):
    gan = linear_gan()
    rollback, checkpoints = rollback_of(gan, tmp_path)
    gan.generator.weights[0].assign([[np.nan], [1.0]])
    with pytest.raises(NotFiniteError, match="dense/kernel:0 of the generator not finite at step 0") as found:
        checkpoints.on_train_begin()
    with pytest.raises(TrainingError, match="not finite at step 0, where training starts; give other weights"):
        rollback.go_back(found.value)
    assert list(tmp_path.glob("ckpt*")) == []


@pytest.mark.parametrize("lost", ["average_generator", "discriminator_optimizer", "discriminator_loss"])
def test_every_number_of_a_checkpoint_must_be_finite(lost, tmp_path):
    gan = linear_gan()
    _, checkpoints = rollback_of(gan, tmp_path)
    images = np.ones([2, 1, 1, 1], np.float32)
    if lost == "discriminator_loss":
        images[0] = np.inf
    gan.fit(tf.data.Dataset.from_tensors(images), verbose=0)
    if lost == "average_generator":
        gan.average_generator.weights[0].assign([[np.inf], [1.0]])
    elif lost == "discriminator_optimizer":
        gan.discriminator_optimizer.learning_rate = np.nan
    with pytest.raises(NotFiniteError, match=f"{lost}.* not finite at step 1"):
        checkpoints.save(1)
    assert list(tmp_path.glob("ckpt*")) == []


def test_replicas_are_looked_at_and_draw_other_numbers_after_a_return(two_replicas):
    with two_replicas.scope():
        gan = linear_gan()
    gan.fit(tf.data.Dataset.from_tensors(tf.ones([4, 1, 1, 1])), verbose=0)
    gan.raise_if_not_finite()

    @tf.function
    def seeds():
        return two_replicas.run(lambda: of_replica(gan._step_seed()))

    before = [seed.numpy().tolist() for seed in two_replicas.experimental_local_results(seeds())]
    gan.seed_offset.assign(1)
    after = [seed.numpy().tolist() for seed in two_replicas.experimental_local_results(seeds())]
    assert len({*map(tuple, before), *map(tuple, after)}) == 4
    gan.discriminator.weights[0].assign([[np.inf]])
    with pytest.raises(NotFiniteError, match="of the discriminator not finite at step 1"):
        gan.raise_if_not_finite()


def test_a_gradient_that_a_scaled_loss_makes_infinite_is_left_out_and_takes_nothing_back():
    gan = linear_gan()
    scaled = keras.mixed_precision.LossScaleOptimizer(gan.generator_optimizer)
    gan.generator_optimizer = scaled
    before = [weight.numpy() for weight in gan.generator.weights]
    infinite = [tf.fill(weight.shape, np.inf) for weight in gan.generator.weights]
    scaled.apply_gradients(zip(infinite, gan.generator.weights, strict=True))
    for weight, value in zip(gan.generator.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    gan.raise_if_not_finite()


def test_a_second_signal_ends_at_once_and_a_training_that_began_twice_gives_the_signals_back(capsys):
    before = signal.getsignal(signal.SIGTERM)
    signals = Signals(lambda number: number)
    signals.on_train_begin()
    signals.on_train_begin()
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.received == signal.SIGTERM
    assert "finishing the step, saving; once more ends at once" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    signals.on_train_end()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.slow
def test_a_run_that_was_killed_after_it_went_back_ends_as_one_that_was_left_alone(photographs, tmp_path):
    length = ["--steps", "16", "--checkpoint-frequency", "3"]
    script = [sys.executable, str(Path(__file__).with_name("poison.py")), "5", "1"]
    alone, broken = ([*script, *words_of(photographs, tmp_path / name, *length)] for name in ("alone", "broken"))
    run = RunFolder(tmp_path / "broken" / "run")
    with subprocess.Popen(broken, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: run.metrics_file.exists() and '"rollback"' in run.metrics_file.read_text(), process)
        wait_for(lambda: run.latest_step() >= 6, process)
        process.kill()
    assert 6 <= run.latest_step() < 16
    for words in (broken, alone):
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    arrays, metrics = final_state(run)
    expected, expected_metrics = final_state(RunFolder(tmp_path / "alone" / "run"))
    assert arrays.keys() == expected.keys()
    assert [name for name, value in arrays.items() if not np.array_equal(value, expected[name])] == []
    assert metrics == expected_metrics
