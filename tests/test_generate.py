import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sle_gan.cli.generate import main, write_film
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError, StorageError
from sle_gan.export import saved_model
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models import fastgan
from sle_gan.models.io import interpolate_codes, latent_codes
from sle_gan.run import RunFolder, start_run

ROOT = Path(__file__).parent.parent


def made_run(folder, channels=3, steps=(3, 7)):
    """A run folder with real checkpoints of a generator whose noise and statistics are not at rest."""
    run = RunFolder(folder)
    settings = {"model": "fastgan", "resolution": 64, "channels": channels, "width": 8, "seed": 0}
    with run.locked():
        start_run(run, settings | {"background": "#ff0000"}, ["train.py"], {}, {"images": []})
    generator = fastgan.generator(64, channels, 8)
    checkpoint = tf.train.Checkpoint(average_generator=generator)
    manager = tf.train.CheckpointManager(checkpoint, str(run.checkpoints), max_to_keep=None)
    rng = np.random.default_rng(0)
    for step in steps:
        for variable in generator.variables:
            drawn = rng.normal(0, 0.3, size=variable.shape)
            variable.assign_add(np.abs(drawn) if "variance" in variable.name else drawn)
        manager.save(checkpoint_number=step)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("runs") / "flowers")


@pytest.fixture(scope="module")
def trained(run):
    return TrainedGenerator(run)


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_seed_gives_the_same_bytes_whatever_is_drawn_beside_it(run, tmp_path):
    assert main(["samples", str(run.path), "--seeds", "0-9", "--output", str(tmp_path / "many")]) == 0
    assert main(["samples", str(run.path), "--seeds", "9,3", "--output", str(tmp_path / "few")]) == 0
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == [f"seed-{s:06d}.png" for s in range(10)]
    for name in ("seed-000003.png", "seed-000009.png"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "few" / name).read_bytes()
    assert (opened(tmp_path / "many" / "seed-000003.png") != opened(tmp_path / "many" / "seed-000009.png")).any()


def test_a_picture_says_where_it_comes_from(run, tmp_path):
    assert main(["samples", str(run.path), "--seeds", "4", "--step", "3", "--output", str(tmp_path)]) == 0
    with Image.open(tmp_path / "seed-000004.png") as image:
        assert image.text == {"run": "flowers", "step": "3", "seed": "4"}
        older = np.asarray(image)
    assert main(["samples", str(run.path), "--seeds", "4", "--output", str(tmp_path)]) == 0
    assert (opened(tmp_path / "seed-000004.png") != older).any()


def test_a_grid_holds_the_pictures_of_its_seeds(run, trained, tmp_path):
    assert main(["samples", str(run.path), "--seeds", "0-5", "--grid", "--output", str(tmp_path)]) == 0
    grid = opened(tmp_path / "grid-000000-000005.png")
    np.testing.assert_array_equal(grid[:64, 66:130], next(trained.draw_seeds([1])))
    assert grid.shape == (130, 196, 3)


