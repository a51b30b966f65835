import shutil
import sys

import numpy as np
import pytest
from film_frames import mp4_frames
from PIL import Image
from tiny_runs import write_run

import sle_gan
from sle_gan.cli.generate import main
from sle_gan.data.pictures import image_sheet, write_picture
from sle_gan.errors import InputError, StorageError
from sle_gan.export.film_files import Footage, write_film
from sle_gan.export.route import even_route, timed_route
from sle_gan.export.walk import Pace
from sle_gan.models.io import latent_codes
from sle_gan.run import RunFolder


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")[0]


def generate(run, *words):
    return main([words[0], str(run.path), *map(str, words[1:])])


# Routes


def test_an_even_route_gives_each_leg_as_many_frames():
    starts, ends, shares = even_route(3, 2, loop=False)
    assert starts.tolist() == [0, 0, 1, 1, 2]
    assert ends.tolist() == [1, 1, 2, 2, 2]
    assert shares.tolist() == [0, 0.5, 0, 0.5, 0]
    starts, ends, shares = even_route(3, 2, loop=True)
    assert starts.tolist() == [0, 0, 1, 1, 2, 2]
    assert ends.tolist() == [1, 1, 2, 2, 0, 0]


def test_a_timed_route_is_at_each_seed_at_its_time():
    starts, ends, shares = timed_route(3, [0.5, 1.0, 3.0], 4, loop=False)
    #        0  .25 .5 .75  1 1.25 ...                     3 seconds
    assert starts.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert ends.tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(shares, [0, 0, 0, 0.5, *(np.arange(8) / 8), 0])


def test_a_timed_loop_comes_back_at_its_last_time():
    starts, ends, shares = timed_route(2, [0, 1, 1.5], 4, loop=True)
    assert (starts.tolist(), ends.tolist()) == ([0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 0, 0.5])


@pytest.mark.parametrize(
    "times", [[0, 1], [0, 1, 1], [0, 2, 1], [-1, 0, 1], [0, 1, float("nan")], [0, 1, float("inf")]]
)
def test_times_that_cannot_be_are_refused(times):
    with pytest.raises(InputError, match="--beat must be 3 rising numbers from 0"):
        timed_route(3, times, 30, loop=False)


def test_a_smooth_route_slows_down_at_the_seeds():
    shares = even_route(2, 100, loop=True).eased("smooth").shares[:101].astype(float)
    steps = np.diff(shares[:100])
    assert steps[0] < 0.001 < 0.014 < steps[50]
    np.testing.assert_allclose(shares[[0, 25, 50, 75]], [0, 0.15625, 0.5, 0.84375], atol=1e-6)
    with pytest.raises(InputError, match="even or smooth"):
        even_route(2, 3, loop=True).eased("odd")


# Files


@pytest.mark.parametrize(("height", "width"), [(31, 33), (32, 48)])
def test_an_mp4_has_even_sides_its_pace_and_its_origin(tmp_path, height, width):
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = [127.5 + 100 * np.sin((x + y + 6 * index)[..., None] / 9 + np.arange(3)) for index in range(9)]
    frames = np.round(waves).astype(np.uint8)
    path = tmp_path / "film.mp4"
    write_film(path, Footage(iter(frames), 24, False, iter(()), {"run": "a name", "step": "12"}), crf=10)
    shown, facts = mp4_frames(path)
    assert shown.shape == (9, height + height % 2, width + width % 2, 3)
    assert "h264" in facts
    assert "24 fps" in facts
    assert np.abs(shown[:, :height, :width].astype(int) - frames).mean() < 4
    assert b"run a name; step 12" in path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 128, 0), (20, 60, 200), (250, 250, 250)])
def test_an_mp4_keeps_the_colors(tmp_path, color):
    frames = np.full([2, 32, 32, 3], color, np.uint8)
    write_film(tmp_path / "film.mp4", Footage(iter(frames), 30, False, iter(())))
    shown, facts = mp4_frames(tmp_path / "film.mp4")
    np.testing.assert_allclose(shown.mean(axis=(0, 1, 2)), color, atol=3)
    assert "bt709" in facts


