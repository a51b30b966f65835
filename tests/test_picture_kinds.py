"""Pictures are known by their content; what is not read is named with its mend; what this tool wrote is left out."""

import sys

import numpy as np
import pillow_heif
import pytest
from film_frames import film_frames
from PIL import Image
from tiny_runs import write_run

import sle_gan
from sle_gan.cli.doctor import main as doctor
from sle_gan.cli.train import main as train
from sle_gan.data.classes import class_names, classes_without_images
from sle_gan.data.folder import describe_images, scan
from sle_gan.data.picture_kinds import formats, unread_kind
from sle_gan.data.pictures import write_picture
from sle_gan.errors import InputError
from sle_gan.export.film_files import FILM_EXTENSIONS, Footage, write_film
from sle_gan.marks import make_output_folder

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(500)


def draw(path, seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, [64, 64, 3], np.uint8)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def without_heif(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    formats.cache_clear()
    yield
    formats.cache_clear()


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.jfif", "JPEG"), ("b.JPG_large", "JPEG"), ("c", "PNG"), ("d.txt", "WEBP"), ("e.dat", "TIFF"), ("f.png", "GIF")],
)
def test_an_image_is_known_by_its_content_whatever_its_name(tmp_path, name, file_format):
    draw(tmp_path / name, format=file_format)
    (image,) = scan(tmp_path).images
    assert (image.path, image.format) == (name, file_format)


def test_avif_is_read_where_pillow_reads_it(tmp_path):
    draw(tmp_path / "a.avif")
    assert [image.format for image in scan(tmp_path).images] == ["AVIF"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.heic", HEIC, "HEIC"),
        ("renamed.jpg", HEIC, "HEIC"),
        ("a.nef", b"II*\0" + bytes(99), "camera raw"),
        ("a.cr3", b"\0\0\0\x18ftypcrx " + bytes(99), "camera raw"),
        ("a.psd", b"8BPS" + bytes(99), "Photoshop"),
        ("a.jxl", b"\xff\x0a" + bytes(99), "JPEG XL"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        ("a.svg", b"<svg/>", "SVG"),
        ("a.pdf", b"%PDF-1.7", "PDF"),
        ("a.exr", b"v/1\x01" + bytes(9), "OpenEXR"),
        ("a.xcf", b"gimp xcf v011", "GIMP"),
        ("a.mov", b"\0\0\0\x14ftypqt  " + bytes(99), "film"),
        ("a.webm", b"\x1aE\xdf\xa3" + bytes(99), "film"),
    ],
)
@pytest.mark.usefixtures("without_heif")
def test_a_kind_that_is_not_read_is_named_with_its_mend(tmp_path, name, content, kind):
    draw(tmp_path / "good.png")
    (tmp_path / name).write_bytes(content)
    found = scan(tmp_path)
    assert [(path, unread.name) for path, unread in found.unread] == [(name, kind)]
    assert (found.skipped, found.ignored) == ((), 0)
    (line,) = [line for line in describe_images(found, 64) if "left out" in line]
    assert line == f"1 {kind} file left out ({name}): {found.unread[0][1].mend}"
    assert bool(found.unusable()) == (kind != "film")  # --strict asks for pictures alone


@pytest.mark.parametrize("name", ["notes.txt", "Thumbs.db", "a.json", "b.zip"])
def test_what_holds_no_picture_is_of_no_kind(name):
    assert unread_kind(b"some bytes", name[name.index(".") :]) is None


def test_the_mend_for_heic_works(tmp_path):
    image = Image.effect_mandelbrot((96, 64), (-2, -1, 1, 1), 50).convert("RGB")
    pillow_heif.from_pillow(image).save(tmp_path / "IMG_0001.HEIC")
    formats.cache_clear()
    assert "HEIF" in formats()
    (read,) = sle_gan.load_images(tmp_path, resolution=64, fit="stretch")
    expected = np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(read - expected).mean() < 6


@pytest.mark.usefixtures("without_heif")
def test_strict_counts_pictures_of_kinds_that_are_not_read(tmp_path, capsys):
    for seed in range(6):
        draw(tmp_path / "images" / f"{seed}.png", seed)
    words = ["--data-folder", str(tmp_path / "images"), "--resolution", "64", "--dry-run", "--output-folder"]
    (tmp_path / "images" / "film.mp4").write_bytes(b"\0\0\0\x14ftypisom" + bytes(99))
    assert train([*words, str(tmp_path / "runs"), "--strict"]) == 0
    (tmp_path / "images" / "a.heic").write_bytes(HEIC)
    assert train([*words, str(tmp_path / "runs")]) == 0
    capsys.readouterr()
    assert train([*words, str(tmp_path / "runs"), "--strict"]) == 2
    assert "a.heic cannot be used (HEIC; pip install pillow-heif, or save them as JPEG)" in capsys.readouterr().err


