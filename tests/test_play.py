"""The page of a real run: the pictures are those of `generate.py`, whatever way they are asked for."""

import base64
import io
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image
from tiny_runs import set_training_images, write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.errors import InputError
from sle_gan.export.directions import Move


@pytest.fixture(scope="module")
def run(tmp_path_factory, photographs):
    path = tmp_path_factory.mktemp("runs") / "styled"
    run, _ = write_run(path, model="stylegan2", class_names=("day", "night"))
    set_training_images(run, photographs)
    return run


@pytest.fixture(scope="module")
def opened(run):
    return OpenedRun(run)


@pytest.fixture(scope="module")
def page(opened):
    with opened.play() as page:
        yield page


WALK = [
    {"between": [{"seed": a}, {"seed": b}], "share": share}
    for a, b in ((0, 7), (7, 3))
    for share in (0, 0.25, 0.5, 0.75)
]


def answer(page, path, **asked):
    body = json.dumps({"step": 8} | asked).encode()
    request = urllib.request.Request(page.address + path, body, {"Content-Type": "application/json"})
    return urllib.request.urlopen(request).read()


def drawn(page, *points, **how):
    """The pictures, and what was told of each."""
    told = json.loads(answer(page, "pictures", points=points, **how))["pictures"]
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one["png"])))) for one in told]
    return np.stack(pictures), told


def seeds(*numbers, **more):
    return [{"seed": number} | more for number in numbers]


def test_seeds_and_the_walk_between_pins_are_those_of_generate_and_the_film_is_the_same_file(page, opened, tmp_path):
    chosen = seeds(0, 1, 2, 41)
    np.testing.assert_array_equal(drawn(page, *chosen)[0], opened.draw([0, 1, 2, 41]))
    np.testing.assert_array_equal(drawn(page, *WALK)[0], list(opened.film([0, 7, 3], frames=4))[:8])
    pictures, told = drawn(page, WALK[1])
    np.testing.assert_array_equal(drawn(page, {"code": told[0]["code"]})[0], pictures)
    content = answer(page, "film", pins=seeds(0, 7, 3), format="webp", seconds=0.4, fps=10)
    expected = opened.film([0, 7, 3], frames=4, fps=10).save(tmp_path / "walk.webp")
    assert content == expected.read_bytes()


@pytest.mark.slow
def test_seeds_and_walks_of_each_checkpoint_class_and_truncation_are_those_of_generate(page, opened):
    for how in ({"step": 4}, {"truncation": 0.5}):
        np.testing.assert_array_equal(drawn(page, *seeds(0, 41), **how)[0], opened.draw([0, 41], **how))
        np.testing.assert_array_equal(drawn(page, *WALK, **how)[0], list(opened.film([0, 7, 3], frames=4, **how))[:8])
    of_class = drawn(page, *seeds(0, 1, label=1))[0]
    np.testing.assert_array_equal(of_class, opened.draw([0, 1], class_name="night"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        {"seed": 7, "label": 1},
        {"seed": 2, "moves": [0, 1.5]},
        {"seed": 2, "mix": {"seed": 5, "from": 16}},
        {"seed": 2, "moves": [1, 1.5], "mix": {"seed": 5, "from": 16}},
        {"near": {"seed": 3}, "number": 1, "angle": 0.4},
        {"between": [{"seed": 3}, {"seed": 4}], "share": 0.4},
    ],
)
@pytest.mark.parametrize("how", [{}, {"truncation": 0.7}])
def test_a_saved_picture_is_drawn_again_from_its_own_text(page, opened, tmp_path, point, how):
    pictures, told = drawn(page, point, **how)
    path = tmp_path / "saved.png"
    path.write_bytes(base64.b64decode(told[0]["png"]))
    again = opened.redraw(path).draw()
    assert np.abs(again.astype(int) - pictures[0]).max() <= 1


@pytest.mark.slow
def test_moves_and_mixed_styles_are_those_of_generate_and_can_be_walked_between(page, opened):
    moved = [{"seed": 2, "moves": [0, 0, 0, amount]} for amount in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    for how in ({}, {"truncation": 0.7}):
        expected = np.stack(list(opened.moved([2], Move(direction=3, amounts=(-2, 2), count=5), **how)))
        assert np.abs(expected.astype(int) - drawn(page, *moved, **how)[0]).max() <= 1
    mixed = [{"seed": a, "mix": {"seed": b, "from": 16}} for a in (0, 1) for b in (5, 6)]
    expected = opened.draw_mixed([0, 1], [5, 6], 16).reshape(4, 64, 64, 3)
    assert np.abs(expected.astype(int) - drawn(page, *mixed)[0]).max() <= 1
    ends = [mixed[0], moved[4]]
    walk = [{"between": ends, "share": share} for share in (0, 0.5, 1)]
    pictures, told = drawn(page, *walk)
    np.testing.assert_array_equal(pictures[[0, 2]], drawn(page, *ends)[0])
    np.testing.assert_array_equal(drawn(page, {"styles": told[1]["styles"]})[0][0], pictures[1])


def test_neighbors_are_near_and_stay_what_they_are(page):
    near = [{"near": {"seed": 3}, "number": 5, "angle": angle} for angle in (0.0, 0.1, 1.0)]
    pictures, told = drawn(page, *near, {"seed": 3})
    np.testing.assert_array_equal(pictures[0], pictures[3])
    close, far = (np.abs(picture.astype(int) - pictures[3]).mean() for picture in pictures[1:3])
    assert 0 < close < far
    codes = [np.frombuffer(base64.b64decode(one["code"]), "<f4") for one in told[:3]]
    noise = (codes[2][:512] - np.cos(1.0) * codes[0][:512]) / np.sin(1.0)
    assert abs(noise.mean()) < 0.2
    assert abs(noise.std() - 1) < 0.1
    np.testing.assert_array_equal(codes[2][512:], [0, 1])  # the class stays
    np.testing.assert_array_equal(drawn(page, {"code": told[2]["code"]})[0][0], pictures[2])


def test_the_nearest_training_image_is_found_and_shown(page, photographs):
    copies = json.loads(answer(page, "copies", points=seeds(0, 1)))["copies"]
    assert [copy["is_copy"] for copy in copies] == [False, False]
    assert all(copy["ratio"] > 0.7 and 0 <= copy["image"] < 6 for copy in copies)
    content = urllib.request.urlopen(f"{page.address}training/2.png").read()
    image = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    with Image.open(sorted(photographs.iterdir())[2]) as original:
        assert np.abs(image - np.asarray(original.resize((64, 64))).astype(int)).mean() < 20
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{page.address}training/6.png")


def test_a_checkpoint_that_is_damaged_is_told_and_the_others_are_still_drawn(page, opened, run):
    path = run.checkpoints / "ckpt-6.index"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(urllib.error.HTTPError) as raised:
        answer(page, "pictures", step=6, points=seeds(0))
    assert "ckpt-6 is damaged" in json.loads(raised.value.read())["error"]
    path.unlink()
    np.testing.assert_array_equal(drawn(page, *seeds(5))[0], opened.draw([5]))


def test_a_run_without_a_checkpoint_is_refused_before_anything_is_loaded(tmp_path):
    run, _ = write_run(tmp_path / "untrained", steps=())
    with pytest.raises(InputError, match="has no checkpoint yet"):
        OpenedRun(run).play()