@pytest.mark.parametrize(("form", "extension"), [("jpeg", "jpg"), ("webp", "webp")])
def test_other_formats_hold_nearly_the_same_picture(run, trained, tmp_path, form, extension):
    assert main(["samples", str(run.path), "--seeds", "2", "--format", form, "--output", str(tmp_path)]) == 0
    expected = next(trained.draw_seeds([2])).astype(int)
    assert np.abs(opened(tmp_path / f"seed-000002.{extension}") - expected).mean() < 12


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (4, "RGBA")])
def test_grey_and_alpha_are_written_as_they_are(tmp_path, channels, mode):
    run = made_run(tmp_path / "run", channels, steps=(1,))
    assert main(["samples", str(run.path), "--seeds", "0", "--output", str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out" / "seed-000000.png") as image:
        assert image.mode == mode
    for name in ("walk.gif", "walk.png"):
        words = ["--seeds", "0,1", "--frames", "2", "--output", str(tmp_path / name)]
        assert main(["interpolate", str(run.path), *words]) == 0
        with Image.open(tmp_path / name) as film:
            assert film.n_frames == 3


def test_jpeg_lays_alpha_over_the_background_of_the_run(tmp_path):
    run = made_run(tmp_path / "run", 4, steps=(1,))
    assert main(["samples", str(run.path), "--seeds", "0", "--format", "jpeg", "--output", str(tmp_path)]) == 0
    pixels = next(TrainedGenerator(run).draw_seeds([0])).astype(float)
    alpha = pixels[..., 3:] / 255
    expected = pixels[..., :3] * alpha + np.array([255, 0, 0]) * (1 - alpha)
    assert np.abs(opened(tmp_path / "seed-000000.jpg") - expected).mean() < 12


@pytest.mark.parametrize(
    ("words", "frames"), [(["--seeds", "0,1,2", "--loop"], 12), (["--seeds", "0,1,2"], 9), (["--seeds", "0,1"], 5)]
)
def test_a_film_walks_through_its_seeds(run, trained, tmp_path, words, frames):
    assert main(["interpolate", str(run.path), *words, "--frames", "4", "--output", str(tmp_path / "walk")]) == 0
    files = sorted((tmp_path / "walk").iterdir())
    assert len(files) == frames
    for index, seed in ((0, 0), (4, 1)):
        np.testing.assert_allclose(opened(files[index]).astype(int), next(trained.draw_seeds([seed])), atol=1)
    assert main(["interpolate", str(run.path), *words, "--frames", "4", "--output", str(tmp_path / "walk.gif")]) == 0
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == frames
        assert film.info.get("loop") == (0 if "--loop" in words else None)
        assert film.info["duration"] == 30  # a GIF counts hundredths of a second


@pytest.mark.parametrize("extension", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("loop", [True, False])
def test_every_kind_of_film_holds_all_frames_and_says_whether_it_loops(tmp_path, extension, loop):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, size=(16, 16, 3), dtype=np.uint8)) for _ in range(4)]
    write_film(tmp_path / f"film{extension}", extension, iter(frames), 20, loop=loop)
    assert [path.name for path in tmp_path.iterdir()] == [f"film{extension}"]
    with Image.open(tmp_path / f"film{extension}") as film:
        assert film.n_frames == 4
        assert film.info.get("loop", 1) == (0 if loop else 1)
        film.seek(1)
        assert film.info.get("duration", 50) == 50