def test_a_lower_crf_keeps_more(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, [4, 64, 64, 3], np.uint8)
    sizes = []
    for crf in (10, 40):
        write_film(tmp_path / "film.mp4", Footage(iter(frames), 30, False, iter(())), crf)
        sizes.append((tmp_path / "film.mp4").stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_an_mp4_without_its_extra_names_the_mend(tiny_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert generate(tiny_run, "interpolate", "--seeds", "0,1", "--output", tmp_path / "film.mp4") == 2
    error = capsys.readouterr().err
    assert "pip install imageio-ffmpeg" in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_mp4_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "film.mp4").mkdir()
    frames = np.zeros([3, 16, 16, 3], np.uint8)
    with pytest.raises(OSError, match="directory"):
        write_film(tmp_path / "film.mp4", Footage(iter(frames), 30, False, iter(())))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_an_encoder_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    encoder = tmp_path / "encoder"
    encoder.write_text("#!/bin/sh\necho first >&2\necho no room left >&2\nexit 1\n")
    encoder.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
    frames = np.zeros([3, 512, 512, 3], np.uint8)
    with pytest.raises(StorageError, match=r"cannot write .*film.mp4 \(no room left\)"):
        write_film(tmp_path / "film.mp4", Footage(iter(frames), 30, False, iter(())))
    assert [path.name for path in tmp_path.iterdir()] == ["encoder"]


# Walks


def test_walks_side_by_side_are_the_walks_alone(tiny_run, tmp_path):
    words = ["interpolate", "--seeds", "0,1", "--seeds", "2,3", "--frames", "2", "--output", tmp_path / "walks"]
    assert generate(tiny_run, *words) == 0
    run = sle_gan.open_run(tiny_run.path)
    alone = [list(run.film(seeds, frames=2)) for seeds in ([0, 1], [2, 3])]
    files = sorted((tmp_path / "walks").glob("*.png"))
    assert len(files) == 3
    for path, *pictures in zip(files, *alone, strict=True):
        with Image.open(path) as picture:
            assert picture.text["seeds"] == "0,1 2,3"
            np.testing.assert_array_equal(np.asarray(picture), image_sheet(np.stack(pictures)))


def test_walks_side_by_side_need_as_many_seeds(tiny_run, capsys):
    assert generate(tiny_run, "interpolate", "--seeds", "0,1", "--seeds", "0-2", "--output", "a.gif") == 2
    assert "must be as many each; got 2 and 3" in capsys.readouterr().err


def test_a_film_to_a_beat_shows_each_seed_at_its_time(tiny_run, tmp_path):
    words = ["interpolate", "--seeds", "4,7,9", "--beat", "0,0.4,0.5", "--fps", "10", "--easing", "smooth"]
    assert generate(tiny_run, *words, "--output", tmp_path / "film.png") == 0
    run = sle_gan.open_run(tiny_run.path)
    with Image.open(tmp_path / "film.png") as film:
        assert film.n_frames == 6
        for frame, picture in zip((0, 4, 5), run.draw([4, 7, 9]), strict=True):
            film.seek(frame)
            np.testing.assert_array_equal(np.asarray(film.convert("RGB")), picture)


def test_a_straight_walk_is_at_the_mean_of_the_codes_half_way(tiny_run):
    film = sle_gan.open_run(tiny_run.path).film([0, 1], frames=2, path="straight")
    trained = film.drawing.trained
    codes = latent_codes([0, 1], trained.latent_size)
    expected = trained._draw(np.repeat([codes.numpy().mean(axis=0)], 8, axis=0)).numpy()[0]
    assert np.abs(list(film)[1].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"frames": 1}, "--frames"), ({"fps": 0}, "--fps"), ({"easing": "x"}, "--easing"), ({"beat": (1,)}, "--beat")],
)
def test_a_pace_that_cannot_be_is_refused(changed, told):
    with pytest.raises(InputError, match=told):
        Pace(**changed).route(2)


# Trainings


def test_the_film_of_a_training_shows_its_sheets_and_stays_on_the_last(tiny_run, tmp_path, capsys):
    run = RunFolder(shutil.copytree(tiny_run.path, tmp_path / "run"))
    shutil.rmtree(run.samples, ignore_errors=True)
    run.samples.mkdir()
    assert generate(run, "history", "--output", tmp_path / "a.gif") == 2
    assert "0 sheets of samples; a film needs two at least" in capsys.readouterr().err
    for step in (0, 500, 1000):
        write_picture(run.samples / f"step-{step:06d}.png", np.full([16, 16, 3], step // 4, np.uint8), {})
    assert generate(run, "history", "--fps", "2", "--output", tmp_path / "training.mp4") == 0
    frames, facts = mp4_frames(tmp_path / "training.mp4")
    assert "2 fps" in facts
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), [0, 125, 250, 250, 250, 250], atol=4)
    assert "3 sheets in" in capsys.readouterr().out
