import io
import json
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.folder import describe_images, hold_out, scan
from sle_gan.data.manifest import changed_images, manifest, read_manifest
from sle_gan.errors import InputError


def draw(path, width=40, height=30, mode="RGB", seed=0, **options):
    pixels = np.random.default_rng(seed).integers(0, 256, size=(height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, **options)


def reasons(found):
    return dict(found.skipped)


def test_images_are_found_in_every_format_and_sub_folder_in_the_order_of_their_bytes(tmp_path):
    names = ["b.JPG", "a/c.jpeg", "a/d.PnG", "Z.webp", "é.bmp", "with space.gif", "f.tiff"]
    for seed, name in enumerate(names):
        draw(tmp_path / name, seed=seed)
    found = scan(tmp_path)
    assert [image.path for image in found.images] == sorted(names, key=os.fsencode)
    assert {image.format for image in found.images} == {"JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"}
    assert found.skipped == ()


def test_the_size_is_the_one_that_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(tmp_path / "turned.jpg", 40, 30, exif=exif)
    assert (scan(tmp_path).images[0].width_px, scan(tmp_path).images[0].height_px) == (30, 40)


def test_what_is_no_image_is_ignored_and_what_pretends_to_be_one_is_skipped_with_a_reason(tmp_path):
    draw(tmp_path / "good.png")
    draw(tmp_path / ".thumbnails" / "good.png")
    (tmp_path / "link.txt").symlink_to(tmp_path / "nothing")
    for name in (".hidden.png", "Thumbs.db", "notes.txt", "factors.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_text("<html></html>")
    (tmp_path / "half.png").write_bytes((tmp_path / "good.png").read_bytes()[:20])
    draw(tmp_path / "thin.png", 2100, 100)
    found = scan(tmp_path)
    assert [image.path for image in found.images] == ["good.png"]
    assert found.ignored == 6
    assert set(reasons(found)) == {"empty.jpg", "page.jpg", "half.png", "thin.png"}
    assert reasons(found)["empty.jpg"] == "an empty file"
    assert reasons(found)["page.jpg"].startswith("not a JPEG, PNG")
    assert reasons(found)["thin.png"] == "2100 x 100, one side more than 20 times the other"
    assert list(reasons(found)) == sorted(reasons(found))


@pytest.mark.parametrize(("width", "height"), [(11_000, 10_000), (60_000, 50_000)])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path, width, height):
    draw(tmp_path / "good.png")

    # A one-bit image of zeros is tiny, however many pixels it promises.
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    assert "more than 100 megapixels" in reasons(scan(tmp_path))["bomb.png"]


def test_pipes_links_in_circles_and_unreadable_folders_never_hang(tmp_path):
    draw(tmp_path / "good.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "up").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    found = scan(tmp_path)
    assert [image.path for image in found.images] == ["good.png"]
    assert found.ignored == 1
    assert list(reasons(found)) == ["self.png"]


def test_of_two_names_for_a_folder_the_first_is_entered(tmp_path):
    draw(tmp_path / "b" / "good.png")
    for name in "ca":
        (tmp_path / name).symlink_to("b")
    assert [image.path for image in scan(tmp_path).images] == ["a/good.png"]


def test_the_previews_in_the_jpeg_of_a_telephone_are_no_frames(tmp_path):
    pictures = [Image.new("RGB", (8, 8), color) for color in ("#ff0000", "#00ff00")]
    pictures[0].save(tmp_path / "photograph.jpg", "MPO", save_all=True, append_images=pictures[1:])
    assert [image.frames for image in scan(tmp_path).images] == [1]


def test_damaged_metadata_is_no_matter(tmp_path):
    draw(tmp_path / "good.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x09")
    assert [image.path for image in scan(tmp_path).images] == ["good.jpg"]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_damaged_bytes_are_skipped_or_read_and_nothing_else(tmp_path, file_format):
    rng = np.random.default_rng(0)
    frames = [Image.new("RGB", (8, 8), color) for color in ("#ff0000", "#00ff00")]
    whole = io.BytesIO()
    several = {"append_images": frames[1:]} if file_format in {"PNG", "WEBP", "GIF", "TIFF"} else {}
    frames[0].save(whole, file_format, save_all=bool(several), **several)
    for index in range(40):
        content = np.frombuffer(whole.getvalue(), np.uint8).copy()
        content[rng.integers(len(content), size=4)] = rng.integers(256, size=4)
        (tmp_path / f"{index}.png").write_bytes(content[: rng.integers(1, len(content)) if index % 2 else None])
    draw(tmp_path / "good.png")
    found = scan(tmp_path)
    assert len(found.images) + len(found.skipped) == 41
    assert all(reason for _, reason in found.skipped)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold UTF-8 names alone")
def test_names_of_other_bytes_than_utf_8_work(tmp_path, capsys):
    draw(tmp_path / "good.png")
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes((tmp_path / "good.png").read_bytes())
    found = scan(tmp_path)
    assert name in {image.path for image in found.images}
    assert json.loads(json.dumps(manifest(found)))["images"] == manifest(found)["images"]
    print("\n".join(describe_images(found, 16)))
    assert "caf\ufffd.png" in capsys.readouterr().out


@pytest.mark.parametrize("content", [[], ["notes.txt"], ["below/notes.txt"], ["broken.png"]])
def test_a_folder_without_usable_images_is_told(tmp_path, content):
    for name in content:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    with pytest.raises(
        InputError, match=rf"0 usable images of {len(content)} files in .* and its sub-folders.*; give a"
    ):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none", "No such file"), ("file", "Not a directory"), ("x" * 300, "File name too long"), ("\0", "null")],
)
def test_a_folder_that_cannot_be_listed_is_told(tmp_path, name, reason):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=rf"the data folder must be a folder of images; got .* \(.*{reason}.*\)"):
        scan(tmp_path / name)