@pytest.mark.usefixtures("without_heif")
def test_a_folder_of_unread_kinds_alone_says_which(tmp_path):
    (tmp_path / "a.heic").write_bytes(HEIC)
    (tmp_path / "b.heic").write_bytes(HEIC)
    with pytest.raises(
        InputError, match=r"0 usable images of 2 files .*; 2 HEIC files left out .*pip install pillow-heif"
    ):
        scan(tmp_path)


@pytest.mark.usefixtures("without_heif")
def test_a_class_without_a_usable_image_is_named(tmp_path, capsys):
    for name in ("cat", "fox"):
        for seed in range(3):
            draw(tmp_path / "images" / name / f"{seed}.png", seed)
    (tmp_path / "images" / "dog").mkdir()
    (tmp_path / "images" / "dog" / "1.heic").write_bytes(HEIC)
    (tmp_path / "images" / "dog" / "2.png").write_text("no picture")
    (tmp_path / "images" / "empty").mkdir()
    found = scan(tmp_path / "images")
    expected = ["dog (1 HEIC files, 1 broken files)", "empty (no image)"]
    assert classes_without_images(found, class_names(found)) == expected
    words = ["--data-folder", str(tmp_path / "images"), "--conditional", "--resolution", "64", "--dry-run"]
    assert train([*words, "--output-folder", str(tmp_path / "runs")]) == 0
    assert "warning: no class, for want of a usable image: dog (1 HEIC files, 1 broken" in capsys.readouterr().out
    for path in (tmp_path / "images" / "dog").iterdir():
        path.unlink()
    assert train([*words, "--output-folder", str(tmp_path / "runs"), "--strict"]) == 2
    assert "every class must have an image that can be used; there is none in dog" in capsys.readouterr().err


@pytest.mark.parametrize("splits", [["train"], ["train", "test"]])
def test_classes_one_level_deeper_are_found(tmp_path, splits):
    for split in splits:
        for name in ("red", "blue"):
            draw(tmp_path / "a folder" / split / name / "0.png")
    with pytest.raises(
        InputError, match=r"blue, red lie one level deeper: give --data-folder '.*a folder/(train|test)'"
    ):
        class_names(scan(tmp_path / "a folder"))


def test_classes_whose_images_lie_deeper_are_classes(tmp_path):
    for name in ("cat/2020/0.png", "cat/2021/0.png", "dog/2020/0.png"):
        draw(tmp_path / name)
    assert class_names(scan(tmp_path)) == ["cat", "dog"]


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_a_picture_that_was_written_here_is_left_out(tmp_path, extension):
    draw(tmp_path / "good.png")
    write_picture(tmp_path / f"drawn{extension}", np.zeros([64, 64, 3], np.uint8), {"seed": "1"})
    found = scan(tmp_path)
    assert [image.path for image in found.images] == ["good.png"]
    assert found.written == (f"drawn{extension}",)
    assert f"left out, since SLE-GAN wrote them: drawn{extension}" in describe_images(found, 64)
    assert len(scan(tmp_path, with_written=True).images) == 2


@pytest.mark.parametrize("extension", [extension for extension in FILM_EXTENSIONS if extension != ".mp4"])
def test_a_film_that_was_written_here_is_left_out(tmp_path, extension):
    draw(tmp_path / "good.png")
    frames = np.random.default_rng(0).integers(0, 256, [3, 64, 64, 3], np.uint8)
    write_film(tmp_path / f"film{extension}", Footage(iter(frames), 10, True, iter(frames)))
    assert len(film_frames(tmp_path / f"film{extension}")) == 3
    assert scan(tmp_path).written == (f"film{extension}",)


def test_run_folders_and_output_folders_are_left_out_by_all_who_look_for_images(tmp_path, capsys):
    for seed in range(6):
        draw(tmp_path / f"{seed}.png", seed)
    run, _ = write_run(tmp_path / "runs" / "00000-fastgan-project", steps=(8,), data_folder=str(tmp_path))
    draw(run.samples / "step-000000.png")
    (run.path / ".sle-gan-output").unlink()  # of a version that made no mark
    make_output_folder(tmp_path / "exported")
    draw(tmp_path / "exported" / "a.png")
    found = scan(tmp_path)
    assert [image.path for image in found.images] == [f"{seed}.png" for seed in range(6)]
    assert found.written == ("exported/", "runs/00000-fastgan-project/")
    assert found.folders == ("runs",)
    assert doctor([str(tmp_path), "--resolution", "64", "--no-estimate"]) == 0
    told = capsys.readouterr().out
    assert "usable: 6" in told
    assert "left out, since SLE-GAN wrote them: 2" in told


def test_a_folder_that_was_there_gets_no_mark(tmp_path):
    draw(tmp_path / "mine" / "a.png")
    make_output_folder(tmp_path / "mine")
    assert len(scan(tmp_path).images) == 1


def test_the_drawn_flowers_are_training_images(tmp_path):
    from sle_gan.data.flowers.__main__ import main as flowers

    flowers([str(tmp_path / "flowers"), "--count", "2", "--size", "64"])
    assert len(scan(tmp_path / "flowers").images) == 2
