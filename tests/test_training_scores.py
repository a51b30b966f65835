"""Scores while a training runs, and the generators that scored best."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image
from tensorboard.compat.proto import event_pb2

from sle_gan.callbacks.best import BestGenerators
from sle_gan.cli.train import main
from sle_gan.data.flowers import write_flowers
from sle_gan.export.trained import TrainedGenerator
from sle_gan.run import RunFolder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowers")
    write_flowers(folder, 12, 64, seed=0)
    return folder


def arguments(flowers, output, *more):
    small = "--name run --model sngan --resolution 32 --n-critic 1 --width 8 --batch-size 4 --log-frequency 2"
    score = "--kid --kid-frequency 2 --kid-number-of-images 10 --checkpoint-frequency 4"
    return ["--data-folder", str(flowers), "--output-folder", str(output), *small.split(), *score.split(), *more]


def train(*words):
    subprocess.run([sys.executable, ROOT / "train.py", *words], stdout=subprocess.DEVNULL, check=True, timeout=200)


def rows_of(run):
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


def steps_in(folder):
    return sorted(int(file.stem.removeprefix("ckpt-")) for file in folder.glob("*.index"))


@pytest.fixture(scope="module")
def trained(flowers, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(arguments(flowers, output, "--steps", "8", "--keep-checkpoints", "1")) == 0
    return RunFolder(output / "run")


def test_scores_stand_between_the_losses_and_the_best_generator_is_kept(trained):
    rows = rows_of(trained)
    scored = [row for row in rows if row.get("event") == "scores"]
    assert [row["step"] for row in rows] == [2, 2, 4, 4, 6, 6, 8, 8]
    assert [row["step"] for row in scored] == [2, 4, 6, 8]
    kids = {row["step"]: row["scores"]["kid_efficientnet_lite0"]["value"] for row in scored}
    assert len(set(kids.values())) == 4
    assert not any(row["party"] for row in scored)  # the loss is that of pixels
    assert steps_in(trained.best) == [min(kids, key=kids.get)]
    assert (scored[0]["reals"], scored[0]["fakes"], scored[0]["resolution"]) == (12, 10, 32)
    assert set(scored[0]["memorization"]) >= {"near_copies", "median_ratio"}
    assert scored[0]["diversity"]["images"] == 10
    assert (trained.scores / "copies-step-000006.png").exists()
    assert len(list(trained.scores.glob("efficientnet-lite0-legacy-*.npy"))) == 1


def test_the_scores_are_plotted_by_tensorboard(trained):
    plotted = {}
    for file in trained.tensorboard.glob("events.*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag.startswith("scores/"):
                    plotted[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    scored = {row["step"]: row for row in rows_of(trained) if row.get("event") == "scores"}
    for step, row in scored.items():
        for name, score in row["scores"].items():
            assert plotted.pop((step, f"scores/{name}")) == pytest.approx(score["value"])
        assert plotted.pop((step, "scores/near_copies")) == row["memorization"]["near_copies"]
        assert plotted.pop((step, "scores/diversity_ratio")) == pytest.approx(row["diversity"]["ratio"])
    assert not plotted


def test_the_best_generator_is_drawn_from_by_its_step(trained):
    best = TrainedGenerator(trained, steps_in(trained.best)[0])
    newest = TrainedGenerator(trained)
    assert newest.step == 8
    drawn = [np.stack(list(one.draw_seeds([0, 1]))).astype(int) for one in (best, newest)]
    assert best.step == 8 or np.abs(drawn[0] - drawn[1]).max() > 0


@pytest.mark.slow
def test_a_killed_run_ends_with_the_rows_and_the_best_of_one_that_was_left_alone(flowers, tmp_path):
    # In processes of their own: operations are surely deterministic only where none ran before that was asked for.
    alone, words = (
        arguments(flowers, tmp_path / name, "--steps", "8", "--keep-checkpoints", "1") for name in ("alone", "broken")
    )
    run, expected = (RunFolder(tmp_path / name / "run") for name in ("broken", "alone"))
    with subprocess.Popen([sys.executable, ROOT / "train.py", *words], stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 150
        while not (run.metrics_file.exists() and '{"step": 6, "event"' in run.metrics_file.read_text()):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert run.latest_step() in (4, 8)
    train(*words)
    train(*alone)
    assert run.metrics_file.read_bytes() == expected.metrics_file.read_bytes()
    assert (run.best / "scores.json").read_bytes() == (expected.best / "scores.json").read_bytes()
    assert steps_in(run.best) == steps_in(expected.best)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--kid-number-of-images", "5"], "--kid-number-of-images must be 6 at least; got 5"),
        (["--fid", "--inception-weights", "none.pth"], "--inception-weights none.pth is no file"),
    ],
)
def test_scores_that_cannot_be_are_told_before_anything_is_written(flowers, tmp_path, capsys, words, told):
    assert main(arguments(flowers, tmp_path, *words)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_scores_of_a_handful_of_images_are_refused(tmp_path, capsys):
    write_flowers(tmp_path / "few", 5, 64, seed=0)
    assert main(arguments(tmp_path / "few", tmp_path)) == 2
    assert "--kid and --fid need 6 images at least; got 5" in capsys.readouterr().err


# --- the best generators alone ---


class Model:
    """What is asked of a model: a network with one weight, and the steps."""

    def __init__(self):
        self.average_generator = keras.Sequential([keras.layers.Dense(1, use_bias=False)])
        self.average_generator.build([None, 1])
        self.steps = tf.Variable(0, dtype=tf.int64)

    def at(self, step):
        self.average_generator.set_weights([np.array([[step]], np.float32)])
        self.steps.assign(step)


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path)
    run.checkpoints.mkdir()
    return run


def best_of(run, keep, done=0):
    best, model = BestGenerators(run, keep, "kid_open_nsfw"), Model()
    best.set_model(model)
    model.at(done)
    best.on_train_begin()
    return best, model


def checkpointed(run, step):
    for file in run.checkpoints.iterdir():
        file.unlink()
    (run.checkpoints / f"ckpt-{step}.index").touch()


def test_the_lowest_scores_are_kept_and_of_equal_ones_the_earlier(run):
    best, model = best_of(run, keep=2)
    for step, value in enumerate([5.0, 3.0, 4.0, 3.0, 9.0], start=1):
        model.at(step)
        best.offer(step, value)
        checkpointed(run, step)
        best.on_step(step, {})
    assert steps_in(run.best) == [2, 4]
    assert json.loads((run.best / "scores.json").read_text()) == {"kid_open_nsfw": {"2": 3.0, "4": 3.0}}
    read = tf.train.load_checkpoint(str(run.best / "ckpt-4")).get_variable_to_dtype_map()
    assert "steps/.ATTRIBUTES/VARIABLE_VALUE" in read
    network = Model()
    status = tf.train.Checkpoint(average_generator=network.average_generator).restore(str(run.best / "ckpt-4"))
    status.assert_existing_objects_matched().expect_partial()
    assert network.average_generator.get_weights()[0].item() == 4


def test_the_best_of_a_checkpoint_outlives_a_better_one_that_a_resume_would_forget(run):
    best, model = best_of(run, keep=1)
    model.at(3)
    best.offer(3, 2.0)
    checkpointed(run, 4)
    best.on_step(4, {})
    model.at(6)
    best.offer(6, 1.0)
    assert steps_in(run.best) == [3, 6]
    best_of(run, keep=1, done=4)  # killed, and gone on from the checkpoint
    assert steps_in(run.best) == [3]
    best, model = best_of(run, keep=1, done=4)
    model.at(6)
    best.offer(6, 1.0)
    checkpointed(run, 8)
    best.on_step(8, {})
    assert steps_in(run.best) == [6]


def test_the_best_by_another_score_are_kept_beside(run):
    run.best.mkdir()
    for step in (2, 4):
        (run.best / f"ckpt-{step}.index").touch()
        (run.best / f"ckpt-{step}.data-00000-of-00001").touch()
    checkpointed(run, 4)
    (run.best / "scores.json").write_text('{"2": 7.0, "4": 5.0}')  # as it was when the score had no name
    best, model = best_of(run, keep=1, done=4)
    assert steps_in(run.best) == [4]
    model.at(6)
    best.offer(6, 90.0)
    assert steps_in(run.best) == [4, 6]
    told = {"kid_efficientnet_lite0": {"4": 5.0}, "kid_open_nsfw": {"6": 90.0}}
    assert json.loads((run.best / "scores.json").read_text()) == told


def test_what_a_killed_save_left_is_cleared_away(run):
    best, model = best_of(run, keep=1)
    checkpointed(run, 2)
    model.at(2)
    best.offer(2, 2.0)
    whole = sorted(file.name for file in run.best.iterdir())
    # killed while it wrote, and killed before the score was listed
    (run.best / ".unfinished").mkdir()
    (run.best / ".unfinished" / "ckpt-4.index").touch()
    (run.best / "ckpt-4.data-00000-of-00001").touch()
    best_of(run, keep=1, done=2)
    assert sorted(file.name for file in run.best.iterdir()) == whole


def test_a_training_is_scored_against_another_folder_that_is_there(flowers, tmp_path, capsys):
    others = tmp_path / "test"
    write_flowers(others, 7, 64, seed=9)
    words = arguments(flowers, tmp_path, "--steps", "2", "--reference-folder", str(others))
    assert main(words) == 0
    (row,) = [row for row in rows_of(RunFolder(tmp_path / "run")) if row.get("event") == "scores"]
    assert (row["reals"], row["split"].partition(" ")[0]) == (7, "reference")
    assert "kid: features of 7 reference images" in capsys.readouterr().out
    assert main([word for word in words if word != "--kid"]) == 2
    assert "--reference-folder is what --kid and --fid compare with" in capsys.readouterr().err


def test_a_start_that_failed_keeps_neither_its_name_nor_its_settings(tmp_path, capsys):
    for index in range(6):
        Image.new("RGB", (32, 32), (200, 30, 30)).save(tmp_path / f"{index}.bmp")
    words = ["--data-folder", str(tmp_path), "--output-folder", str(tmp_path / "runs"), "--name", "run"]
    words += [
        "--model",
        "sngan",
        "--resolution",
        "32",
        "--n-critic",
        "1",
        "--width",
        "8",
        "--batch-size",
        "2",
        "--steps",
        "2",
    ]
    assert main([*words, "--kid"]) == 2  # equal images have no scores, which is told when they are decoded
    assert (tmp_path / "runs" / "run" / "config.json").exists()
    assert main(words) == 0
    assert "resuming" not in capsys.readouterr().out
    assert RunFolder(tmp_path / "runs" / "run").latest_step() == 2
