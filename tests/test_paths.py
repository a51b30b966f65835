"""Paths as people write them; and that nothing is made before everything is accepted."""

import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_run

import sle_gan
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.run import check_writable, find_run
from sle_gan.settings.train import GIVABLE


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for seed in range(6):
        (tmp_path / "images").mkdir(exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, [64, 64, 3], np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{seed}.png")
    return tmp_path


def test_every_setting_that_is_a_file_or_a_folder_knows_the_home_folder(home):
    paths = {name for name, one in GIVABLE.items() if one.kind.is_path}
    units = {name for name, one in GIVABLE.items() if one.unit in {"FILE", "FOLDER", "RUN"}}
    assert units <= paths
    for name in paths:
        assert GIVABLE[name].kind.read("~/a b") == GIVABLE[name].kind.accept("~/a b") == f"{home}/a b"


def test_a_training_reads_and_writes_below_the_home_folder(home, capsys):
    words = ["--data-folder=~/images", "--output-folder=~/runs", "--resolution", "64", "--dry-run"]
    assert train(words) == 0
    assert f"run {home}/runs/" in capsys.readouterr().out
    assert not (home / "runs").exists()
    assert len(sle_gan.load_images("~/images", resolution=64)) == 6


def test_a_run_is_found_and_drawn_below_the_home_folder(home):
    write_run(home / "runs" / "tiny", steps=(8,))
    for text, folder in (("~/runs/tiny", "nowhere"), ("tiny", "~/runs")):
        assert find_run(text, folder).path == home / "runs" / "tiny"
    assert generate(["samples", "~/runs/tiny", "--seeds", "0", "--output", "~/drawn"]) == 0
    assert (home / "drawn" / "seed-000000.png").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["--dry-run"],
        ["--kid", "--data-ratio", "0.1"],
        ["--conditional"],
        ["--held-out", "0.99"],
        ["--ticket", "nowhere.safetensors"],
        ["--init-from", "nowhere"],
        ["--generator-weights", "nowhere.h5"],
    ],
)
def test_what_is_refused_or_only_asked_for_makes_nothing(home, words):
    before = sorted(home.rglob("*"))
    code = train([f"--data-folder={home}/images", f"--output-folder={home}/deep/runs", "--resolution", "64", *words])
    assert code == (0 if words == ["--dry-run"] else 2)
    assert sorted(home.rglob("*")) == before


def test_whether_a_folder_can_be_made_is_known_without_making_it(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
