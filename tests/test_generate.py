import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from film_frames import film_frames
from PIL import Image
from tiny_runs import write_run

from sle_gan.cli.generate import main, parser
from sle_gan.data.pictures import image_sheet, picture_of, whole_file, write_picture
from sle_gan.errors import InputError
from sle_gan.export.film_files import FILM_EXTENSIONS, Footage, write_film
from sle_gan.export.pictures import map_ahead
from sle_gan.export.route import even_route
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images
from sle_gan.run import RunFolder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def tiny_run(written):
    return written[0]


@pytest.fixture(scope="module")
def trained(tiny_run):
    return TrainedGenerator(tiny_run)


@pytest.fixture
def copied_run(tiny_run, tmp_path):
    return RunFolder(shutil.copytree(tiny_run.path, tmp_path / "copy"))


def generate(run, *words):
    return main([words[0], str(run.path), *map(str, words[1:])])


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def smooth_frames(count, channels=3, side=48):
    """A film of slanted waves that move by a third of a pixel in a frame; neighboring frames all differ."""
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    phases = np.arange(count)[:, None, None, None] / 3 + np.arange(channels) * 2
    waves = np.sin((x + 2 * y)[None, :, :, None] / 9 + phases)
    return (127.5 + 100 * waves).round().astype(np.uint8)


# Sheets and picture files