def test_findings_tell_what_a_person_should_know(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")  # the same bytes
    draw(tmp_path / "c.png", 100, 80, "L", seed=1)
    (tmp_path / "broken.jpg").write_text("x")
    (tmp_path / "notes.txt").touch()
    frames = [Image.new("L", (90, 90), 80 * index) for index in range(3)]
    frames[0].save(tmp_path / "d.gif", save_all=True, append_images=frames[1:])
    told = describe_images(scan(tmp_path), 64)
    assert told[0] == "4 images, shorter side 30 to 90 px, width / height 1.00 to 1.33, 1 L, 1 P, 2 RGB"
    assert told[1] == "1 other file ignored"
    assert told[2].startswith("1 file skipped: broken.jpg (not a JPEG")
    assert told[3] == "1 image more than once: a.png = b.png"
    assert told[4] == "2 images smaller than 64 px, enlarged"
    assert told[5] == "1 image of several frames: the first is used"
    assert told[6] == "fewer than 20 images: the samples will be near copies of them"


def test_a_manifest_tells_what_changed(tmp_path):
    for index, name in enumerate("abc"):
        draw(tmp_path / f"{name}.png", seed=index)
    before = manifest(scan(tmp_path))
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(before))
    (tmp_path / "a.png").unlink()
    draw(tmp_path / "b.png", seed=9)
    draw(tmp_path / "d.png", seed=10)
    assert changed_images(read_manifest(file), manifest(scan(tmp_path))) == (["d.png"], ["a.png"], ["b.png"])


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 9, "images": []}', '{"schema": 1, "images": [{"path": 3}]}'])
def test_a_damaged_manifest_is_told(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="is damaged or of another version"):
        read_manifest(tmp_path / "manifest.json")


def test_some_images_are_held_out_and_equal_ones_stay_together(tmp_path):
    for index in range(8):
        draw(tmp_path / f"{index}.png", seed=index)
        (tmp_path / f"copy of {index}.png").write_bytes((tmp_path / f"{index}.png").read_bytes())
    found = scan(tmp_path)
    kept, held_out = hold_out(found, 0.25, seed=3)
    assert (len(kept.images), len(held_out.images)) == (12, 4)
    assert {image.sha256 for image in kept.images}.isdisjoint(image.sha256 for image in held_out.images)
    assert sorted((*kept.images, *held_out.images), key=found.images.index) == list(found.images)
    assert hold_out(found, 0.25, seed=3) == (kept, held_out)
    assert len({hold_out(found, 0.25, seed)[1].images for seed in range(9)}) > 1
    assert hold_out(found, 0, seed=3) == (found, None)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_share_that_holds_out_all_or_nothing_is_told(tmp_path, share):
    for index in range(3):
        draw(tmp_path / f"{index}.png", seed=index)
    with pytest.raises(InputError, match=r"leave images to train on and hold some out; got 0\.[19] of 3 images"):
        hold_out(scan(tmp_path), share, seed=0)


def test_a_manifest_keeps_what_was_held_out_skipped_and_ignored(tmp_path):
    for index in range(4):
        draw(tmp_path / f"{index}.png", seed=index)
    (tmp_path / "broken.png").write_text("no picture")
    (tmp_path / "notes.txt").touch()
    kept, held_out = hold_out(scan(tmp_path), 0.25, seed=0)
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest(kept, held_out)))
    kept_manifest = read_manifest(file)
    assert [image["path"] for image in kept_manifest["held_out"]] == [held_out.images[0].path]
    assert [path for path, _ in kept_manifest["skipped"]] == ["broken.png"]
    assert kept_manifest["ignored"] == 1
    (tmp_path / held_out.images[0].path).unlink()
    gone = changed_images(kept_manifest, manifest(*hold_out(scan(tmp_path), 0, seed=0)))
    assert gone == ([], [held_out.images[0].path], [])