def test_codes_walk_along_the_sphere():
    start, end = latent_codes([0, 1], 256)
    codes = interpolate_codes(start, 2.0 * end, tf.constant([0.0, 0.5, 1.0])).numpy()
    np.testing.assert_allclose(codes[0], start, atol=1e-5)
    np.testing.assert_allclose(codes[2], 2.0 * end, atol=1e-5)
    lengths = np.linalg.norm(codes, axis=1)
    assert lengths[1] == pytest.approx((lengths[0] + lengths[2]) / 2, rel=1e-5)
    angles = [np.dot(codes[1], codes[i]) / lengths[1] / lengths[i] for i in (0, 2)]
    assert angles[0] == pytest.approx(angles[1], abs=1e-5)
    np.testing.assert_allclose(interpolate_codes(start, start, tf.constant([0.3])), start[None], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["samples", "none", "--seeds", "0"], "no run 'none', neither as a folder nor in"),
        (["samples", "RUN", "--seeds", "0", "--step", "5"], "no checkpoint of step 5; there are ckpt-3, ckpt-7"),
        (["interpolate", "RUN", "--seeds", "0", "--output", "walk.gif"], "--seeds must name two seeds at least; got 0"),
        (["interpolate", "RUN", "--seeds", "0,1", "--output", "walk.avi"], "--output must end in .gif, .webp, .png"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(run, capsys, words, message):
    assert main([str(run.path) if word == "RUN" else word for word in words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("seeds", ["", "a", "5-2", "1,,2", "-3", "99999999999"])
def test_seeds_are_whole_numbers_and_ranges(run, capsys, seeds):
    with pytest.raises(SystemExit) as stop:
        main(["samples", str(run.path), f"--seeds={seeds}"])
    assert stop.value.code == 2
    assert "must be whole numbers and ranges such as 0-15,20" in capsys.readouterr().err


def test_a_run_without_a_checkpoint_and_a_damaged_one_are_told(tmp_path):
    with pytest.raises(InputError, match="has no checkpoint yet"):
        TrainedGenerator(made_run(tmp_path / "new", steps=()))
    run = made_run(tmp_path / "damaged", steps=(1,))
    data = next(run.checkpoints.glob("*.data*"))
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        TrainedGenerator(run)


def test_the_saved_model_runs_without_this_package(run, trained, tmp_path):
    assert main(["export", str(run.path), "--format", "saved-model", "--output", str(tmp_path)]) == 0
    assert main(["export", str(run.path), "--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    code = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
call = model.signatures
images = call["serving_default"](z=tf.zeros([3, 256]))["images"]
assert images.dtype == tf.float32 and images.shape == (3, 64, 64, 3), images
samples = call["sample"](seed=tf.constant(2), n=tf.constant(2))["images"]
walk = call["interpolate"](seed_a=tf.constant(2), seed_b=tf.constant(3), steps=tf.constant(5))["images"]
assert "sle_gan" not in sys.modules
np.savez(sys.argv[2], samples=samples, walk=walk)
"""
    file = tmp_path / "drawn.npz"
    command = [sys.executable, "-c", code, str(tmp_path / "2"), str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    drawn = np.load(file)
    expected = np.stack(list(trained.draw_seeds([2, 3]))).astype(int)
    np.testing.assert_allclose(drawn["samples"], expected, atol=1)
    assert drawn["walk"].shape == (5, 64, 64, 3)
    np.testing.assert_allclose(drawn["walk"][[0, 4]], expected, atol=1)
    told = json.loads((tmp_path / "1" / "assets.extra" / "generator.json").read_text())
    assert told == {"run": "flowers", "step": 7, "resolution": 64, "channels": 3, "latent_size": 256}


def test_an_export_that_draws_other_pictures_is_not_kept(run, tmp_path, monkeypatch):
    trained = TrainedGenerator(run)
    drawn = list(trained.draw_seeds(range(8)))
    monkeypatch.setattr(trained, "draw_seeds", lambda seeds: iter([image ^ 4 for image in drawn]))
    with pytest.raises(StorageError, match="draws other pictures than the run: they differ by 4 of 255"):
        saved_model.export_saved_model(trained, tmp_path / "exported")
    assert list((tmp_path / "exported").iterdir()) == []


def test_the_script_runs_as_a_process(run, tmp_path):
    words = ["samples", run.name, "--output-folder", str(run.path.parent), "--seeds", "1", "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "generate.py"), *words], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"1 pictures of step 7 in {tmp_path}\n"
    assert done.stderr == ""


def test_a_sheet_is_read_in_rows():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones([1, 2, 3, 1], np.uint8)
    sheet = image_sheet(images, columns=3)
    assert sheet.shape == (6, 13, 1)
    np.testing.assert_array_equal(sheet[0, [0, 5, 10], 0], [0, 1, 2])
    np.testing.assert_array_equal(sheet[5, [0, 5], 0], [3, 4])
    assert set(sheet[:, 3:5].ravel()) == {255}  # the gap
    assert sheet[5, 12, 0] == 255  # the place without a picture


def test_a_picture_is_whole_or_not_there(tmp_path):
    with pytest.raises(TypeError):
        write_picture(tmp_path / "a.png", np.zeros([2, 2, 3]), {})
    assert not (tmp_path / "a.png").exists()
