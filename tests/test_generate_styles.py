"""Drawing with the styles of a network that has them."""

import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.generate import main
from sle_gan.data.pictures import image_sheet
from sle_gan.errors import InputError
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models.generators.stylegan2 import styles as styles_of
from sle_gan.models.io import latent_codes, postprocess_images


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "styled", model="stylegan2", steps=(8,))


@pytest.fixture(scope="module")
def run(written):
    return written[0]


def generate(run, *words):
    return main([words[0], str(run.path), *map(str, words[1:])])


def pictures(folder, pattern="*.png"):
    return np.stack([np.asarray(Image.open(path)).astype(int) for path in sorted(folder.glob(pattern))])


def drawn(trained, seeds=range(3)):
    return np.stack(list(trained.draw_seeds(list(seeds)))).astype(int)


def test_truncation_draws_every_picture_towards_the_average_one(run, tmp_path):
    words = ["samples", "--seeds", "0-2", "--output"]
    for name, more in (("plain", []), ("all", ["--truncation", 1]), ("half", ["--truncation", 0.5])):
        assert generate(run, *words, tmp_path / name, *more) == 0
    assert generate(run, *words, tmp_path / "none", "--truncation", "0") == 0
    plain, everything, half, none = (pictures(tmp_path / name) for name in ("plain", "all", "half", "none"))
    assert np.abs(plain - everything).max() <= 1
    assert np.abs(plain - half).mean() > 1
    np.testing.assert_array_equal(none[0], none[1])  # the average picture, whatever the seed
    distances = [np.abs(some - none).mean() for some in (half, plain)]
    assert 0 < distances[0] < distances[1]
    np.testing.assert_array_equal(OpenedRun(run).draw(range(3), truncation=0.5), half)


def test_truncated_pictures_are_those_of_the_styles_between(written):
    run, generator = written
    parts = styles_of(generator)
    styles = parts.mapping(latent_codes([4], 512))
    between = parts.average + 0.6 * (styles - parts.average)
    expected = postprocess_images(parts.synthesis(np.repeat(between[:, None], 10, axis=1)))
    trained = TrainedGenerator(run, truncation=0.6)
    assert np.abs(drawn(trained, [4]) - expected).max() <= 1
    np.testing.assert_array_equal(drawn(trained, [4]), drawn(trained, [1, 4, 2])[1:2])


