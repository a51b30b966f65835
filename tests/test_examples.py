"""The examples run, and do what they say."""

import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(monkeypatch, name, *words):
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_points_near_the_centers_are_counted():
    ring = runpy.run_path(str(EXAMPLES / "ring_of_gaussians.py"))
    centers, drawn_modes = ring["CENTERS"], ring["drawn_modes"]
    assert drawn_modes(centers.repeat(10, axis=0)) == (8, 1.0)
    assert drawn_modes(np.concatenate([centers[:3].repeat(10, axis=0), np.zeros([30, 2])])) == (3, 0.5)


def test_the_ring_is_filmed_while_its_generator_is_pruned_and_regrown(monkeypatch, tmp_path, capsys):
    run_example(monkeypatch, "ring_of_gaussians.py", "--steps", 40, "--output", tmp_path / "ring.gif")
    assert "of 8 Gaussians drawn" in capsys.readouterr().out
    with Image.open(tmp_path / "ring.gif") as film:
        assert film.n_frames > 20


@pytest.mark.slow
def test_the_ring_is_drawn_whole(monkeypatch, tmp_path, capsys):
    run_example(monkeypatch, "ring_of_gaussians.py", "--output", tmp_path / "ring.gif")
    assert "8 of 8 Gaussians drawn" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_trains_draws_and_exports(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(EXAMPLES / "first_training.ipynb", as_version=4)
    (training,) = [cell for cell in notebook.cells if "HOURS = 64, 1\n" in cell.source]
    training.source = training.source.replace("HOURS = 64, 1\n", "HOURS = 64, 1 / 60\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Jupyter's own packages
        nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("image/png" in data or "image/gif" in data for data in shown) == 2
    assert any("step " in data.get("text/html", "") for data in shown)
    assert (tmp_path / "first.zip").is_file()
    assert list((tmp_path / "exported").rglob("*.safetensors"))


@pytest.mark.slow
def test_the_first_training_leaves_pictures_and_a_film(monkeypatch, tmp_path):
    run_example(monkeypatch, "first_training.py", "--minutes", 1.5, "--output", tmp_path / "out")
    assert len(list((tmp_path / "out" / "drawn").glob("*.png"))) >= 1
    with Image.open(tmp_path / "out" / "walk.gif") as film:
        assert film.n_frames == 120
