"""Pictures that are drawn again from their own text."""

import shutil

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from tiny_runs import write_run

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.generate import main
from sle_gan.data.pictures import write_picture
from sle_gan.errors import InputError
from sle_gan.export.directions import Move
from sle_gan.export.latents import Code, Styles, write_latents
from sle_gan.export.walk import WalkSheet

CLASSES = ("asters", "roses")


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of latents by name."""
    folder = tmp_path_factory.mktemp("latents")
    rng = np.random.default_rng(0)
    codes = [Code(rng.normal(size=256).astype(np.float32)) for _ in range(2)]
    write_latents(folder / "codes.npz", codes, {"generator": "fastgan"})
    write_latents(folder / "code.npz", [Code(rng.normal(size=512).astype(np.float32), np.float32([0.3, 0.7]))], {})
    write_latents(folder / "styles.npz", [Styles(rng.normal(size=(1, 64)).astype(np.float32))], {})
    write_latents(folder / "layers.npz", [Styles(rng.normal(size=(10, 64)).astype(np.float32))], {})
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without styles, which stays loaded."""
    return OpenedRun(write_run(tmp_path_factory.mktemp("runs") / "plain")[0])


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    """A run with styles and classes."""
    folder = tmp_path_factory.mktemp("runs") / "styled"
    return OpenedRun(write_run(folder, model="stylegan2", steps=(8,), class_names=CLASSES)[0])


MOVE = Move(direction=2, amounts=(-1.0, 2.5), count=3)

# Each of step 8, as what is drawn again is: the generator stays loaded.
OF_PLAIN_RUNS = {
    "seeds": lambda run, files: run.samples([3, 70], step=8),
    "codes and seeds": lambda run, files: run.samples([3], latents=files / "codes.npz", step=8),
    "moved": lambda run, files: run.samples([3, 4], latents=[files / "codes.npz"], move=MOVE, step=8),
    "all directions": lambda run, files: run.moved([9], Move(count=2), step=8),
    "walk": lambda run, files: run.film([3, 4], 9, easing="smooth", path="straight", step=8),
    "walk to a beat": lambda run, files: run.film([3, 4], beat=[0.1, 0.7], fps=10, loop=False, step=8),
    "walk of codes": lambda run, files: run.film([3], 2, loop=True, latents=files / "codes.npz", step=8),
    "moved walk": lambda run, files: run.film([3, 4, 5], 3, move=MOVE, loop=True, step=8),
    "walks": lambda run, files: WalkSheet([run.film(range(2), 2, step=8), run.film([7, 9], 2, step=8)]),
    "there and back": lambda run, files: run.moved_film([3, 4], Move(direction=1, count=3), step=8),
}
TRUNCATED = {"truncation": 0.3, "class_name": "roses", "step": 8}
OF_RUNS_WITH_STYLES = {
    "truncated": lambda run, files: run.samples([3], **TRUNCATED),
    "mixed": lambda run, files: run.samples([3, 5], [7], 8, **TRUNCATED),
    "styles": lambda run, files: run.samples([3], latents=[files / "styles.npz", files / "layers.npz"], step=8),
    "moved": lambda run, files: run.samples([3], latents=files / "layers.npz", move=MOVE, step=8),
    "walk": lambda run, files: run.film([3], 2, latents=files / "styles.npz", move=MOVE, step=8),
    "code with classes": lambda run, files: run.samples([], latents=files / "code.npz", step=8),
}


