"""Runs of schema 1 are read, drawn from and gone on with, as the version that wrote them did: see `data/schema-1`."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.run import RunFolder

DATA = Path(__file__).parent / "data" / "schema-1"
BIGGAN = "--model biggan --resolution 32 --width 8 --batch-size 2 --n-critic 2 --ema-start 2 --ema-decay 0.5 --seed 7"
SNGAN = "--model sngan --resolution 32 --width 8 --batch-size 4 --reconfigure --warmup-epoch 6"


@pytest.fixture
def copied_run(tmp_path):
    """Copies a run of the data to where it may be written to."""

    def copied(name):
        run = RunFolder(shutil.copytree(DATA / name, tmp_path / name))
        if not run.checkpoints.exists():  # of a run whose settings alone are kept here
            run.checkpoints.mkdir()
            (run.checkpoints / "ckpt-2.index").touch()
        return run

    return copied


def words(run, *more):
    return ["--data-folder", str(DATA / "images"), "--output-folder", str(run.path.parent), "--name", run.name, *more]


def test_a_run_of_schema_1_draws_the_pictures_that_it_drew_before(copied_run, tmp_path):
    assert (
        generate(["samples", str(copied_run("run").path), "--seeds", "0-1", "--output", str(tmp_path / "drawn")]) == 0
    )
    for name in ("seed-000000.png", "seed-000001.png"):
        with Image.open(tmp_path / "drawn" / name) as drawn, Image.open(DATA / "expected" / name) as expected:
            assert drawn.text["step"] == "4"
            assert np.abs(np.asarray(drawn).astype(int) - np.asarray(expected)).max() <= 1


def test_a_run_of_schema_1_goes_on_to_the_weights_that_its_own_version_went_on_to(copied_run, capsys):
    run = copied_run("run")
    frequencies = "--steps 6 --log-frequency 1 --sample-frequency 100 --keep-checkpoints 1"
    assert train(words(run, *BIGGAN.split(), *frequencies.split())) == 0
    assert "resuming run from step 4" in capsys.readouterr().out
    assert run.latest_step() == 6
    expected = json.loads((DATA / "expected" / "step-6.json").read_text())
    rows = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [row["step"] for row in rows if "event" not in row] == [1, 2, 3, 4, 5, 6]
    for row, expected_row in zip([row for row in rows if "event" not in row], expected["metrics"], strict=True):
        assert row == pytest.approx(expected_row, rel=1e-5, abs=1e-5)
    arrays = {f"{name}/{array}": value for name in ("generator", "discriminator") for array, value in read(run, name)}
    assert arrays.keys() == expected["weights"].keys()
    for name, value in arrays.items():
        told = expected["weights"][name]
        assert list(value.shape) == told["shape"]
        np.testing.assert_allclose(value.ravel()[:4], told["first"], rtol=0, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(value.mean(dtype=np.float64), told["mean"], rtol=0, atol=1e-5, err_msg=name)
        norm = np.linalg.norm(value.astype(np.float64))
        np.testing.assert_allclose(norm, told["norm"], rtol=1e-5, atol=1e-5, err_msg=name)


def read(run, network):
    """Returns the arrays that a training saved of a network at its end, with their names."""
    arrays = []
    with h5py.File(run.path / f"{network}_weights.h5") as file:
        file.visititems(lambda name, item: arrays.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    return arrays


def test_the_phases_of_a_sparse_run_of_schema_1_stay_where_they_were_when_it_is_trained_longer(copied_run, capsys):
    assert train(words(copied_run("regan"), *SNGAN.split(), "--sparsity", "0.4", "--epochs", "80", "--dry-run")) == 0
    told = capsys.readouterr().out
    assert "sparsity: steps 0 to 2: dense\nsparsity: steps 2 to 3: sparse, 40% pruned\n" in told
    assert "sparsity: and so on, 23 phases to step 24\n" in told


def test_other_settings_than_those_of_a_run_of_schema_1_are_told(copied_run, capsys):
    run = copied_run("regan")
    assert train(words(run, *SNGAN.split(), "--sparsity", "0.5", "--epochs", "80", "--dry-run")) == 2
    assert "holds a run of other settings (sparsity 0.4, asked for 0.5)" in capsys.readouterr().err
