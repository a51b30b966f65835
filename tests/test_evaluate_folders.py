import numpy as np
import pytest
from PIL import Image

from sle_gan.cli.evaluate import main
from sle_gan.data.pictures import write_picture


def waves(folder, count, first_seed, slant, **text):
    """Pictures of slanted waves of random phases and colors."""
    folder.mkdir()
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    for index in range(count):
        random = np.random.default_rng(first_seed + index)
        phases = (x + slant * y)[..., None] / 6 + random.uniform(0, 6, 3)
        image = (127 + 100 * np.sin(phases)).astype(np.uint8)
        write_picture(folder / f"{index}.png", image, text)
    return folder


def scores(capsys, *words):
    assert main([*map(str, words), "--metrics", "kid,swd"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return lines, {
        line.split()[0]: float(line.split()[1].rstrip(",")) for line in lines if line.startswith(("kid", "swd"))
    }


def test_like_pictures_score_lower_than_others(tmp_path, capsys):
    reals = waves(tmp_path / "reals", 24, 0, slant=2)
    like, unlike = waves(tmp_path / "like", 12, 100, slant=2, run="x"), waves(tmp_path / "unlike", 12, 200, slant=-2)
    near_lines, near = scores(capsys, "--real", reals, "--fake", like, "--sheet", tmp_path / "sheet.png")
    assert near_lines[0].startswith(f"scoring 12 pictures of {like} against 24 images of {reals} at 64 px")
    _, far = scores(capsys, "--real", reals, "--fake", unlike)
    assert near["kid_efficientnet_lite0"] < 0.5 * far["kid_efficientnet_lite0"]
    assert near["swd"] < far["swd"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 100
    assert any(line.startswith("near copies (efficientnet-lite0) ") for line in near_lines)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--real", "{}"], "--real and --fake go together"),
        (["run", "--real", "{}", "--fake", "{}"], "--real and --fake go together, and without a RUN"),
        (["--real", "{}", "--fake", "{}/nowhere"], "nowhere"),
        (["--real", "{}", "--fake", "{}"], "--real must hold 6 images at least; got 2"),
    ],
)
def test_what_cannot_be_scored_ends_in_one_line(tmp_path, capsys, words, told):
    folder = waves(tmp_path / "few", 2, 0, 1)
    assert main([word.format(folder) for word in words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
