"""Runs of pictures that are not square, from the training to what is drawn; `test_shapes.py` has the parts."""

import json
import subprocess

import numpy as np
import pytest
from PIL import Image
from processes import final_state, script
from tiny_runs import set_training_images, write_run

from sle_gan.assembly.opened_run import open_run
from sle_gan.cli.generate import main
from sle_gan.data.pictures import picture_of
from sle_gan.errors import InputError
from sle_gan.export.aspect import stretched, stretched_shape
from sle_gan.export.formats.exporting import Source, export_as
from sle_gan.export.trained import TrainedGenerator
from sle_gan.picture_shape import PictureShape
from sle_gan.run import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "wide", resolution="96x64", steps=(8,))[0]


@pytest.fixture(scope="module")
def photographs_of_two_ratios(tmp_path_factory):
    """Two images of 2:1, two of 3:2 and four of 8:5, which is the median."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number, size in enumerate([(120, 60)] * 2 + [(90, 60)] * 2 + [(128, 80)] * 4):
        coarse = Image.fromarray(rng.integers(0, 256, size=(4, 6, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def sides(path):
    with Image.open(path) as image:
        return image.size


def test_what_is_drawn_of_a_run_has_its_shape(run, tmp_path):
    words = [str(run.path), "--output"]
    assert main(["samples", *words, str(tmp_path / "sheet.png"), "--seeds", "0-3", "--grid"]) == 0
    assert sides(tmp_path / "sheet.png") == (2 * 96 + 2, 2 * 64 + 2)
    assert main(["samples", *words, str(tmp_path), "--seeds", "0", "--aspect", "2:1"]) == 0
    assert sides(tmp_path / "seed-000000.png") == (128, 64)
    assert main(["interpolate", *words, str(tmp_path / "walk.webp"), "--seeds", "0,1", "--frames", "2"]) == 0
    assert sides(tmp_path / "walk.webp") == (96, 64)
    drawn = open_run(run.path).draw([0])
    assert drawn.shape == (1, 64, 96, 3)
    with Image.open(tmp_path / "sheet.png") as sheet:
        np.testing.assert_array_equal(np.asarray(sheet)[:64, :96], drawn[0])


def test_an_export_tells_the_shape_and_draws_it(run, tmp_path):
    source = Source(TrainedGenerator(run))
    assert source.describe()["resolution"] == "96x64"
    differences = export_as("weights", source, tmp_path).differences
    assert max(part.largest for part in differences.values()) <= 1


def test_a_stretched_run_is_drawn_with_the_ratio_of_its_images(tmp_path, photographs_of_two_ratios, capsys):
    run, _ = write_run(tmp_path / "run", model="sngan", steps=(8,), fit="stretch")
    set_training_images(run, photographs_of_two_ratios)
    words = ["samples", str(run.path), "--seeds", "0-1", "--output", str(tmp_path / "drawn")]
    assert main([*words, "--aspect", "original"]) == 0
    assert sides(tmp_path / "drawn" / "seed-000001.png") == (102, 64)  # 64 * 1.6
    assert main([*words, "--aspect", "1:0"]) == 2
    assert "--aspect must be width and height such as 3:2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [("3:2", (96, 64)), ("2:3", (96, 144)), ("1:1", (96, 96)), ("1.5:1", (96, 64)), ("16:1", (1024, 64))],
)
def test_no_side_shrinks_when_pictures_are_stretched(run, aspect, shape):
    assert stretched_shape(aspect, run) == shape


@pytest.mark.parametrize("aspect", ["", "3", "3x2", "3:", "0:2", "2:0", "17:1", "1:17", "-3:2", "nan:1", "original:1"])
def test_what_is_no_ratio_is_refused(run, aspect):
    with pytest.raises(InputError, match=r"--aspect must be width and height such as 3:2, from 1:16 to 16:1, or orig"):
        stretched_shape(aspect, run)


def test_the_original_ratio_needs_images_that_were_stretched_and_a_whole_manifest(run, tmp_path):
    with pytest.raises(InputError, match=r"undoes --fit stretch; .* was trained with --fit crop; give a ratio"):
        stretched_shape("original", run)
    of_stretched, _ = write_run(tmp_path / "run", model="sngan", steps=(), fit="stretch")
    image = {"path": "a.png", "sha256": "0" * 64}
    for images in ([], [image], [image | {"width_px": "3", "height_px": 2}], [image | {"width_px": 3, "height_px": 0}]):
        of_stretched.manifest_file.write_text(json.dumps({"schema": 1, "images": images}))
        with pytest.raises(InputError, match="does not tell the sizes of the images; give --aspect a ratio"):
            stretched_shape("original", of_stretched)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_is_stretched_as_pillow_does_it(channels):
    picture = np.random.default_rng(0).integers(0, 256, size=(8, 8, channels), dtype=np.uint8)
    (result,) = stretched([picture], PictureShape(12, 8))
    assert result.shape == (8, 12, channels)
    if channels < 4:
        expected = picture_of(picture).resize((12, 8), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(result.squeeze(), np.asarray(expected))
    clear = np.where(np.arange(4) < 3, [255, 0, 0, 0], 0).astype(np.uint8) + np.zeros([4, 4, 4], np.uint8)
    clear[:, 2:] = [0, 0, 255, 255]
    (mixed,) = stretched([clear], PictureShape(8, 4))
    assert (mixed[mixed[..., 3] > 8][:, 0] < 16).all()  # no red of what cannot be seen


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saved-model", "onnx", "lite"])
def test_every_format_draws_the_shape(run, tmp_path, name):
    differences = export_as(name, Source(TrainedGenerator(run)), tmp_path).differences
    assert max(part.largest for part in differences.values() if not part.rounded) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "discriminator", "resolution", "more"),
    [
        ("fastgan", "fastgan", "96x64", ("--augment", "ada", "--held-out", "0.3")),
        ("fastgan", "both", "64x80", ("--feature-side", "64")),
        ("stylegan2", "stylegan2", "40x32", ("--path-length-weight", "2")),
        ("stylegan2", "projected-color", "32x48", ("--feature-side", "64")),
    ],
)
def test_a_training_of_any_shape_resumes_bit_for_bit_and_is_scored(
    tmp_path, photographs_of_two_ratios, model, discriminator, resolution, more
):
    def words(name, steps):
        kinds = ["--model", model, "--discriminator", discriminator, "--resolution", resolution, *more]
        frequencies = ["--checkpoint-frequency", "2", "--log-frequency", "1", "--sample-frequency", "2"]
        sizes = ["--width", "8", "--batch-size", "2", "--steps", str(steps), "--rates", "paper"]
        places = ["--data-folder", str(photographs_of_two_ratios), "--output-folder", str(tmp_path), "--name", name]
        return [*places, *kinds, *sizes, *frequencies]

    # In processes of their own: the names in a graph, which order its sums, depend on what was built before it.
    for name, steps in (("whole", 4), ("parts", 2), ("parts", 4)):
        subprocess.run(script(*words(name, steps)), stdout=subprocess.DEVNULL, check=True)
    states = [final_state(RunFolder(tmp_path / name)) for name in ("whole", "parts")]
    assert states[0][0].keys() == states[1][0].keys()
    for name, value in states[0][0].items():
        np.testing.assert_array_equal(value, states[1][0][name], err_msg=name)
    run = open_run(tmp_path / "whole")
    row = run.evaluate(("kid", "swd", "diversity"), number_of_images=6)
    assert row["resolution"] == resolution
    assert all(np.isfinite(score["value"]) for score in row["scores"].values())
    assert f"{resolution} px" in run.report().read_text(encoding="utf-8")