def check_redrawn(run, source, folder, aspect=None):
    """Writes each picture, and as a sheet, and draws some of them again from their text."""
    if hasattr(source, "sheet"):
        source.save(folder, aspect=aspect)
        source.save(folder, grid=True, aspect=aspect)
        (sheet,) = [path for path in folder.glob("*.png") if path.name.startswith(("grid", "mix"))]
        chosen = [*sorted(set(folder.glob("*.png")) - {sheet})[-2:], sheet]
    else:
        frames = sorted(source.save(folder).glob("*.png"))
        chosen = [frames[index] for index in {0, len(frames) // 3, len(frames) - 1}]
    for path in chosen:
        np.testing.assert_array_equal(run.redraw(path).draw().squeeze(), pixels(path))


@pytest.mark.parametrize("name", OF_PLAIN_RUNS)
def test_a_picture_of_codes_is_drawn_again_from_its_own_text(plain, files, tmp_path, name):
    check_redrawn(plain, OF_PLAIN_RUNS[name](plain, files), tmp_path, "3:2" if name == "seeds" else None)


@pytest.mark.parametrize("name", OF_RUNS_WITH_STYLES)
def test_a_picture_of_styles_is_drawn_again_from_its_own_text(styled, files, tmp_path, name):
    check_redrawn(styled, OF_RUNS_WITH_STYLES[name](styled, files), tmp_path)


def test_latents_are_drawn_as_what_they_are(plain, styled, files):
    with np.load(files / "codes.npz") as file:
        codes = file["codes"]
    drawn = plain.draw([3], latents=files / "codes.npz", step=8)
    trained = plain.samples([3], step=8).drawing.trained
    expected = trained._draw(np.concatenate([trained._inputs([3]), codes, np.zeros([5, 256], np.float32)])).numpy()
    np.testing.assert_array_equal(drawn, expected[:3])
    with np.load(files / "layers.npz") as file:
        layers = file["styles"]
    (drawn,) = styled.draw([], latents=files / "layers.npz", **TRUNCATED)
    trained = styled.samples([3], **TRUNCATED).drawing.trained
    average = trained._parts.average.numpy()
    images = trained._parts.synthesis(average + 0.3 * (layers - average)).numpy()
    assert np.abs(drawn - (images[0] * 127.5 + 127.5).clip(0, 255)).max() <= 1


def test_a_moved_walk_goes_from_the_one_amount_to_the_other(plain):
    move = Move(direction=2, amounts=(-2.0, 4.0), count=3)
    at_seeds = [list(plain.samples([seed], move=move, step=8)) for seed in (3, 4, 5)]
    film = list(plain.film([3, 4, 5], 2, move=move, step=8))
    for index in range(3):
        np.testing.assert_array_equal(film[2 * index], at_seeds[index][index])
    looped = list(plain.film([3], 2, move=move, loop=True, step=8))
    np.testing.assert_array_equal(looped, [at_seeds[0][index] for index in (0, 1, 2, 1)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["samples"], "--seeds or --latents must name what is drawn"),
        (["interpolate", "--output", "a.gif"], "--seeds or --latents must name what is drawn"),
        (["samples", "--latents", "styles.npz"], "styles in --latents need a network with styles"),
        (["samples", "--latents", "code.npz"], "a code must be of 256 numbers in"),
        (["samples", "--latents", "codes.npz", "--reject-copies"], "--reject-copies goes with seeds alone"),
        (["samples", "--seeds", "1", "--direction", "256"], "--direction must be from 0 to 255; got 256"),
        (["interpolate", "--seeds", "1", "--latents", "x.npz", "--output", "a.gif"], "there is no file"),
        (["interpolate", "--latents", "code.npz", "--output", "a.gif"], "must name two at least; got one"),
        (
            ["interpolate", "--seeds", "1", "--seeds", "2", "--latents", "code.npz", "--output", "a.gif"],
            "--latents goes with a single walk",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_line_and_leaves_nothing(
    plain, files, tmp_path, monkeypatch, capsys, words, told
):
    monkeypatch.chdir(tmp_path)
    for file in files.iterdir():
        shutil.copy(file, tmp_path)
    before = sorted(tmp_path.iterdir())
    output = [] if "--output" in words else ["--output", "drawn"]
    assert main([words[0], str(plain.folder.path), *words[1:], *output]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_code_of_a_run_with_classes_needs_a_class(styled, tmp_path):
    write_latents(tmp_path / "code.npz", [Code(np.zeros(512, np.float32))], {})
    with pytest.raises(InputError, match="--class must name the class of the codes: asters, roses"):
        styled.draw([], latents=tmp_path / "code.npz", step=8)


# The program


@pytest.fixture(scope="module")
def drawn(plain, tmp_path_factory):
    """A picture of step 8 outside the run."""
    folder = tmp_path_factory.mktemp("drawn")
    plain.samples([3], step=8).save(folder)
    return folder / "seed-000003.png"


def test_a_picture_is_written_in_every_format_and_of_another_step(plain, drawn, tmp_path, capsys):
    redrawing = plain.redraw(shutil.copy(drawn, tmp_path))
    for extension, format in ((".tif", "TIFF"), (".webp", "WEBP"), (".jpg", "JPEG"), (".png", "PNG")):
        assert redrawing.save(tmp_path / f"again{extension}").difference == 0
        with Image.open(tmp_path / f"again{extension}") as again:
            assert again.format == format
            assert again.getexif().get(0x0131) == "SLE-GAN" or format == "PNG"
    for exact in ("again.tif", "again.png"):
        np.testing.assert_array_equal(pixels(tmp_path / exact), pixels(drawn))
    words = ["redraw", str(tmp_path / drawn.name), "--run", str(plain.folder.path)]
    assert main([*words, "--step", "4"]) == 0
    older = tmp_path / "seed-000003-step-000004.png"
    assert capsys.readouterr().out == f"{words[1]} of step 4 in {older}\n"
    (expected,) = plain.draw([3], step=4)
    np.testing.assert_array_equal(pixels(older), expected)
    assert plain.redraw(older).save(tmp_path / "older.png").difference == 0


def test_a_run_is_found_around_the_picture_and_by_its_name(plain, drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["redraw", str(drawn), "--output-folder", str(plain.folder.path.parent), "--output", "a.png"]) == 0
    within = plain.folder.path / "generated" / "seed-000003.png"
    within.parent.mkdir(exist_ok=True)
    shutil.copy(drawn, within)
    capsys.readouterr()
    assert main(["redraw", str(within), "--output", "b.png"]) == 0
    assert capsys.readouterr().out == f"{within} of step 8 in b.png, with the same pixels\n"
    np.testing.assert_array_equal(pixels("a.png"), pixels("b.png"))
    capsys.readouterr()
    assert main(["redraw", str(drawn)]) == 2
    told = "the run 'plain', which drew {} at step 8, is not in runs; give its folder with --run"
    assert capsys.readouterr().err == f"error: {told.format(drawn)}\n"


def test_another_run_of_that_name_is_told_by_its_pixels(drawn, tmp_path, capsys):
    other, _ = write_run(tmp_path / "plain", steps=(4, 8, 9))
    shutil.copy(other.checkpoints / "ckpt-9.index", other.checkpoints / "ckpt-8.index")
    shutil.copy(other.checkpoints / "ckpt-9.data-00000-of-00001", other.checkpoints / "ckpt-8.data-00000-of-00001")
    words = ["redraw", str(drawn), "--output-folder", str(tmp_path), "--output", str(tmp_path / "a.png")]
    assert main(words) == 0
    assert "of 255 off the picture: the run or the machine is another" in capsys.readouterr().out


def test_a_checkpoint_that_is_gone_is_told_with_those_that_are_there(plain, drawn, capsys):
    assert main(["redraw", str(drawn), "--run", str(plain.folder.path), "--step", "5"]) == 2
    assert "has a checkpoint of: 4, 8; got 5" in capsys.readouterr().err


def test_the_picture_itself_is_not_overwritten(plain, drawn):
    before = drawn.read_bytes()
    with pytest.raises(InputError, match="must be another file than the picture"):
        plain.redraw(drawn).save(drawn)
    with pytest.raises(InputError, match=r"--output must end in \.png, "):
        plain.redraw(drawn).save(drawn.with_suffix(".gif"))
    assert drawn.read_bytes() == before


def with_text(path, words):
    write_picture(path, np.zeros([64, 64, 3], np.uint8), words)
    return path


OWN = {"run": "plain", "step": "8"}
FRAME = {"seeds": "1,2", "frames": "2", "easing": "even", "loop": "no", "space": "z", "path": "sphere"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"run": "plain"}, "does not say how it was drawn: its text names no run, step and seeds"),
        (OWN, "its text names no run, step and seeds"),
        (OWN | {"seed": "1", "step": "9" * 5000}, "is damaged: step must be a whole number; got '9999"),
        (OWN | {"seed": "1", "step": "5"}, "has a checkpoint of: 4, 8; got 5"),
        (OWN | {"seed": "-1"}, "must be whole numbers and ranges"),
        (OWN | {"seed": "1" * 5000}, "must be whole numbers and ranges"),
        (OWN | {"seeds": "0-2147483647"}, "seeds must name 1,000,000 at most"),
        (OWN | {"seeds": "0-99"}, "it names more pictures than are to be seen"),
        (OWN | {"seed": "1", "truncation": "nan"}, "truncation must be numbers; got 'nan'"),
        (OWN | {"seed": "1", "truncation": "0.5"}, "need a network with styles"),
        (OWN | {"seed": "1", "class": "roses"}, "--class needs a run that was trained with --conditional"),
        (OWN | {"seed": "1", "mix_seed": "2", "mix_from": "4"}, "need a network with styles"),
        (OWN | {"latent": "[{}]"}, "is damaged: latents must be codes and styles"),
        (OWN | {"seed": "1", "direction": "1"}, "amount is missing"),
        (
            OWN | {"seed": "1", "direction": "1", "amount": "1:2:3", "method": "sefa"},
            "amount must be one number or two",
        ),
        (OWN | {"seed": "1", "direction": "x", "amount": "1", "method": "sefa"}, "direction must be a whole number"),
        (OWN | {"seed": "1", "direction": "1", "amount": "99", "method": "sefa"}, "--amount must be from -20 to 20"),
        (OWN | {"seed": "1", "direction": "1", "amount": "1", "method": "x"}, "--method must be sefa or pca"),
        (OWN | FRAME | {"frame": "9 of 3"}, "frame must be one of 3; got '9 of 3'"),
        (OWN | FRAME | {"frame": "1 of 3", "loop": "perhaps"}, "loop must be yes or no; got 'perhaps'"),
        (OWN | FRAME | {"frame": "1 of 3", "easing": "x"}, "--easing must be even or smooth"),
        (OWN | FRAME | {"frame": "1 of 3", "space": "x"}, "--space must be z or w"),
        (OWN | FRAME | {"frame": "1 of 3", "frames": "999999999999"}, "a film must have 1,000,000 frames at most"),
        (OWN | FRAME | {"frame": "1 of 3", "beat": "0,1e300", "fps": "9"}, "a film must have 1,000,000 frames at most"),
        (OWN | FRAME | {"frame": "1 of 3", "seeds": "1,2 3,4"}, "it names more pictures than are to be seen"),
        (OWN | {"seeds": "1,2", "frame": "1 of 3"}, "loop is missing"),
    ],
)
def test_a_text_of_something_else_ends_in_a_line(plain, tmp_path, capsys, words, told):
    picture = with_text(tmp_path / "a.png", words)
    assert main(["redraw", str(picture), "--run", str(plain.folder.path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["../plain", "..", "", "a/b", "a\\b", "/etc"])
def test_a_run_name_that_leads_elsewhere_is_not_followed(plain, tmp_path, capsys, name):
    picture = with_text(tmp_path / "a.png", OWN | {"run": name, "seed": "1"})
    inside = plain.folder.path / "runs"
    assert main(["redraw", str(picture), "--output-folder", str(inside)]) == 2
    assert "give its folder with --run" in capsys.readouterr().err


def test_what_is_no_picture_of_ours_is_told_in_a_line(tmp_path, capsys):
    blank = Image.new("RGB", (64, 64))
    blank.save(tmp_path / "photo.png")
    blank.save(tmp_path / "photo.jpg")
    (tmp_path / "text.png").write_text("no picture")
    mark = PngImagePlugin.PngInfo()
    mark.add_text("Software", "SLE-GAN")
    blank.save(tmp_path / "film.png", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")], pnginfo=mark)
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("seed", "1" * 70_000_000, zip=True)
    blank.save(tmp_path / "bomb.png", pnginfo=bomb)
    for name, told in {
        "photo.png": "does not say how it was drawn: its text names no run, step and seeds",
        "photo.jpg": "is JPEG, which holds no text of how it was drawn; give a PNG",
        "text.png": "cannot be read as a picture",
        "film.png": "is a film; give a PNG of one picture, or a frame",
        "bomb.png": "cannot be read as a picture",
        "nowhere.png": "there is no picture",
    }.items():
        assert main(["redraw", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
