import json
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.folder import changed_images, findings, manifest, read_manifest, scan
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
    assert (scan(tmp_path).images[0].width, scan(tmp_path).images[0].height) == (30, 40)


def test_what_is_no_image_is_ignored_and_what_pretends_to_be_one_is_skipped_with_a_reason(tmp_path):
    draw(tmp_path / "good.png")
    for name in (".hidden.png", "Thumbs.db", "notes.txt", "factors.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_text("<html></html>")
    (tmp_path / "half.png").write_bytes((tmp_path / "good.png").read_bytes()[:20])
    draw(tmp_path / "thin.png", 2100, 100)
    found = scan(tmp_path)
    assert [image.path for image in found.images] == ["good.png"]
    assert found.ignored == 4
    assert set(reasons(found)) == {"empty.jpg", "page.jpg", "half.png", "thin.png"}
    assert reasons(found)["empty.jpg"] == "an empty file"
    assert reasons(found)["page.jpg"].startswith("not a JPEG, PNG")
    assert reasons(found)["thin.png"] == "2100 x 100, longer than 20 times its width"


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
    assert reasons(found)["pipe.png"] == "no regular file"
    assert "self.png" in reasons(found)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold UTF-8 names alone")
def test_names_of_other_bytes_than_utf_8_work(tmp_path, capsys):
    draw(tmp_path / "good.png")
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes((tmp_path / "good.png").read_bytes())
    found = scan(tmp_path)
    assert name in {image.path for image in found.images}
    assert json.loads(json.dumps(manifest(found)))["images"] == manifest(found)["images"]
    print("\n".join(findings(found, 16)))
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


def test_a_missing_folder_and_a_file_are_told(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        scan(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is no folder"):
        scan(tmp_path / "file")


def test_findings_tell_what_a_person_should_know(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")  # the same bytes
    draw(tmp_path / "c.png", 100, 80, "L", seed=1)
    (tmp_path / "broken.jpg").write_text("x")
    (tmp_path / "notes.txt").touch()
    frames = [Image.new("L", (90, 90), 80 * index) for index in range(3)]
    frames[0].save(tmp_path / "d.gif", save_all=True, append_images=frames[1:])
    told = findings(scan(tmp_path), 64)
    assert told[0] == "4 images, shorter side 30 to 90 px, 1 L, 1 P, 2 RGB"
    assert told[1] == "1 other files ignored"
    assert told[2].startswith("1 files skipped: broken.jpg (not a JPEG")
    assert told[3] == "1 images are there more than once: a.png = b.png"
    assert told[4] == "2 images are smaller than 64 px and are enlarged"
    assert told[5] == "1 images are animated: the first frame is used"
    assert told[6].startswith("4 images are very few")


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
