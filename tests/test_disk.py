"""Full disks, for real: small file systems in memory."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from processes import script, wait_for
from test_cli import Finite
from tiny_runs import write_run

from sle_gan.callbacks.best import BestGenerators
from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.cli.evaluate import main as evaluate
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.data.decode import decode_folder
from sle_gan.data.folder import scan
from sle_gan.data.manifest import manifest
from sle_gan.disk import check_space
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import write_json
from sle_gan.run import RunFolder
from sle_gan.settings import ImageSettings
from sle_gan.sparsity.ticket import Subnetwork, Ticket, write_ticket

SMALL = ["--resolution", "64", "--width", "8", "--batch-size", "4", "--reconstruction-loss", "l1", "--name", "run"]


@pytest.fixture
def small_disk(tmp_path):
    """Returns a function of a size in bytes that makes a file system of that size."""
    made = []

    def make(size):
        folder = tmp_path / f"disk-{len(made)}"
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
            pytest.skip("file systems cannot be mounted here")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, left_bytes=0):
    """Takes all of a disk but for a few bytes."""
    with (folder / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(folder).free - left_bytes))


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def tiny_run(photographs, tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("runs") / "tiny", data_folder=str(photographs))
    write_json(run.manifest_file, manifest(scan(photographs)))
    return run


def test_a_training_that_will_not_fit_on_its_disk_is_told_before_it_starts(photographs, small_disk, capsys):
    disk = small_disk(4 * 2**20)
    assert train(["--data-folder", str(photographs), "--output-folder", str(disk), *SMALL, "--steps", "9"]) == 4
    told = capsys.readouterr().err
    assert told.startswith("error: the checkpoints need about ")
    assert told.endswith(
        "where 4 MiB are free; free space, or give a lower --keep-checkpoints or another --output-folder\n"
    )
    assert names(disk / "run") == [".sle-gan-output", "config.json", "lock", "lock-holder", "manifest.json"]


def test_what_is_free_is_enough_to_the_byte(small_disk):
    disk = small_disk(2**20)
    check_space(disk, 2**20, "the checkpoints", "or none")
    with pytest.raises(StorageError, match=r"need about 1 MiB in .*, where 1 MiB are free; free space, or none"):
        check_space(disk, 2**20 + 1, "the checkpoints", "or none")


def test_where_a_disk_is_full_the_checkpoint_before_is_kept_and_nothing_else(small_disk):
    disk = small_disk(6 * 2**20)
    numbers = tf.Variable(np.random.default_rng(0).normal(size=2**20).astype(np.float32))

    def checkpoints():
        result = Checkpoints(disk, {"numbers": numbers, "steps": tf.Variable(1)}, 1, 2, lambda step: None)
        result.set_model(Finite())
        return result

    saving = checkpoints()
    saving.save(1)
    saved = numbers.numpy()
    numbers.assign_add(tf.ones_like(numbers))
    with pytest.raises(
        StorageError, match=r"^disk full: checkpoint 1 is kept; free space, then the run goes on from there"
    ):
        saving.save(2)
    assert names(disk) == ["checkpoint", "ckpt-1.data-00000-of-00001", "ckpt-1.index"]
    assert not list(disk.glob("*_temp"))
    assert checkpoints().restore_latest() == 1
    np.testing.assert_array_equal(numbers, saved)


def test_a_ticket_or_a_best_generator_that_does_not_fit_leaves_nothing(tiny_run, small_disk):
    disk = small_disk(2**20)
    weights = {"a/0": np.zeros(2**20, np.float32)}
    with pytest.raises(StorageError, match=r"ticket.safetensors cannot be written \(disk full\)"):
        write_ticket(disk / "ticket.safetensors", Ticket(Subnetwork({}, weights), None, {}))
    run = RunFolder(disk / "run")
    run.path.mkdir()
    best = BestGenerators(run, 1, "kid")
    best.model = tf.Module()
    best.model.average_generator, best.model.steps = tf.Variable(weights["a/0"]), tf.Variable(1)
    run.best.mkdir()
    with pytest.raises(StorageError, match=r"the best generator of step 1 cannot be written \(disk full\)"):
        best.offer(1, 2.0)
    assert names(disk) == []


def test_decoded_images_that_do_not_fit_are_told_before_they_are_written(photographs, small_disk):
    disk = small_disk(2**16)
    settings = ImageSettings(data_folder=str(photographs), resolution=128)
    with pytest.raises(StorageError, match=r"the decoded images need about 0 MiB in .* or give a higher --cache-limit"):
        decode_folder(scan(photographs), settings, memory_limit_bytes=0, cache_file=disk / "images.npy")
    assert names(disk) == []


@pytest.mark.parametrize(
    "words",
    [
        "samples --seeds 0-1 --output {}/out",
        pytest.param("samples --seeds 0-1 --grid --output {}/out", marks=pytest.mark.slow),
        pytest.param("samples --seeds 0-3 --format jpeg --output {}/out", marks=pytest.mark.slow),
        pytest.param("interpolate --seeds 0,1 --frames 8 --output {}/walk.gif", marks=pytest.mark.slow),
        pytest.param("export --output {}/exported", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_ends_generate_with_4_and_leaves_no_half_file(tiny_run, small_disk, words, capsys):
    disk = small_disk(2**15)
    fill(disk, left_bytes=2**13)
    first, *rest = words.format(disk).split()
    assert generate([first, str(tiny_run.path), *rest]) == 4
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "disk full" in told
    left = [name for name in names(disk) if name != "filler" and not name.endswith(".sle-gan-output")]
    assert all(name.startswith("seed-") and not name.endswith(".tmp") for name in left)


def test_pictures_that_cannot_fit_are_told_before_any_is_drawn(tiny_run, small_disk, capsys):
    folder = small_disk(1)
    seeds = ["--seeds", "0-99999", "--output", str(folder)]
    assert generate(["samples", str(tiny_run.path), *seeds]) == 4
    told = capsys.readouterr().err
    assert "error: 100,000 pictures need about" in told
    assert "MiB are free; free space, or ask for fewer, or for another --output" in told
    assert names(folder) == []


@pytest.mark.slow
def test_a_full_disk_ends_evaluate_with_4_and_leaves_no_half_file(tiny_run, small_disk, capsys):
    disk = small_disk(64 * 2**20)
    shutil.copytree(tiny_run.path, disk / "run")
    before = names(disk)
    fill(disk, left_bytes=2**13)
    assert evaluate([str(disk / "run"), "--number-of-images", "16"]) == 4
    assert "error: disk full" in capsys.readouterr().err
    assert [name for name in names(disk) if name != "filler"] == before


@pytest.mark.slow
def test_a_disk_that_fills_while_a_run_trains_ends_it_with_4_and_it_goes_on_when_there_is_room(photographs, small_disk):
    disk = small_disk(400 * 2**20)
    words = ["--data-folder", str(photographs), "--output-folder", str(disk), *SMALL, "--steps", "40"]
    words += ["--checkpoint-frequency", "4", "--log-frequency", "2"]
    run = RunFolder(disk / "run")
    with subprocess.Popen(script(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: (run.latest_step() or 0) >= 4, process, seconds=400)
        fill(disk)
        _, told = process.communicate(timeout=400)
    assert process.returncode == 4
    kept = run.latest_step()
    assert told.splitlines()[-1].startswith(f"error: disk full: checkpoint {kept} is kept; free space")
    assert not [name for name in names(disk) if name.startswith(".") or "temp" in name]
    (disk / "filler").unlink()
    done = subprocess.run(script(*words), capture_output=True, text=True, check=True)
    assert f"resuming run from step {kept}" in done.stdout
    assert run.latest_step() == 40


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"../x": 1.0}', '{"4": "low"}', '{"kid": {"4": "low"}}', '{"kid": {}, "4": 1.0}']
)
def test_a_damaged_list_of_scores_is_told(tmp_path, text):
    run = RunFolder(tmp_path / "run")
    run.best.mkdir(parents=True)
    (run.best / "scores.json").write_text(text)
    best = BestGenerators(run, 1, "kid")
    best.model = tf.Module()
    best.model.steps = tf.Variable(4)
    with pytest.raises(InputError, match=r"scores.json is damaged; delete "):
        best.on_train_begin()