def test_mixed_pictures_are_those_of_both_seeds_styles(written, tmp_path):
    run, generator = written
    assert generate(run, "samples", "--seeds", "0-1", "--mix-seeds", "5-7", "--output", tmp_path) == 0
    names = [f"seed-{a:06d}-mix-{b:06d}.png" for a in (0, 1) for b in (5, 6, 7)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    parts = styles_of(generator)
    coarse, fine = (parts.mapping(latent_codes(seeds, 512)).numpy() for seeds in ([0, 1], [5, 6, 7]))
    styles = np.stack([[c] * 3 + [f] * 7 for c in coarse for f in fine])  # the 16 px maps begin with style 3
    expected = postprocess_images(parts.synthesis(styles)).numpy()
    mixed = pictures(tmp_path)
    by_library = OpenedRun(run).draw_mixed(range(2), [5, 6, 7])
    assert (by_library.shape, by_library.dtype) == ((2, 3, 64, 64, 3), np.uint8)
    np.testing.assert_array_equal(by_library.reshape(mixed.shape), mixed)
    assert np.abs(mixed - expected).max() <= 1
    assert np.abs(mixed[0] - mixed[1]).mean() > 1
    assert np.abs(mixed[0] - mixed[3]).mean() > 1


@pytest.mark.slow
def test_the_side_that_mixing_begins_at_moves_from_one_seed_to_the_other(run, tmp_path):
    trained = TrainedGenerator(run, truncation=1.0)
    (coarse,), (fine,) = drawn(trained, [0]), drawn(trained, [5])
    at_side = {side: next(trained.draw_mixed([0], [5], side)).astype(int) for side in (4, 16, 64)}
    assert np.abs(at_side[4] - fine).max() <= 1
    to_coarse = [np.abs(at_side[side] - coarse).mean() for side in (64, 16, 4)]
    assert 0 < to_coarse[0] < to_coarse[1] < to_coarse[2]
    np.testing.assert_array_equal(OpenedRun(run).draw_mixed([0], [5], mix_from=64)[0, 0], at_side[64])
    words = ["samples", "--seeds", "0", "--mix-seeds", "5", "--mix-from", "64", "--grid", "--output", tmp_path]
    assert generate(run, *words) == 0
    np.testing.assert_array_equal(pictures(tmp_path)[0], image_sheet(at_side[64][None].astype(np.uint8)))


def test_a_walk_among_styles_is_straight_and_another_than_among_codes(run, tmp_path):
    words = ["interpolate", "--seeds", "0,1", "--frames", "4", "--output"]
    assert generate(run, *words, tmp_path / "z") == 0
    assert generate(run, *words, tmp_path / "w", "--space", "w") == 0
    among_codes, among_styles = (pictures(tmp_path / name) for name in ("z", "w"))
    assert among_codes.shape == among_styles.shape == (5, 64, 64, 3)
    assert np.abs(among_codes[[0, 4]] - among_styles[[0, 4]]).max() <= 1
    opened = OpenedRun(run)
    np.testing.assert_array_equal(np.stack(list(opened.film([0, 1], 4, space="w"))), among_styles)
    assert np.abs(among_codes[1:4] - among_styles[1:4]).mean() > 0.5
    looped = np.stack(list(opened.film([0, 1, 2], 4, loop=True, space="w")))
    assert len(looped) == 12
    np.testing.assert_array_equal(looped[:5], among_styles)


@pytest.mark.parametrize(
    "words",
    [
        ["samples", "--seeds", "0", "--truncation", "0.5"],
        ["samples", "--seeds", "0", "--mix-seeds", "1"],
        ["interpolate", "--seeds", "0,1", "--space", "w", "--output", "walk.gif"],
    ],
)
def test_a_network_without_styles_is_told(tmp_path_factory, capsys, words):
    run, _ = write_run(tmp_path_factory.mktemp("runs") / "plain", steps=(8,))
    assert generate(run, *words) == 2
    told = capsys.readouterr().err
    assert told.startswith(
        "error: --truncation, --mix-seeds, --space w and styles in --latents need a network with styles, such as"
    )
    with pytest.raises(InputError, match="is a run of fastgan, which has no styles; stylegan2 has"):
        TrainedGenerator(run, truncation=1.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--truncation", "3"], "must be a number from 0 to 2; got '3'"),
        (["--truncation", "x"], "must be a number from 0 to 2; got 'x'"),
        (["--mix-seeds", "1", "--mix-from", "12"], "must be a power of two from 4 to 1024; got '12'"),
    ],
)
def test_what_cannot_be_drawn_is_told(run, capsys, words, told):
    with pytest.raises(SystemExit) as stop:
        generate(run, "samples", "--seeds", "0", *words)
    assert stop.value.code == 2
    assert told in capsys.readouterr().err


def test_a_side_beyond_the_pictures_is_told(run, capsys):
    assert generate(run, "samples", "--seeds", "0", "--mix-seeds", "1", "--mix-from", "128") == 2
    assert capsys.readouterr().err == "error: --mix-from must be 64 at most, the side of the pictures; got 128\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"mix_from": 128}, "--mix-from must be 64 at most, the side of the pictures; got 128"),
        ({"mix_from": 12}, "--mix-from must be a power of two from 4 to 1024; got 12"),
        ({"truncation": -0.5}, "--truncation must be a number from 0 to 2; got -0.5"),
    ],
)
def test_the_library_tells_what_cannot_be_mixed(run, arguments, told):
    with pytest.raises(InputError, match=told):
        OpenedRun(run).draw_mixed([0], [1], **arguments)
