import colorsys
import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.flowers import (
    BACKGROUNDS,
    PETAL_COLORS,
    SPECIES,
    draw_flower,
    sample_factors,
    write_flowers,
)
from sle_gan.data.flowers.__main__ import main
from sle_gan.errors import InputError, StorageError


def _pixels(image):
    return np.asarray(image, np.float64)


def _first_of(species):
    return next(factors for index in range(200) if (factors := sample_factors(0, index)).species == species)


def _petal_pixels(factors, size):
    """Returns the pixels `[n, 3]`, 0 to 1, on a circle through the middle of the petals."""
    angles = np.radians(np.arange(0, 360, 3))
    radius = 0.62 * factors.scale / 2
    columns = ((factors.x + radius * np.cos(angles)) * size).astype(int)
    rows = ((factors.y + radius * np.sin(angles)) * size).astype(int)
    return _pixels(draw_flower(factors, size))[rows, columns] / 255


def test_factors_are_a_pure_function_of_seed_and_index():
    forward = [sample_factors(5, index) for index in range(8)]
    backward = [sample_factors(5, index) for index in reversed(range(8))]

    assert forward == backward[::-1]
    assert len(set(forward)) == 8
    assert not set(forward) & {sample_factors(6, index) for index in range(8)}


def test_two_hundred_flowers_cover_the_species_the_colors_and_the_backgrounds():
    factors = [sample_factors(0, index) for index in range(200)]

    counts = {name: sum(entry.species == name for entry in factors) for name in SPECIES}
    assert min(counts.values()) >= 10  # of 25 expected
    assert {entry.petal_color for entry in factors} == set(PETAL_COLORS)
    assert {entry.background for entry in factors} == set(BACKGROUNDS)


def test_factors_stay_near_the_named_color_and_in_the_species_range():
    for index in range(200):
        factors = sample_factors(0, index)
        fewest, most = SPECIES[factors.species].petal_counts
        distance = np.abs(np.subtract(factors.petal_rgb, PETAL_COLORS[factors.petal_color])).max()
        assert fewest <= factors.petal_count <= most
        assert factors.petal_color in SPECIES[factors.species].petal_colors
        assert distance < 0.13
        assert 0.78 <= factors.scale <= 0.92


@pytest.mark.parametrize("species", SPECIES)
def test_a_small_flower_is_the_large_one_scaled_down(species):
    factors = _first_of(species)

    small = _pixels(draw_flower(factors, 64))
    large = _pixels(draw_flower(factors, 256).resize((64, 64), Image.Resampling.LANCZOS))

    assert np.abs(small - large).mean() < 1.0  # of 255
    assert small.std() > 25


@pytest.mark.parametrize("color", [name for name in PETAL_COLORS if name not in ("white", "cream")])
def test_petals_have_the_hue_of_their_factor(color):
    factors = replace(
        _first_of("dahlia"),
        petal_color=color,
        petal_rgb=PETAL_COLORS[color],
        tilt_degrees=0.0,
        background="sky",
    )

    hues = [colorsys.rgb_to_hsv(*pixel)[0] for pixel in _petal_pixels(factors, 96)]

    turn = np.angle(np.mean(np.exp(2j * np.pi * np.array(hues)))) / (2 * np.pi)
    off = (turn - colorsys.rgb_to_hsv(*PETAL_COLORS[color])[0] + 0.5) % 1 - 0.5
    assert abs(off) < 0.04  # of a turn: 14 degrees


def test_white_petals_are_bright_and_gray():
    factors = replace(_first_of("cosmos"), petal_rgb=PETAL_COLORS["white"], tilt_degrees=0.0)

    pixels = _petal_pixels(factors, 96)

    assert np.median(pixels.mean(1)) > 0.8
    assert np.median(np.ptp(pixels, axis=1)) < 0.08


def test_a_larger_scale_covers_more_of_the_picture():
    factors = replace(_first_of("anemone"), petal_rgb=(0.86, 0.09, 0.13), background="forest")

    def red_fraction(scale):
        pixels = _pixels(draw_flower(replace(factors, scale=scale), 64))
        return np.mean(pixels[..., 0] > 1.6 * pixels[..., 1])

    assert red_fraction(0.9) / red_fraction(0.6) == pytest.approx(2.25, abs=0.35)  # (0.9 / 0.6) ** 2


