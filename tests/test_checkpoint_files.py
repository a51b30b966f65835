"""Checkpoints that a training deletes while something else reads them."""

import hashlib
import itertools
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import set_training_images, write_run

from sle_gan.assembly import other_runs
from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.generator_cost import generator_cost
from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.assembly.other_runs import resolve_other_runs
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.weights import begin_from, read_teacher
from sle_gan.checkpoint_files import checkpoints_in, read_saved
from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig
from sle_gan.training.teacher import Teacher

TINY = {"data_folder": "x", "model": "sngan", "n_critic": 1, "diff_augment": None, "resolution": 32, "width": 8}


def save_as(run, step, new_step):
    """Does what a training does that saves and deletes an older checkpoint."""
    for folder in (run.checkpoints, run.best):
        for path in folder.glob(f"ckpt-{step}.*"):
            path.rename(path.with_name(path.name.replace(f"ckpt-{step}.", f"ckpt-{new_step}.")))


def vanishing(monkeypatch, run, *steps):
    """Lets the checkpoint of the first step vanish, once it was found, for one of the next step, and so on."""
    pairs = list(itertools.pairwise(steps))
    restore = tf.train.Checkpoint.restore

    def late_restore(checkpoint, path, *arguments):
        if pairs:
            save_as(run, *pairs.pop(0))
        return restore(checkpoint, path, *arguments)

    monkeypatch.setattr(tf.train.Checkpoint, "restore", late_restore)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")[0]


@pytest.fixture
def run(written, tmp_path):
    return RunFolder(shutil.copytree(written.path, tmp_path / "copy"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A run with a checkpoint of step 2 of everything, and without files of weights."""
    run = RunFolder(tmp_path_factory.mktemp("other") / "other")
    settings = resolve(TINY)
    with run.locked():
        start_run(run, RunConfig(settings, {}, ["train.py"]), {"images": []})
    gan = build_gan(settings, *build_networks(settings))
    tf.train.CheckpointManager(tf.train.Checkpoint(**gan.checkpoint_items()), str(run.checkpoints), 3).save(2)
    return run


@pytest.fixture
def copied_other(other, tmp_path):
    return RunFolder(shutil.copytree(other.path, tmp_path / "other"))


# Finding and reading


def touch(folder, step):
    (folder / f"ckpt-{step}.index").touch()
    return step, folder / f"ckpt-{step}"


def test_what_is_gone_is_found_again_until_it_can_be_read(tmp_path):
    def read(path):
        if len(reads) < 3:  # the training saves another two times
            path.with_name(f"{path.name}.index").unlink()
            reads.append(touch(tmp_path, 4 + len(reads))[0])
            raise InputError("of which TensorFlow finds half")
        reads.append(path.name)

    touch(tmp_path, 3)
    reads = []
    assert read_saved(lambda: max(checkpoints_in(tmp_path).items()), read) == 6
    assert reads == [4, 5, 6, "ckpt-6"]


@pytest.mark.parametrize("error", [InputError("damaged"), FileNotFoundError("data")])
def test_what_is_there_and_cannot_be_read_is_told_as_it_is(tmp_path, error):
    def read(path):
        raise error

    with pytest.raises(type(error)) as told:
        read_saved(lambda: touch(tmp_path, 3), read)
    assert told.value is error


def test_what_is_gone_again_and_again_or_for_good_is_told_as_gone(tmp_path):
    def read(path):
        raise InputError("damaged")

    with pytest.raises(InputError, match=r"ckpt-3 is gone: its run saves faster than it can be read; wait until"):
        read_saved(lambda: (3, tmp_path / "ckpt-3"), read)
    found = [(3, tmp_path / "ckpt-3")]

    def find():
        if not found:
            raise InputError("there are others")
        return found.pop()

    with pytest.raises(InputError, match=r"ckpt-3 is gone, deleted before it was read; there are others"):
        read_saved(find, read)


# Each entrance


@pytest.mark.parametrize(
    "draw",
    [
        lambda opened, folder: opened.draw([3])[0],
        lambda opened, folder: next(iter(opened.film([3, 4], frames=2))),
        lambda opened, folder: opened.moved_film([3], Move(direction=0, count=3)).save(folder / "a.gif"),
        lambda opened, folder: opened.export(folder=folder / "exported"),
        pytest.param(
            lambda opened, folder: opened.evaluate(["swd"], number_of_images=6, tell=lambda line: None),
            marks=pytest.mark.slow,
        ),
        pytest.param(lambda opened, folder: generator_cost(opened.folder), marks=pytest.mark.slow),
    ],
    ids=["draw", "film", "move", "export", "evaluate", "cost"],
)
def test_what_is_drawn_from_a_run_that_trains_takes_the_newest_again(run, photographs, tmp_path, monkeypatch, draw):
    set_training_images(run, photographs)
    vanishing(monkeypatch, run, 8, 12, 16)
    drawn = draw(OpenedRun(run), tmp_path)
    if isinstance(drawn, np.ndarray):
        np.testing.assert_array_equal(drawn, OpenedRun(run).draw([3])[0])
    elif isinstance(drawn, dict):
        assert drawn["step"] == 16
        assert run.copies_sheet(16).is_file()
    else:
        assert getattr(drawn, "step", 16) == 16
    assert checkpoints_in(run.checkpoints).keys() == {4, 16}


def test_a_step_that_was_asked_for_and_is_gone_is_told_as_gone(run, monkeypatch):
    vanishing(monkeypatch, run, 8, 12)
    with pytest.raises(InputError) as told:
        OpenedRun(run).draw([3], step=8)
    assert re.search(
        r"ckpt-8 is gone, deleted before it was read; --step must be one that .*: 4, 12; got 8", str(told.value)
    )


def test_a_step_that_was_planned_with_is_that_of_what_is_drawn(run):
    samples = OpenedRun(run).samples([3])
    assert samples.drawing.step == 8
    save_as(run, 8, 12)  # before anything is loaded
    assert samples.drawing.trained.step == samples.drawing.step == 12


def test_a_training_begins_with_the_newest_weights_of_a_run_that_trains(copied_other, monkeypatch):
    settings = resolve(TINY | {"seed": 3})
    networks = build_networks(settings)
    gan = build_gan(settings, *networks)
    vanishing(monkeypatch, copied_other, 2, 3)
    begin_from(gan, *networks, copied_other.path)
    expected, _ = build_networks(resolve(TINY))
    np.testing.assert_array_equal(gan.generator.get_layer("start").kernel, expected.get_layer("start").kernel)


def test_a_teacher_that_trains_is_taken_as_it_is_now_and_noted_so(copied_other, monkeypatch):
    given = resolve(TINY | {"teacher": str(copied_other.path)})
    sha256 = hashlib.sha256
    monkeypatch.setattr(other_runs.hashlib, "sha256", lambda: save_as(copied_other, 2, 3) or sha256())
    settings = resolve_other_runs(given)  # its files are gone between their listing and their reading
    monkeypatch.undo()
    assert settings.transfer.teacher_step == 3
    vanishing(monkeypatch, copied_other, 3, 5)
    origin = build_gan(settings, *build_networks(settings)).method(Teacher).origin
    assert origin == replace(settings.transfer, teacher_step=5)  # the bytes are the same
    vanishing(monkeypatch, copied_other, 5, 6, 7)
    assert read_teacher(origin, copied_other)[1].teacher_step == 7
