import numpy as np
import pytest
from film_frames import film_frames
from PIL import Image
from tiny_runs import write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.generate import main
from sle_gan.data.pictures import image_sheet
from sle_gan.export.directions import Move, find_directions
from sle_gan.export.trained import TrainedGenerator


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "plain", steps=(8,))[0]


@pytest.fixture(scope="module")
def trained(run):
    return TrainedGenerator(run)


@pytest.fixture(scope="module")
def styled_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "styled", model="stylegan2", steps=(8,))[0]


@pytest.fixture(scope="module")
def styled(styled_run):
    return TrainedGenerator(styled_run, truncation=1.0)


def directions(run, *words):
    return main(["directions", str(run.path), *map(str, words)])


def test_the_directions_of_a_generator_are_the_singular_vectors_of_its_first_kernel(trained):
    kernel = trained.generator.get_layer("start").kernel.numpy()  # [4, 4, out, in]
    _, strengths, expected = np.linalg.svd(kernel.reshape(-1, 256).astype(np.float64), full_matrices=False)
    found = find_directions(trained, "sefa", 3)
    np.testing.assert_allclose(np.abs((found.vectors * expected[:3]).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(found.shares, (strengths**2 / (strengths**2).sum())[:3], rtol=1e-4)
    assert (found.vectors[np.arange(3), np.abs(found.vectors).argmax(axis=1)] > 0).all()


def test_the_directions_of_styles_are_those_of_all_their_layers(styled):
    layers = [layer for layer in styled._parts.synthesis.layers if layer.name.endswith("_style")]
    kernels = np.concatenate([layer.kernel.numpy() for layer in layers], axis=1).astype(np.float64)  # equal fan-in
    _, _, expected = np.linalg.svd(kernels.T, full_matrices=False)
    found = find_directions(styled, "sefa", 2).vectors
    units = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs((units * expected[:2]).sum(axis=1)), 1, atol=1e-4)
    spread = (styled.styles(range(500)) @ units.T).std(axis=0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), spread, rtol=0.1)  # of 2,000 seeds there


def test_principal_components_of_styles_have_the_most_variance(styled):
    found = find_directions(styled, "pca", 3)
    styles = styled.styles(range(2000))
    components = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-4)
    variances = (styles @ components.T).var(axis=0)
    np.testing.assert_allclose(found.shares, variances / styles.var(axis=0).sum(), rtol=1e-3)
    assert variances[0] > variances[1] > variances[2]


def test_a_move_of_nothing_is_the_picture_and_others_are_those_of_the_moved_code(run, trained):
    (own,) = trained.draw_seeds([5])
    vector = find_directions(trained, "sefa", 1).vectors
    same, moved = trained.draw_moved([5], np.concatenate([0 * vector, 3 * vector]))
    np.testing.assert_array_equal(same, own)
    code = trained._inputs([5]).numpy()
    expected = trained._draw(np.repeat(code + 3 * vector, 8, axis=0)).numpy()[0]
    np.testing.assert_array_equal(moved, expected)
    assert np.abs(moved.astype(int) - own).mean() > 1


def test_a_sheet_has_a_row_for_each_direction_with_the_seed_in_the_middle(run, trained, tmp_path, capsys):
    assert directions(run, "--seeds", "5,6", "--columns", "3", "--output", tmp_path / "deep" / "sheet.png") == 0
    with Image.open(tmp_path / "deep" / "sheet.png") as picture:
        sheet = np.asarray(picture)
        assert picture.text == {
            "Software": "SLE-GAN",
            "run": run.name,
            "step": "8",
            "seeds": "5",
            "method": "sefa",
            "direction": "the first 8",
            "amount": "-3:3",
            "columns": "3",
        }
    assert sheet.shape == (8 * 66 - 2, 3 * 66 - 2, 3)
    (own,) = trained.draw_seeds([5])
    for row in range(8):
        np.testing.assert_array_equal(sheet[row * 66 :, 66:][:64, :64], own)
    assert "directions at step 8 in" in capsys.readouterr().out


def test_all_seeds_are_moved_along_one_direction(run, trained, tmp_path):
    words = ["--seeds", "5,6", "--direction", "2", "--amount", "0:4", "--columns", "2"]
    assert directions(run, *words, "--output", tmp_path / "sheet.png") == 0
    vector = find_directions(trained, "sefa", 3).vectors[2:]
    expected = image_sheet(np.stack(list(trained.draw_moved([5, 6], np.concatenate([0 * vector, 4 * vector])))), 2)
    with Image.open(tmp_path / "sheet.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_a_film_goes_there_and_back(run, tmp_path):
    words = ["--seeds", "5,6", "--direction", "0", "--amount", "-2:2", "--frames", "4"]
    assert directions(run, *words, "--output", tmp_path / "film.png") == 0
    frames = film_frames(tmp_path / "film.png")
    assert frames.shape == (6, 64, 130, 3)
    np.testing.assert_array_equal(frames[4:], frames[2:0:-1])
    film = OpenedRun(run).moved_film([5, 6], Move(direction=0, amounts=(-2, 2), count=4))
    np.testing.assert_array_equal(np.stack(list(film)), frames)


def test_a_film_as_mp4_loses_as_much_as_it_is_told_to(run, tmp_path):
    words = ["--direction", "0", "--frames", "4"]
    for crf in (5, 45):
        assert directions(run, *words, "--crf", crf, "--output", tmp_path / f"{crf}.mp4") == 0
    assert (tmp_path / "5.mp4").stat().st_size > 1.5 * (tmp_path / "45.mp4").stat().st_size


def test_styles_are_moved_where_there_are_any(styled_run, styled, tmp_path):
    words = ["--seeds", "1", "--method", "pca", "--direction", "0", "--amount", "0:3", "--columns", "2"]
    assert directions(styled_run, *words, "--output", tmp_path / "sheet.png") == 0
    with Image.open(tmp_path / "sheet.png") as picture:
        sheet = np.asarray(picture).astype(int)
    (own,) = styled.draw_seeds([1])
    assert np.abs(sheet[:, :64] - own).max() <= 1
    assert np.abs(sheet[:, 66:] - own).mean() > 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "pca"], "--method pca needs a network with styles"),
        (["--amount=-3:30"], "--amount must be from -20 to 20; got -3:30"),
        (["--amount=nan:1"], "--amount must be from -20 to 20"),
        (["--frames", "4"], "a film needs --direction, such as 0"),
        (["--direction", "256"], "--direction must be from 0 to 255; got 256"),
    ],
)
def test_what_cannot_be_moved_ends_in_one_line(run, tmp_path, capsys, words, told):
    assert directions(run, *words, "--output", tmp_path / "sheet.png") == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_sheet_is_a_picture(run, capsys):
    assert directions(run, "--output", "sheet.bmp") == 2
    assert "must end in .png, .jpg, .webp, .tif" in capsys.readouterr().err