def test_a_sheet_is_in_reading_order_with_white_gaps():
    images = np.arange(1, 7, dtype=np.uint8)[:, None, None, None] * np.ones([1, 3, 5, 3], np.uint8)
    sheet = image_sheet(images)
    assert sheet.shape == (2 * 3 + 2, 3 * 5 + 2 * 2, 3)
    assert sheet[::5, ::7, 0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (sheet[3:5] == 255).all()
    assert (sheet[:, 5:7] == 255).all()


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (7, 4), (8, 4), (12, 4), (16, 4), (24, 6), (11, 5), (15, 5)]
)
def test_a_sheet_leaves_no_place_empty_where_it_can(count, columns):
    sheet = image_sheet(np.zeros([count, 4, 4, 1], np.uint8))
    assert sheet.shape == (-(-count // columns) * 6 - 2, columns * 6 - 2, 1)


def test_places_of_a_sheet_without_an_image_are_transparent():
    sheet = image_sheet(np.zeros([3, 4, 4, 4], np.uint8), columns=2)
    assert sheet[6:, 6:].reshape(-1, 4).tolist() == [[255, 255, 255, 0]] * 16
    assert not sheet[6:, :4].any()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_a_png_holds_every_pixel_and_what_it_says_of_itself(tmp_path, channels, mode):
    image = np.random.default_rng(0).integers(0, 256, [6, 5, channels], dtype=np.uint8)
    write_picture(tmp_path / "a.png", image, {"run": "a name", "step": "12"})
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == mode
        assert picture.text == {"run": "a name", "step": "12", "Software": "SLE-GAN"}
        np.testing.assert_array_equal(np.asarray(picture).reshape(image.shape), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("extension", ["jpg", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_formats_hold_nearly_the_same_picture(tmp_path, extension, channels):
    (image,) = smooth_frames(1, channels)
    write_picture(tmp_path / f"a.{extension}", image, {"seed": "1"})
    with Image.open(tmp_path / f"a.{extension}") as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(shown - image).mean() < 4


def test_a_picture_too_large_for_its_format_is_refused_before_a_file_is_there(tmp_path):
    with pytest.raises(InputError, match="at most 16383 px; got 16384 x 2"):
        write_picture(tmp_path / "a.webp", np.zeros([2, 16384, 1], np.uint8), {})
    assert not list(tmp_path.iterdir())


def test_a_failed_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "old"}


def test_map_ahead_keeps_the_order_and_reads_only_a_little_ahead():
    read, gate = [], threading.Event()

    def items():
        for index in range(200):
            read.append(index)
            yield index

    def slow_first(index):
        if index == 0:
            gate.wait(10)
        return -index

    results = map_ahead(slow_first, items())
    threading.Timer(0.05, gate.set).start()
    assert next(results) == 0
    assert len(read) == 33
    assert [0, *results] == [-index for index in range(200)]


def test_map_ahead_raises_what_a_thread_raised():
    with pytest.raises(ZeroDivisionError):
        list(map_ahead(lambda divisor: 1 // divisor, [1, 0, 1]))


# Films


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("extension", FILM_EXTENSIONS)
def test_a_film_shows_its_frames(tmp_path, extension, channels):
    if channels == 4 and extension in {".gif", ".mp4"}:
        channels = 3  # they are given no alpha
    frames = smooth_frames(7, channels)
    frames[..., 3:] = 255
    path = tmp_path / f"film{extension}"
    write_film(path, Footage(iter(frames), 30, True, iter(frames[::3])))
    shown = film_frames(path)
    expected = np.stack([np.asarray(picture_of(frame).convert("RGB")) for frame in frames]).astype(int)
    exact = extension == ".png" or (extension, channels) == (".gif", 1)
    # An MP4 has a color for four pixels.
    assert np.abs(shown - expected).mean() <= (0 if exact else 9 if extension == ".mp4" else 6)
    # Dithering and JPEG-like noise stay far below what moves from one frame to the next but one.
    distances = [[np.abs(a - b).mean() for b in expected[::2]] for a in shown[::2]]
    assert np.argmin(distances, axis=1).tolist() == [0, 1, 2, 3]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("extension", [".webp", ".png"])
def test_a_film_keeps_alpha(tmp_path, extension):
    frames = smooth_frames(3, 4)
    path = tmp_path / f"film{extension}"
    write_film(path, Footage(iter(frames), 30, False, iter(())))
    with Image.open(path) as film:
        assert film.mode == "RGBA"
        for index in range(3):
            film.seek(index)
            np.testing.assert_array_equal(np.asarray(film)[..., 3], frames[index, ..., 3])


@pytest.mark.parametrize(
    ("extension", "loop", "told"),
    [
        (".gif", True, 0),
        (".gif", False, None),
        (".webp", True, 0),
        (".webp", False, 1),
        (".png", True, 0),
        (".png", False, 1),
    ],
)
def test_a_film_runs_in_real_time_and_loops_only_when_asked(tmp_path, extension, loop, told):
    frames = smooth_frames(30)
    path = tmp_path / f"film{extension}"
    write_film(path, Footage(iter(frames), 30, loop, iter(frames[:1])))
    with Image.open(path) as film:
        assert film.n_frames == 30
        assert film.info.get("loop") == told
        durations_ms = []
        for index in range(30):
            film.seek(index)
            film.load()
            durations_ms.append(film.info["duration"])
    assert sum(durations_ms) == pytest.approx(1000)
    assert max(durations_ms) - min(durations_ms) <= 10


def test_the_colors_of_a_gif_do_not_change_from_frame_to_frame(tmp_path):
    path = tmp_path / "film.gif"
    frames = smooth_frames(4)
    write_film(path, Footage(iter(frames), 25, True, iter(frames)))
    with Image.open(path) as film:
        palettes = []
        for index in range(film.n_frames):
            film.seek(index)
            palettes.append(film.global_palette.palette)
            assert film.tile[0].args[0] == 8
    assert len(set(palettes)) == 1
    assert path.read_bytes().count(b"NETSCAPE2.0") == 1


# Codes and walks


def test_a_walk_turns_evenly_and_keeps_the_length_of_the_codes():
    start, end = latent_codes([0, 1], 256)
    walk = interpolate_codes(start, end, tf.linspace(0.0, 1.0, 5)).numpy().astype(np.float64)
    lengths = np.linalg.norm(walk, axis=1)
    units = walk / lengths[:, None]
    angles = np.arccos(np.sum(units[:-1] * units[1:], axis=1))
    whole = np.arccos(units[0] @ units[-1])
    np.testing.assert_allclose(angles, whole / 4, rtol=1e-4)
    np.testing.assert_allclose(np.diff(lengths), (lengths[-1] - lengths[0]) / 4, rtol=1e-3)
    np.testing.assert_allclose(walk[[0, -1]], [start, end], atol=1e-6)
    straight = (walk[0] + walk[-1]) / 2
    assert np.linalg.norm(straight) < 0.8 * lengths[2]  # the straight way leaves the sphere


def test_a_walk_between_equal_codes_stays():
    (code,) = latent_codes([3], 256)
    np.testing.assert_allclose(interpolate_codes(code, code, tf.constant([0.0, 0.4, 1.0])), [code] * 3, atol=1e-6)


@pytest.mark.parametrize("loop", [True, False])
def test_a_walk_meets_its_seeds_and_a_loop_has_no_doubled_frame(trained, loop):
    seeds = [5, 2, 9]
    at_seeds = dict(zip(seeds, trained.draw_seeds(seeds), strict=True))
    walk = list(trained.draw_walk(seeds, even_route(3, 4, loop=loop)))
    assert len(walk) == (12 if loop else 9)
    for index, seed in zip(range(0, 12, 4), seeds, strict=True):
        np.testing.assert_array_equal(walk[index], at_seeds[seed])
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(walk, walk[1:] + walk[:loop], strict=False)]
    assert min(steps) > 0
    assert max(steps) < np.abs(at_seeds[5].astype(int) - at_seeds[2]).mean()


# The trained generator


def test_what_is_drawn_is_the_averaged_generator_of_the_checkpoint(written, trained):
    tiny_run, generator = written
    expected = postprocess_images(generator(latent_codes(range(3), 256), training=False)).numpy()
    drawn = np.stack(list(trained.draw_seeds([0, 1, 2])))
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert drawn.std() > 3  # the fixture is no flat grey
    assert (tiny_run.latest_step(), trained.step) == (8, 8)


def test_an_older_checkpoint_draws_other_pictures(tiny_run, trained):
    older = TrainedGenerator(tiny_run, step=4)
    (now,), (then,) = trained.draw_seeds([0]), older.draw_seeds([0])
    assert older.step == 4
    assert np.abs(now.astype(int) - then).mean() > 1


def test_a_seed_gives_the_same_picture_bit_for_bit_whatever_is_drawn_beside_it(trained):
    alone = {seed: next(trained.draw_seeds([seed])) for seed in (0, 3, 9)}
    for seeds in (range(10), [9, 3, 0], [7, 7, 7, 3, 0, 1, 2, 5, 4, 6, 9]):
        drawn = dict(zip(seeds, trained.draw_seeds(seeds), strict=True))
        for seed in alone:
            np.testing.assert_array_equal(drawn[seed], alone[seed])


def test_a_grey_run_draws_grey_pictures(tmp_path):
    run, _ = write_run(tmp_path / "run", channels=1, steps=(8,))
    assert generate(run, "samples", "--seeds", "0-1", "--output", tmp_path) == 0
    drawn = np.stack(list(TrainedGenerator(run).draw_seeds([0, 1])))
    assert drawn.shape == (2, 64, 64, 1)
    for seed in (0, 1):
        np.testing.assert_array_equal(pixels(tmp_path / f"seed-{seed:06d}.png"), drawn[seed, ..., 0])


def test_a_run_with_alpha_lies_over_its_background_in_a_jpeg_and_a_gif(tmp_path):
    run, _ = write_run(tmp_path / "run", channels=4, background="#ff0000", steps=(8,))
    assert generate(run, "samples", "--seeds", "3", "--format", "jpeg", "--output", tmp_path) == 0
    (drawn,) = TrainedGenerator(run).draw_seeds([3])
    alpha = drawn[..., 3:] / 255
    flat = (drawn[..., :3] * alpha + np.array([255, 0, 0]) * (1 - alpha)).round().astype(np.uint8)
    Image.fromarray(flat).save(tmp_path / "expected.jpg", quality=95)
    difference = pixels(tmp_path / "seed-000003.jpg").astype(int) - pixels(tmp_path / "expected.jpg")
    assert np.abs(difference).mean() < 1
    assert alpha.std() > 0.1
    walk = ["interpolate", "--seeds", "3,3", "--frames", "2", "--output", tmp_path / "walk.gif"]
    assert generate(run, *walk) == 0
    colors = film_frames(tmp_path / "walk.gif")
    assert len(colors) == 1  # equal frames are stored as one that is shown longer
    np.testing.assert_allclose(colors.mean(axis=(1, 2)), [flat.mean(axis=(0, 1))], atol=2)


def test_the_codes_of_a_batch_are_those_that_the_library_draws(trained):
    seeds = [7, 0, 2**31 - 1]
    np.testing.assert_array_equal(trained._inputs(tf.constant(seeds)), latent_codes(seeds, 256))


# The program


def test_many_samples_are_all_written_under_their_seeds(tiny_run, trained, tmp_path):
    seeds = range(5, 55)  # more than wait at once, and no whole number of batches
    assert generate(tiny_run, "samples", "--seeds", "5-54", "--output", tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"seed-{seed:06d}.png" for seed in seeds]
    for seed, drawn in zip(seeds, trained.draw_seeds(seeds), strict=True):
        np.testing.assert_array_equal(pixels(tmp_path / f"seed-{seed:06d}.png"), drawn)


def test_a_sample_that_cannot_be_written_ends_in_one_line_and_leaves_no_half_file(tiny_run, tmp_path, capsys):
    (tmp_path / "seed-000009.png").mkdir()
    assert generate(tiny_run, "samples", "--seeds", "0-99", "--output", tmp_path) == 4
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "seed-000009.png" in error
    assert error.count("\n") == 1
    names = {path.name for path in tmp_path.iterdir()}
    assert not [name for name in names if name.endswith(".tmp")]
    assert {f"seed-{seed:06d}.png" for seed in range(9)} <= names
    assert len(names) < 60  # those behind were not drawn


@pytest.mark.slow
def test_the_memory_of_a_thousand_samples_is_that_of_a_hundred(tiny_run, tmp_path):
    peaks = []
    for count in (100, 1000):
        words = ["samples", str(tiny_run.path), "--seeds", f"0-{count - 1}", "--output", str(tmp_path)]
        process = subprocess.Popen([sys.executable, str(ROOT / "generate.py"), *words], stdout=subprocess.DEVNULL)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss * 1024)
    # The thousand are 12 MB of pixels; what the allocator keeps varies by more.
    assert abs(peaks[1] - peaks[0]) < 40e6
    assert len(list(tmp_path.iterdir())) == 1000


def test_samples_are_files_named_and_marked_by_their_seed(tiny_run, trained, tmp_path, capsys):
    assert generate(tiny_run, "samples", "--seeds", "3,0-1,3", "--output", tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"seed-{seed:06d}.png" for seed in (0, 1, 3)]
    for seed, drawn in zip((0, 3), trained.draw_seeds([0, 3]), strict=True):
        with Image.open(tmp_path / f"seed-{seed:06d}.png") as picture:
            assert picture.text == {"run": tiny_run.name, "step": "8", "seed": str(seed), "Software": "SLE-GAN"}
            np.testing.assert_array_equal(np.asarray(picture), drawn)
    assert capsys.readouterr().out == f"3 pictures of step 8 in {tmp_path}, each seed once\n"


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg", "deep/sheet.WEBP"])
def test_a_grid_is_the_file_that_is_named(tiny_run, trained, tmp_path, name, capsys):
    assert generate(tiny_run, "samples", "--seeds", "5,2", "--grid", "--output", tmp_path / name) == 0
    assert capsys.readouterr().out == f"2 pictures of step 8 in {tmp_path / name}\n"
    assert [path for path in tmp_path.rglob("sheet*") if path.is_file()] == [tmp_path / name]
    expected = image_sheet(np.stack(list(trained.draw_seeds([5, 2]))))
    assert pixels(tmp_path / name).shape == expected.shape
    if name.endswith("png"):
        np.testing.assert_array_equal(pixels(tmp_path / name), expected)
    assert generate(tiny_run, "samples", "--seeds", "5", "--output", tmp_path / "single.png") == 2
    assert "--output must be a folder, or a file with --grid" in capsys.readouterr().err


def test_a_grid_is_one_sheet_in_the_order_of_the_seeds(tiny_run, trained):
    assert generate(tiny_run, "samples", "--seeds", "5,2,9,0", "--grid", "--step", "8") == 0
    sheet = tiny_run.path / "generated" / "grid-000005-000000.png"
    np.testing.assert_array_equal(pixels(sheet), image_sheet(np.stack(list(trained.draw_seeds([5, 2, 9, 0])))))
    with Image.open(sheet) as picture:
        assert picture.text == {"run": tiny_run.name, "step": "8", "seeds": "5,2,9,0", "Software": "SLE-GAN"}


def test_a_walk_is_a_film_or_a_folder_of_frames(tiny_run, trained, tmp_path, capsys):
    words = ["interpolate", "--seeds", "0,1", "--frames", "3"]
    assert generate(tiny_run, *words, "--output", tmp_path / "deep" / "walk.png") == 0
    assert generate(tiny_run, *words, "--output", tmp_path / "frames") == 0
    names = [f"frame-{index:05d}.png" for index in range(4)]
    assert sorted(path.name for path in (tmp_path / "frames").glob("*.png")) == names
    walk = np.stack(list(trained.draw_walk([0, 1], even_route(2, 3, loop=False))))
    np.testing.assert_array_equal(np.stack([pixels(tmp_path / "frames" / name) for name in names]), walk)
    np.testing.assert_array_equal(film_frames(tmp_path / "deep" / "walk.png"), walk)
    assert generate(tiny_run, *words, "--output", tmp_path / "frames") == 2
    assert "two films would mix" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["samples", "--seeds", "3-1"], "must be ranges that rise, such as 1-3; got 3-1"),
        (["samples", "--seeds", "1,,2"], "got '1,,2'"),
        (["samples", "--seeds", ""], "got ''"),
        (["samples", "--seeds=-3"], "got '-3'"),
        (["samples", "--seeds", "a"], "got 'a'"),
        (["samples", "--seeds", "2147483648"], "must be from 0 to 2147483647; got 2147483648"),
        (["samples", "--seeds", "0-99999999999"], "must be from 0 to 2147483647; got 99999999999"),
        (["samples", "--seeds", "0", "--step", "x"], "must be a whole number from 0; got 'x'"),
        (["samples", "--seeds", "0", "--format", "bmp"], "invalid choice: 'bmp'"),
        (["interpolate", "--seeds", "0,1", "--frames", "1", "--output", "a.gif"], "from 2; got '1'"),
        (["interpolate", "--seeds", "0,1"], "--output"),
        (["export", "--format", "caffe"], "invalid choice: 'caffe'"),
    ],
)
def test_bad_arguments_end_in_one_line_and_exit_code_2(words, told, capsys):
    with pytest.raises(SystemExit) as end:
        main([words[0], "run", *words[1:]])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "4", "--output", "a.gif"], "two seeds at least; got 4"),
        (["--seeds", "0-1", "--output", "a.avi"], "must end in .gif, .webp, .png, .mp4, or be a folder; got a.avi"),
        (["--seeds", "0-1", "--output", "a.gif", "--fps", "51"], "--fps must be from 1 to 50 in a .gif; got 51"),
        (["--seeds", "0-1", "--output", "a.gif", "--step", "5"], "has a checkpoint of: 4, 8; got 5"),
    ],
)
def test_a_film_that_cannot_be_is_refused(tiny_run, words, told, capsys):
    assert generate(tiny_run, "interpolate", *words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_seeds_are_numbers_and_ranges():
    parse = parser().parse_args
    assert parse(["samples", "run", "--seeds", "0-2147483647"]).seeds == range(2**31)
    assert parse(["samples", "run", "--seeds", "3, 7,20-22"]).seeds == [3, 7, 20, 21, 22]


def test_a_run_without_a_checkpoint_is_refused(copied_run, capsys):
    shutil.rmtree(copied_run.checkpoints)
    assert generate(copied_run, "samples", "--seeds", "0") == 2
    assert capsys.readouterr().err == f"error: {copied_run.path} has no checkpoint yet; train it first\n"


@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
def test_a_damaged_checkpoint_is_refused(copied_run, capsys, damage):
    (data,) = copied_run.checkpoints.glob("ckpt-8.data*")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0x40
    if damage == "lose":
        data.unlink()
    else:
        data.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    assert generate(copied_run, "samples", "--seeds", "0") == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"error: checkpoint \S+ckpt-8 is damaged \(.+\); choose another with --step\n", error)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('"width": 8', '"width": 16'),
        ('"width": 8', '"wide": 8'),
        ('"width": 8', '"width": "8"'),
        ('"generator": "fastgan"', '"generator": "slowgan"'),
        ('"resolution": 64', '"resolution": 65'),
    ],
)
def test_settings_that_describe_another_network_are_refused(copied_run, capsys, change, told):
    text = copied_run.config_file.read_text()
    assert change in text
    copied_run.config_file.write_text(text.replace(change, told))
    assert generate(copied_run, "samples", "--seeds", "0") == 2
    error = capsys.readouterr().err
    assert "config.json" in error or "is damaged" in error
    assert error.count("\n") == 1


def test_the_script_in_processes_of_its_own_writes_the_same_bytes_for_a_seed(tiny_run, tmp_path):
    alone, among = tmp_path / "alone", tmp_path / "among"
    for output, seeds, count in ((alone, "11,6", 2), (among, "0-11", 12)):
        command = [sys.executable, str(ROOT / "generate.py"), "samples", tiny_run.name, "--seeds", seeds]
        command += ["--output-folder", str(tiny_run.path.parent), "--output", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        assert (done.stdout, done.stderr) == (f"{count} pictures of step 8 in {output}\n", "")
    for name in ("seed-000006.png", "seed-000011.png"):
        assert (alone / name).read_bytes() == (among / name).read_bytes()


def test_bad_input_is_told_before_tensorflow_is_imported(tmp_path):
    script = "; ".join(
        [
            "import sys",
            "from sle_gan.cli.generate import main",
            "code = main(['samples', 'nothing', '--seeds', '0-3'])",
            "assert 'tensorflow' not in sys.modules",
            "sys.exit(code)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "error: no run 'nothing', neither as a folder nor in runs\n"
