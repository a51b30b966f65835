import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from sle_gan.assembly.advice import accepts_for
from sle_gan.assembly.resolve import resolve
from sle_gan.cli.main import main
from sle_gan.data.doctor import describe_diagnosis, diagnose
from sle_gan.data.folder import scan
from sle_gan.errors import InputError


def draw(path, seed, width=80, height=72, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, size=(6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    image.save(path, **options)
    return image


def diagnosed(folder, **given):
    """Returns what is said of a folder for a training as it is given."""
    given = {"data_folder": str(folder), "resolution": 64, **given}
    found = scan(folder)
    return diagnose(found, resolve(given).images, accepts_for(given, found))


@pytest.fixture
def mixed(tmp_path):
    """Images of every kind: broken, copied, mirrored, small, wide, grey, transparent, in sub-folders."""
    for seed in range(8):
        draw(tmp_path / "roses" / f"{seed}.png", seed)
    (tmp_path / "roses" / "copy.png").write_bytes((tmp_path / "roses" / "3.png").read_bytes())
    draw(tmp_path / "roses" / "grey.png", 20, mode="L")
    transparent = draw(tmp_path / "tulips" / "transparent.png", 21, mode="RGBA")
    assert transparent.mode == "RGBA"
    mirrored = draw(tmp_path / "roses" / "5.png", 5).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(tmp_path / "tulips" / "mirrored.jpg", quality=80)
    draw(tmp_path / "wide.jpg", 22, 300, 100)
    frames = [draw(tmp_path / "small.gif", 23 + index, 20, 20) for index in range(2)]
    frames[0].save(tmp_path / "small.gif", save_all=True, append_images=frames[1:])
    content = (tmp_path / "roses" / "0.png").read_bytes()
    (tmp_path / "roses" / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "page.jpg").write_text("<html></html>")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_folder_of_every_kind_is_diagnosed(mixed):
    diagnosis = diagnosed(mixed)
    assert diagnosis.usable == 14
    assert [path for path, _ in diagnosis.broken] == ["page.jpg", "roses/cut.png"]
    assert diagnosis.ignored == 1
    assert diagnosis.exact_duplicates == (("roses/3.png", "roses/copy.png"),)
    assert diagnosis.near_duplicates == (("roses/5.png", "tulips/mirrored.jpg"),)
    assert diagnosis.shorter_side_px == (20, 72, 100)
    assert diagnosis.aspect == (1, pytest.approx(80 / 72), 3)
    assert diagnosis.modes == {"L": 1, "P": 1, "RGB": 11, "RGBA": 1}
    assert diagnosis.formats == {"GIF": 1, "JPEG": 2, "PNG": 11}
    assert diagnosis.classes == {".": 2, "roses": 10, "tulips": 2}
    assert (diagnosis.smaller, diagnosis.animated) == (1, 1)
    assert diagnosis.advice == (
        "fewer than 20 images: the samples will be near copies of them",
        "1 of the images are equal to another one: remove them, or they count more than once",
        "1 of the images look like another one: --pairs FILE.png shows them beside each other; look first",
        "some images are transparent: --background COLOR colors what is below",
        "some images are transparent: --channels 4 learns the transparency",
        "the largest sub-folder has 5 times the images of the smallest",
    )


def test_what_was_found_is_told_in_lines(mixed):
    lines = describe_diagnosis(diagnosed(mixed))
    assert lines[:2] == ["usable: 14", "broken: 2"]
    assert lines[2].startswith("  page.jpg (not a JPEG")
    assert lines[4:9] == [
        "other files: 1",
        "copies of equal bytes: 1",
        "  roses/3.png = roses/copy.png",
        "look alike: 1",
        "  roses/5.png ~ tulips/mirrored.jpg",
    ]
    assert "shorter side: 20 to 100 px, median 72 px" in lines
    assert "width / height: 1.00 to 3.00, median 1.11" in lines
    assert "sub-folders: . 2, roses 10, tulips 2" in lines


@pytest.mark.parametrize(
    ("size", "mode", "resolution", "advice"),
    [
        ((80, 80), "RGB", 64, []),
        ((150, 140), "RGB", 512, ["--resolution 128 fits them"]),
        ((40, 40), "RGB", 64, []),  # no network is smaller
        ((160, 80), "RGB", 64, ["--resolution 128x64 shows 100%", "--fit pad keeps"]),
        ((80, 160), "RGB", 64, ["--resolution 64x128 shows 100%", "--fit pad keeps"]),
        ((80, 80), "L", 64, ["--channels 1 learns"]),
    ],
)
def test_advice_fits_the_images(tmp_path, size, mode, resolution, advice):
    for seed in range(25):
        draw(tmp_path / f"{seed}.png", seed, *size, mode=mode)
    number, *others = diagnosed(tmp_path, resolution=resolution).advice
    assert number.startswith("fewer than 100 images: keep --diff-augment")
    assert len(others) == len(advice)
    assert all(part in line for part, line in zip(advice, others, strict=True))


def draw_cut_out(path, seed, size, background, extent):
    """An ellipse on a plain background, as wide and as high as the given shares of the image."""
    image = Image.new("RGB", size, background)
    width, height = (side * share / 2 for side, share in zip(size, extent, strict=True))
    center_x, center_y = size[0] / 2, size[1] / 2
    box = (center_x - width, center_y - height, center_x + width, center_y + height)
    ImageDraw.Draw(image).ellipse(box, fill=(150, 20 + 8 * seed, 90))
    image.save(path)


@pytest.mark.parametrize(
    ("sizes", "background", "extent", "advice"),
    [
        ([(44, 100), (100, 40)], (255, 255, 255), (0.95, 0.95), "--fit pad keeps them"),  # median aspect near 1
        ([(100, 130)], (255, 255, 255), (0.6, 0.98), "--fit pad keeps them"),  # heads, less than a third too high
        ([(100, 130)], (16, 32, 48), (0.6, 0.98), "--fit pad --background '#102030' keeps them"),
        ([(100, 60)], (255, 255, 255), (0.3, 0.6), None),  # nothing but background is cut off
        ([(100, 100)], (255, 255, 255), (0.98, 0.98), None),
        ([(100, 100)] * 4 + [(40, 100)], (255, 255, 255), (0.95, 0.95), None),  # too few of them
    ],
)
def test_what_lies_at_the_borders_decides_which_fit_is_advised(tmp_path, sizes, background, extent, advice):
    for seed in range(20):
        draw_cut_out(tmp_path / f"{seed}.png", seed, sizes[seed % len(sizes)], background, extent)
    lines = [line for line in diagnosed(tmp_path).advice if "crop" in line]
    assert len(lines) == (advice is not None)
    assert all(advice in line for line in lines)
    assert not any("crop" in line for line in diagnosed(tmp_path, fit="pad").advice)


def test_images_that_look_alike_are_shown_as_pairs_and_not_called_copies(tmp_path, mixed, capsys):
    sheet = tmp_path / "pairs.png"
    assert main(["doctor", str(mixed), "--no-estimate", "--pairs", str(sheet)]) == 0
    assert f"1 pair to look at in {sheet}" in capsys.readouterr().out
    with Image.open(sheet) as image:
        first, second = np.asarray(image)[:, :192], np.asarray(image)[:, 194:]
    assert np.abs(first[:, ::-1].astype(int) - second).mean() < 4  # one is the mirror image of the other
    assert main(["doctor", str(mixed), "--no-estimate"]) == 0  # the sheet lies in the folder, and is no image of it
    assert "usable: 14" in capsys.readouterr().out
    for path in (mixed / "tulips").iterdir():
        path.unlink()
    assert main(["doctor", str(mixed), "--no-estimate", "--pairs", str(tmp_path / "none.png")]) == 0
    assert "no pairs to look at" in capsys.readouterr().out
    assert not (tmp_path / "none.png").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", str(mixed), "--pairs", "pairs.txt"])
    assert "must end in .png, .jpg, .webp" in capsys.readouterr().err


def test_a_folder_of_which_nothing_can_be_decoded_is_told(tmp_path, capsys):
    for seed in range(3):
        draw(tmp_path / f"{seed}.png", seed)
        content = (tmp_path / f"{seed}.png").read_bytes()
        (tmp_path / f"{seed}.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"none of the 3 images can be decoded; the first: 0\.png: cannot be decoded"):
        diagnosed(tmp_path)
    assert main(["doctor", str(tmp_path), "--no-estimate"]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["doctor", str(tmp_path / "empty"), "--no-estimate"]) == 2
    assert capsys.readouterr().err.count("error: ") == 2


def test_a_resolution_that_no_network_has_is_told(mixed, capsys):
    assert main(["doctor", str(mixed), "--resolution", "100"]) == 2
    assert "--resolution must be one of" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold UTF-8 names alone")
def test_names_of_other_bytes_than_utf_8_are_told_and_written(tmp_path, capsys):
    for seed in range(2):
        draw(tmp_path / os.fsdecode(b"caf\xe9") / f"{seed}.png", 0)
    assert main(["doctor", str(tmp_path), "--no-estimate", "--json", str(tmp_path / "found.json")]) == 0
    assert "caf\ufffd/0.png = caf\ufffd/1.png" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["classes"] == {os.fsdecode(b"caf\xe9"): 2}


def test_estimates_and_a_measured_time_go_to_the_terminal_and_the_file(mixed, tmp_path, capsys):
    file = tmp_path / "found.json"
    small = "--model sngan --resolution 32 --width 8 --batch-size 4 --time"
    words = ["doctor", str(mixed), *small.split()]
    assert main([*words, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert "GiB for a step, 0.00 GiB for the decoded images, in memory" in out
    found = json.loads(file.read_text())
    assert found["usable"] == 14
    assert found["near_duplicates"] == [["roses/5.png", "tulips/mirrored.jpg"]]
    assert found["estimate"]["images_bytes"] == 14 * 32 * 32 * 3
    assert not found["estimate"]["images_in_file"]
    assert 0 < found["seconds_per_step"] < 60
    assert f"a step takes {found['seconds_per_step']:.3g} s here" in out


@pytest.mark.slow
def test_what_a_training_of_so_many_hours_would_be_is_told_and_written(mixed, tmp_path, capsys):
    file = tmp_path / "found.json"
    words = ["doctor", str(mixed), "--resolution", "64", "--width", "8", "--batch-size", "4", "--hours", "5m"]
    assert main([*words, "--json", str(file)]) == 0
    found, out = json.loads(file.read_text()), capsys.readouterr().out
    assert f"length: {found['steps']:,} steps in 5 min: a step takes " in out
    assert f"fitting {found['steps']:,} steps at width 8 (--rates paper: 2e-4)" in out
    assert found["steps"] > 0
    assert found["rates"] == "auto"


def test_the_estimate_of_a_checkpoint_is_the_size_of_one(tmp_path):
    from sle_gan.assembly.building import build_gan, build_networks
    from sle_gan.assembly.resolve import resolve
    from sle_gan.training.memory import checkpoint_bytes

    settings = resolve({"data_folder": ".", "resolution": 64, "width": 8, "reconstruction_loss": "l1"})
    generator, discriminator = build_networks(settings)
    gan = build_gan(settings, generator, discriminator)
    path = tf.train.Checkpoint(**gan.checkpoint_items()).save(str(tmp_path / "ckpt"))
    size = (tmp_path / f"{Path(path).name}.data-00000-of-00001").stat().st_size
    assert checkpoint_bytes(generator, discriminator) == pytest.approx(size, rel=0.02)


def test_without_estimates_tensorflow_is_not_loaded(mixed):
    program = (
        "import sys; from sle_gan.cli.main import main; code = main(sys.argv[1:]); "
        "sys.exit(99 if 'tensorflow' in sys.modules else code)"
    )
    command = [sys.executable, "-c", program, "doctor", str(mixed), "--no-estimate"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    assert "usable: 14" in process.stdout