def test_a_tilt_shortens_the_flower_along_its_direction():
    upright = replace(_first_of("dahlia"), petal_rgb=(0.86, 0.09, 0.13), background="forest", tilt_degrees=0.0)

    def extent(factors, axis):
        pixels = _pixels(draw_flower(factors, 128))
        red = (pixels[..., 0] > 1.6 * pixels[..., 1]) & (pixels[..., 0] > 80)
        return np.count_nonzero(red.any(axis))

    leaning = replace(upright, tilt_degrees=40.0, tilt_direction_degrees=0.0)
    assert extent(leaning, 0) / extent(upright, 0) == pytest.approx(np.cos(np.radians(40)), abs=0.05)
    assert extent(leaning, 1) / extent(upright, 1) == pytest.approx(1.0, abs=0.03)


def test_two_drawings_of_a_data_set_have_equal_bytes(tmp_path):
    for folder in ("first", "second"):
        write_flowers(tmp_path / folder, count=4, size=32, seed=7)
    write_flowers(tmp_path / "other", count=4, size=32, seed=8)

    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["factors.json", *(f"flower-{index:05d}.png" for index in range(4))]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        assert (tmp_path / "first" / name).read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_factors_json_tells_what_each_file_was_drawn_from(tmp_path):
    write_flowers(tmp_path, count=3, size=24, seed=2)

    entries = json.loads((tmp_path / "factors.json").read_text())

    for index, entry in enumerate(entries):
        factors = sample_factors(2, index)
        assert entry == json.loads(json.dumps({"file": f"flower-{index:05d}.png", **asdict(factors)}))
        with Image.open(tmp_path / entry["file"]) as image:
            assert (image.mode, image.size) == ("RGB", (24, 24))
            assert np.array_equal(_pixels(image), _pixels(draw_flower(factors, 24)))
    assert len(entries) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be 1 to 100000; got 0"),
        ({"count": -3}, "count must be 1 to 100000; got -3"),
        ({"size": 15}, "size must be 16 to 4096 pixels; got 15"),
        ({"size": 4097}, "size must be 16 to 4096 pixels; got 4097"),
        ({"seed": -1}, "seed and index must be 0 or more; got seed -1, index 0"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(InputError) as caught:
        write_flowers(tmp_path / "flowers", **{"count": 2, "size": 32, "seed": 0, **arguments})

    assert str(caught.value) == message
    assert not (tmp_path / "flowers").exists()


def test_drawing_again_is_allowed_but_mixing_with_other_pictures_is_not(tmp_path):
    write_flowers(tmp_path, count=2, size=16, seed=0)
    write_flowers(tmp_path, count=2, size=16, seed=0)

    with pytest.raises(InputError, match=r"holds flower-00001\.png \(1 in all\); choose another folder"):
        write_flowers(tmp_path, count=1, size=16, seed=0)


def test_a_file_in_place_of_the_folder_is_a_storage_error(tmp_path):
    (tmp_path / "flowers").write_text("a file")

    with pytest.raises(StorageError, match="choose another folder or free space"):
        write_flowers(tmp_path / "flowers", count=1, size=16, seed=0)


def test_main_draws_and_tells_a_bad_count_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path), "--count", "1", "--size", "16", "--seed", "3"]) == 0
    assert capsys.readouterr().out == f"drew 1 flowers of 16 px in {tmp_path}\n"

    assert main([str(tmp_path), "--count", "0"]) == 2
    assert capsys.readouterr().err == "error: count must be 1 to 100000; got 0\n"


def test_the_program_runs_without_tensorflow(tmp_path):
    program = (
        "import sys; from sle_gan.data.flowers.__main__ import main; code = main(sys.argv[1:]); "
        "loaded = {'tensorflow', 'tf_keras'} & set(sys.modules); sys.exit(code or len(loaded))"
    )

    subprocess.run([sys.executable, "-c", program, tmp_path, "--count", "2", "--size", "16"], check=True)

    assert (tmp_path / "flower-00001.png").read_bytes().startswith(b"\x89PNG")
