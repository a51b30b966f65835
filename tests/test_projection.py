import numpy as np
import pytest
import tensorflow as tf
from film_frames import film_frames
from PIL import Image
from tiny_runs import write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.generate import main
from sle_gan.errors import InputError
from sle_gan.export.search import search_code
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models.io import postprocess_images


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", steps=(8,))[0]


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


class SmoothGenerator:
    """Waves whose slants and colors are the numbers of a code of 6."""

    truncation = None

    def codes(self, seeds):
        return np.stack([np.random.default_rng(seed).normal(size=6) for seed in seeds]).astype(np.float32)

    def images_of(self, codes):
        across, down = tf.meshgrid(tf.linspace(-2.0, 2.0, 32), tf.linspace(-2.0, 2.0, 32))
        slants = codes[:, 0, None, None] * across + codes[:, 1, None, None] * down + codes[:, 2, None, None]
        return tf.tanh(tf.sin(slants)[..., None] + codes[:, None, None, 3:])


def test_the_code_of_a_picture_is_found_again():
    generator = SmoothGenerator()
    (code,) = generator.codes([70])
    (target,) = postprocess_images(generator.images_of(code[None])).numpy()
    found = search_code(generator, target, starts=2, steps=150, seed=1)
    assert found.distance < 0.01
    assert np.abs(found.picture.astype(int) - target).mean() < 1.5
    again = postprocess_images(generator.images_of(found.code[None])).numpy()[0]
    np.testing.assert_array_equal(again, found.picture)


def test_more_steps_and_more_starts_come_closer():
    generator = SmoothGenerator()
    (target,) = postprocess_images(generator.images_of(generator.codes([5]))).numpy()
    seen = []
    few, more = (
        search_code(generator, target, 1, steps, 0, lambda step, picture: seen.append((step, picture.shape)))
        for steps in (2, 40)
    )
    assert more.distance < 0.5 * few.distance
    assert seen == [(step, (32, 32, 3)) for step in (0, 1, *range(40))]


@pytest.mark.parametrize("name", ["fastgan", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_a_search_writes_picture_pair_code_and_film(run, tmp_path, capsys, name):
    if name != "fastgan":
        run, _ = write_run(tmp_path / "run", model=name, steps=(8,))
    (drawn,) = OpenedRun(run).draw([7])
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    words = ["project", str(run.path), str(tmp_path / "drawn.png"), "--starts", "1", "--search-steps", "3"]
    assert main([*words, "--output", str(tmp_path / "found")]) == 0
    assert f"at step 8, in {tmp_path / 'found'}" in capsys.readouterr().out
    pair, picture = pixels(tmp_path / "found" / "pair.png"), pixels(tmp_path / "found" / "picture.png")
    np.testing.assert_array_equal(pair[:, :64], drawn)
    np.testing.assert_array_equal(pair[:, 66:], picture)
    trained = TrainedGenerator(run, truncation=None if name == "fastgan" else 1.0)
    with np.load(tmp_path / "found" / "code.npz", allow_pickle=False) as file:
        code = file["codes" if name == "fastgan" else "styles"]
    (again,) = postprocess_images(trained.images_of(code)).numpy()
    assert np.abs(again.astype(int) - picture).max() <= 2
    assert len(film_frames(tmp_path / "found" / "search.webp")) == 4
    with Image.open(tmp_path / "found" / "picture.png") as written:
        assert written.text["of"] == "drawn.png"


def test_a_grey_run_searches_a_grey_picture(tmp_path):
    run, _ = write_run(tmp_path / "grey", channels=1, steps=(8,))
    Image.new("RGB", (80, 50), (200, 30, 30)).save(tmp_path / "red.jpg")
    projected = OpenedRun(run).project(tmp_path / "red.jpg", starts=1, steps=2).save(tmp_path / "found")
    assert pixels(projected.folder / "pair.png").shape == (64, 130)
    assert projected.distance > 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"starts": 0}, "must be whole numbers from 1"),
        ({"class_name": "roses"}, "--class needs a run that was trained with --conditional"),
        ({"picture": "nowhere.png"}, "there is no picture nowhere.png"),
    ],
)
def test_a_search_that_cannot_be_is_refused(run, tmp_path, given, told):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    picture = given.pop("picture", tmp_path / "a.png")
    with pytest.raises(InputError, match=told):
        OpenedRun(run).project(picture, **given)


def test_a_picture_that_is_none_ends_in_one_line_and_leaves_nothing(run, tmp_path, capsys):
    (tmp_path / "a.png").write_text("no picture")
    words = ["project", str(run.path), str(tmp_path / "a.png"), "--output", str(tmp_path / "found")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "a.png" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "found").exists()
