"""What `import sle_gan` offers: its examples, a run as an object, images as an array."""

import doctest
import io
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from run_files import losses, scores, write_rows, write_run_files, write_sheet
from tiny_runs import set_training_images, write_run

import sle_gan
from sle_gan.assembly.evaluate_run import Evaluation
from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.cli.evaluate import main as evaluate
from sle_gan.cli.generate import main as generate
from sle_gan.data.decode import read_image
from sle_gan.data.flowers import write_flowers
from sle_gan.errors import InputError
from sle_gan.run import RunFolder

RUN = "00000-fastgan-flowers"
DOCUMENTED = [name for name in sle_gan.__all__ if not name.startswith("__")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with `flowers/`, and a run that was trained on them in `runs/`."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "flowers").mkdir()
    write_flowers(folder / "flowers", 14, 64, seed=0)
    run, _ = write_run(folder / "runs" / RUN)
    set_training_images(run, folder / "flowers")
    write_rows(run.metrics_file, [*losses(4, generator_loss=0.5), *losses(8, generator_loss=0.4)])
    write_sheet(run.samples / "step-000008.png", 8)
    return folder


@pytest.fixture(scope="module")
def opened(place):
    return sle_gan.open_run(RUN, place / "runs")


@pytest.fixture
def copied(place, tmp_path):
    return OpenedRun(RunFolder(shutil.copytree(place / "runs" / RUN, tmp_path / "copy")))


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


# Examples


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    documented = {name: getattr(sle_gan, name) for name in DOCUMENTED} | {"OpenedRun": OpenedRun}
    found = {name: finder.find(each, name, module=False, globs={}) for name, each in documented.items()}
    return {name: [test for test in tests if test.examples] for name, tests in found.items()}


@pytest.mark.parametrize("name", [*DOCUMENTED, "OpenedRun"])
def test_the_examples_of_a_docstring_do_what_they_say(name, place, tmp_path, monkeypatch):
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    tests = examples()[name]
    assert tests, f"{name} has no example"
    for test in tests:
        told = io.StringIO()
        assert doctest.DocTestRunner(verbose=False).run(test, out=told.write).failed == 0, told.getvalue()


def test_a_name_that_there_is_not_is_told():
    with pytest.raises(AttributeError, match="module 'sle_gan' has no attribute 'open_runs'"):
        _ = sle_gan.open_runs
    assert set(DOCUMENTED) <= set(dir(sle_gan))


def test_what_is_not_drawn_loads_no_tensorflow(place):
    code = f"""
import sys, sle_gan
images = sle_gan.load_images("flowers", resolution=32)
run = sle_gan.open_run({RUN!r})
run.metrics(), run.scores(), run.verdict(), run.report(), run._repr_html_(), run.settings
sle_gan.compare_runs([{RUN!r}])
run.samples(range(4)), run.film([0, 1])
for call in (lambda: sle_gan.open_run("none"), lambda: run.draw([-1]), lambda: run.evaluate(["kidd"])):
    try:
        call()
    except ValueError as error:
        print(error)
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"no run 'none', neither as a folder nor in runs; there are {RUN}",
        "--seeds must be from 0 to 2147483647; got -1",
        "--metrics must be some of fid,kid,prdc,is,swd,diversity; got ('kidd',)",
    ]


# Drawing


def test_what_is_drawn_is_what_generate_writes_to_the_last_bit(opened, tmp_path):
    seeds = [3, 0, 7]
    drawn = opened.draw(seeds)
    assert (drawn.shape, drawn.dtype) == ((3, 64, 64, 3), np.uint8)
    assert generate(["samples", str(opened.folder.path), "--seeds", "0-7", "--output", str(tmp_path / "new")]) == 0
    for seed, picture in zip(seeds, drawn, strict=True):
        np.testing.assert_array_equal(pixels(tmp_path / "new" / f"seed-{seed:06d}.png"), picture)
    words = ["samples", str(opened.folder.path), "--seeds", "3", "--step", "4", "--output", str(tmp_path / "old")]
    assert generate(words) == 0
    older = opened.draw(np.array([3]), step=4)
    np.testing.assert_array_equal(pixels(tmp_path / "old" / "seed-000003.png"), older[0])
    assert (older[0] != drawn[0]).any()


def test_samples_are_drawn_one_by_one_and_saved_as_generate_does(opened, tmp_path):
    samples = opened.samples(range(3))
    assert len(samples) == 3
    np.testing.assert_array_equal(np.stack(list(samples)), opened.draw(range(3)))
    saved = samples.save(tmp_path / "library", "webp", grid=True)
    assert (saved.count, saved.step, saved.copies) == (3, 8, [])
    words = ["samples", str(opened.folder.path), "--seeds", "0-2", "--format", "webp", "--grid"]
    assert generate([*words, "--output", str(tmp_path / "program")]) == 0
    assert saved.output.read_bytes() == (tmp_path / "program" / saved.output.name).read_bytes()


def test_a_film_has_the_frames_that_generate_writes(opened, tmp_path):
    film = opened.film([5, 2], frames=3)
    frames = np.stack(list(film))
    assert (len(film), frames.shape, frames.dtype) == (4, (4, 64, 64, 3), np.uint8)
    np.testing.assert_array_equal(frames[[0, 3]], opened.draw([5, 2]))
    words = ["interpolate", str(opened.folder.path), "--seeds", "5,2", "--frames", "3", "--output"]
    assert generate([*words, str(tmp_path / "frames")]) == 0
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(pixels(tmp_path / "frames" / f"frame-{index:05d}.png"), frame)
    assert generate([*words, str(tmp_path / "program.gif"), "--loop", "--fps", "10"]) == 0
    written = opened.film([5, 2], frames=3, loop=True, fps=10).save(tmp_path / "library.gif")
    assert written.read_bytes() == (tmp_path / "program.gif").read_bytes()


def test_the_generator_stays_loaded_while_the_same_is_drawn_with(copied):
    first = copied.samples([0]).drawing
    assert copied.film([1, 2]).drawing is first
    asked = copied.samples([0], step=8).drawing  # not of whatever step is the newest then
    assert copied.film([1, 2], step=8).drawing is asked
    assert copied.samples([0], step=4).drawing is not first


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda run: run.draw([]), "--seeds must name a seed at least; got none"),
        (lambda run: run.draw([2**31]), "--seeds must be from 0 to 2147483647; got 2147483648"),
        (lambda run: run.draw(range(-2, 3)), "got -2"),
        (lambda run: run.draw([0.5]), r"--seeds must be whole numbers, such as range\(16\); got \[0.5\]"),
        (lambda run: run.draw(3), "got 3"),
        (lambda run: run.draw([0], step=5), "has a checkpoint of: 4, 8; got 5"),
        (lambda run: run.draw([0], class_name="roses"), "--class needs a run that was trained with --conditional"),
        (lambda run: run.draw([0], truncation=0.5), "need a network with styles, such as stylegan2"),
        (lambda run: run.draw_mixed([0], [1]), "need a network with styles, such as stylegan2"),
        (lambda run: run.film([0, 1], space="w"), "need a network with styles, such as stylegan2"),
        (lambda run: run.film([0, 1], space="x"), "--space must be z or w; got 'x'"),
        (lambda run: run.film([0, 1], frames=1), "--frames must be a whole number from 2; got 1"),
        (lambda run: run.film([4]), "--seeds must name two seeds at least; got 4"),
        (lambda run: run.film([0, 1]).save("walk.avi"), "--output must end in .gif, .webp, .png, .mp4, or be a folder"),
        (lambda run: run.film([0, 1], fps=0), "--fps must be a whole number from 1; got 0"),
        (lambda run: run.film([0, 1], fps=51).save("walk.gif"), "--fps must be from 1 to 50 in a .gif; got 51"),
        (lambda run: run.samples([0]).save(format="bmp"), "--format must be one of png, jpeg, webp, tiff; got 'bmp'"),
        (
            lambda run: run.export("pickle"),
            "--format must be one of saved-model, onnx, lite, weights, hub, web; got 'pickle'",
        ),
        (lambda run: run.evaluate(["kid"], number_of_images=5), "--number-of-images must be a whole number from 6"),
        (lambda run: run.evaluate([]), "--metrics must be some of fid,kid,prdc,is,swd,diversity"),
        (
            lambda run: run.evaluate(network="vgg"),
            "one of auto, efficientnet-lite0, open-nsfw, inception; got 'vgg'",
        ),
        (lambda run: run.evaluate(mode="fast"), "--mode must be one of legacy, clean; got 'fast'"),
        (lambda run: run.evaluate(seed=-1), "--seed must be a whole number from 0 to 2147483647; got -1"),
        (lambda run: run.evaluate(inception_weights="a.pth"), "--inception-weights needs --network inception"),
    ],
)
def test_what_cannot_be_done_with_a_run_is_a_value_error_that_says_why(opened, call, told):
    with pytest.raises(InputError, match=told) as caught:
        call(opened)
    assert isinstance(caught.value, ValueError)


def test_an_export_tells_where_it_lies(opened, tmp_path):
    exported = opened.export("saved-model", tmp_path / "exports", step=4)
    assert (exported.folder, exported.step) == (tmp_path / "exports" / "1", 4)
    assert (exported.folder / "saved_model.pb").is_file()
    generator = opened.samples([0], step=4).drawing.trained.generator
    assert exported.sizes.dense == 4 * generator.count_params()


# Scores and metrics


def test_an_evaluation_returns_the_row_that_it_writes_and_that_the_program_writes(copied):
    lines = []
    row = copied.evaluate(["kid"], number_of_images=16, seed=3, tell=lines.append)
    written = copied.folder.metrics_file.read_text().splitlines()
    assert json.loads(written[-1]) == row
    assert copied.scores() == [row]
    assert (row["step"], row["event"], row["fakes"], row["seed"]) == (8, "scores", 16, 3)
    assert lines[0] == "scoring copy at step 8 against 14 training images with open-nsfw; loading TensorFlow"
    assert lines[-1].startswith("16 of 16 images, ")
    assert copied.folder.copies_sheet(8).is_file()
    words = [str(copied.folder.path), "--metrics", "kid", "--number-of-images", "16", "--seed", "3"]
    assert evaluate(words) == 0
    again = copied.folder.metrics_file.read_text().splitlines()
    assert again == [*written, written[-1]]


def test_the_program_scores_as_the_library_does_where_nothing_is_said():
    from sle_gan.cli.evaluate import parser

    arguments = parser().parse_args(["run"])
    assert Evaluation() == Evaluation(
        arguments.metrics,
        arguments.network,
        arguments.mode,
        arguments.number_of_images,
        arguments.seed,
        arguments.inception_weights,
    )


def test_metrics_are_the_rows_of_losses_as_columns(tmp_path):
    rows = losses(50, 100, 150, generator_loss=lambda step: step / 100)
    rows[1] |= {"live_parameters": 12, "held_out_logits": None}
    rows[2] |= {"held_out_logits": -0.25}
    run = OpenedRun(write_run_files(tmp_path / "run", rows=[*rows[:2], scores(100), *rows[2:]]))
    metrics = run.metrics()
    assert metrics["step"].dtype == np.int64
    assert metrics["step"].tolist() == [50, 100, 150]
    for name in rows[0].keys() - {"step"}:
        assert metrics[name].dtype == np.float64
        assert metrics[name].tolist() == [row[name] for row in rows]
    np.testing.assert_array_equal(metrics["live_parameters"], [np.nan, 12, np.nan])
    np.testing.assert_array_equal(metrics["held_out_logits"], [np.nan, np.nan, -0.25])
    assert set(metrics) == {name for row in rows for name in row}
    assert run.scores() == [scores(100) | {"party": True}]  # the rows of older runs do not say it
    assert run.verdict().verdict == "too early to say"


def test_a_run_without_rows_has_no_metrics_yet(tmp_path):
    metrics = OpenedRun(write_run_files(tmp_path / "run")).metrics()
    assert {name: column.tolist() for name, column in metrics.items()} == {"step": []}


def test_a_metric_that_is_no_number_is_told(tmp_path):
    run = OpenedRun(write_run_files(tmp_path / "run", rows=losses(50, generator_loss="low")))
    with pytest.raises(InputError, match="is damaged or of another version"):
        run.metrics()


def test_runs_are_compared_by_name_or_folder_and_once(tmp_path):
    write_run_files(tmp_path / "a", rows=[scores(500)])
    write_run_files(tmp_path / "b", settings={"width": 32}, rows=[scores(500)])
    comparison = sle_gan.compare_runs(["a", tmp_path / "b"], tmp_path)
    assert [row.names for row in comparison.rows] == [["a"], ["b"]]
    assert [row.scores[comparison.columns[0]].value for row in comparison.rows] == [40.0, 40.0]
    with pytest.raises(InputError, match="each run must be given once"):
        sle_gan.compare_runs(["a", tmp_path / "a"], tmp_path)


# A notebook


class Tags(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = set(), {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data):
        self.text += data


def test_a_notebook_shows_the_newest_sheet_and_a_line_of_facts(tmp_path):
    run = OpenedRun(write_run_files(tmp_path / "run", rows=losses(50), sheets=(50, 100)))
    found = Tags(run._repr_html_())
    assert found.tags == {"div", "strong", "figure", "img", "figcaption"}
    assert found.attributes["src"].startswith("data:image/webp;base64,")
    assert (found.attributes["width"], found.attributes["height"]) == ("40", "30")
    assert "step 100 of 1,000, fastgan, 64 px, 2 images, flowers" in found.text
    assert "Step 100" in found.text
    assert repr(run) == f"OpenedRun({str(tmp_path / 'run')!r})"


@pytest.mark.parametrize("attack", ["<script>alert(1)</script>", "\" onload='alert(1)' x=\"", "</div><img src=x>&lt;"])
def test_names_in_a_notebook_stay_text(tmp_path, attack):
    name = attack.replace("/", "\N{FRACTION SLASH}")
    settings = {"data_folder": f"/photos/{name}"}
    run = OpenedRun(write_run_files(tmp_path / name, settings=settings, sheets=(50,)))
    found = Tags(run._repr_html_())
    assert found.tags == {"div", "strong", "figure", "img", "figcaption"}
    assert found.attributes.keys() == {"src", "alt", "width", "height"}
    assert found.attributes["src"].startswith("data:image/webp;base64,")
    assert name in found.text


def test_a_notebook_shows_a_run_without_a_sheet(tmp_path):
    run = OpenedRun(write_run_files(tmp_path / "run"))
    assert Tags(run._repr_html_()).tags == {"div", "strong"}


# Images


def test_loaded_images_are_those_that_a_training_decodes(photographs):
    images = sle_gan.load_images(photographs, resolution=64)
    assert (images.shape, images.dtype) == ((6, 64, 64, 3), np.uint8)
    for path, image in zip(sorted(photographs.iterdir()), images, strict=True):
        np.testing.assert_array_equal(image, read_image(path, 64, 3, "crop", (255, 255, 255)))


@pytest.mark.parametrize("background", ["#204060", "rgb(32, 64, 96)"])
def test_a_padded_image_has_borders_of_the_background(tmp_path, background):
    Image.new("RGB", (64, 32), (255, 0, 0)).save(tmp_path / "wide.png")
    (image,) = sle_gan.load_images(str(tmp_path), 16, fit="pad", background=background)
    assert image[:4].reshape(-1, 3).tolist() == [[32, 64, 96]] * 64
    assert image[4:12].reshape(-1, 3).tolist() == [[255, 0, 0]] * 128
    assert image[12:].reshape(-1, 3).tolist() == [[32, 64, 96]] * 64


def test_images_that_are_skipped_are_told_in_a_warning_or_refused(photographs, tmp_path):
    folder = shutil.copytree(photographs, tmp_path / "some")
    (folder / "a text.png").write_text("no image")
    whole = (folder / "photo 2.png").read_bytes()
    (folder / "photo 2.png").write_bytes(whole[:-30])
    told = r"2 of 7 images in .*some cannot be used: a text.png \(not a .* image\), photo 2.png \(cannot be decoded"
    with pytest.warns(UserWarning, match=told) as warned:
        images = sle_gan.load_images(folder, 32)
    assert warned[0].filename == __file__
    assert len(images) == 5
    with pytest.raises(InputError, match=told):
        sle_gan.load_images(folder, 32, strict=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            {"resolution": 0},
            "the setting 'resolution' must be a whole number from 1 to 2147483647, or width and height",
        ),
        ({"resolution": "64x"}, "such as 384x256; got '64x'"),
        ({"channels": 2}, "the setting 'channels' must be 1, 3 or 4; got 2"),
        ({"fit": "zoom"}, "the setting 'fit' must be crop, pad or stretch; got 'zoom'"),
        ({"background": "reddish"}, "the setting 'background' must be a color such as white or #204060; got 'reddish'"),
        ({"folder": "no folder"}, "the data folder must be a folder of images; got no folder"),
    ],
)
def test_images_that_cannot_be_loaded_so_are_a_value_error(photographs, arguments, told):
    with pytest.raises(ValueError, match=told):
        sle_gan.load_images(**({"folder": photographs, "resolution": 32} | arguments))
