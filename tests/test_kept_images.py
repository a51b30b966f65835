"""Decoded images that are kept between runs."""

import os
import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.data.load_images import load_images
from sle_gan.settings import ImageSettings

SIDE = 16


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The folder of kept images; sets of any size are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sle_gan.data.kept_images.FEWEST_PIXELS", 1)
    return tmp_path / "cache/sle-gan/decoded"


@pytest.fixture
def folder(tmp_path):
    return draw(tmp_path / "images")


def draw(folder, count=3):
    folder.mkdir()
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, size=(20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def settings(folder, **more):
    return ImageSettings(data_folder=str(folder), **{"resolution": SIDE, **more})


def kept(store):
    return sorted(store.iterdir()) if store.exists() else []


@pytest.mark.parametrize("cache_limit_bytes", [100, 10**9], ids=["in a file", "in memory"])
def test_images_that_were_decoded_are_read_again_without_their_files(
    store, folder, tmp_path, monkeypatch, cache_limit_bytes
):
    monkeypatch.setattr(ImageSettings, "cache_limit_bytes", cache_limit_bytes)
    scanned = scan(folder)
    first, first_kept, _ = decode_images(scanned, settings(folder), tmp_path / "images.npy")
    first = first.copy()
    shutil.rmtree(folder)
    again, again_kept, failures = decode_images(scanned, settings(folder), tmp_path / "images.npy")
    np.testing.assert_array_equal(again, first)
    assert again.ctypes.data % 64 == 0
    assert (again_kept, failures) == (first_kept, ())


@pytest.mark.parametrize(
    "other",
    [
        *({"resolution": 8}, {"channels": 1}, {"fit": "pad"}, {"background": "#000000"}, {"range": (0.0, 9.0)}),
        *("an image", "an image less", "the order", "the decoder"),
    ],
    ids=str,
)
def test_what_decides_over_the_pixels_is_told_apart(store, folder, monkeypatch, other):
    scanned = scan(folder)
    decode_images(scanned, settings(folder))
    first, second, third = scanned.images
    if other == "an image":
        Image.new("RGB", (20, 20)).save(folder / "0.png")
        scanned = scan(folder)
    elif other == "an image less":
        scanned = replace(scanned, images=(first, second))
    elif other == "the order":
        scanned = replace(scanned, images=(third, second, first))
    elif other == "the decoder":
        monkeypatch.setattr("PIL.features.version", lambda name: "another")
    own = other if isinstance(other, dict) else {}
    images, _, _ = decode_images(scanned, settings(folder, **own))
    assert len(kept(store)) == 2
    np.testing.assert_array_equal(images, decode_images(scanned, settings(folder, keep_decoded=0, **own))[0])


def test_what_does_not_decide_over_the_pixels_is_not(store, folder, tmp_path):
    decode_images(scan(folder), settings(folder))
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    decode_images(scan(elsewhere), settings(elsewhere, flip=False, cache_limit=7, strict=True))
    assert len(kept(store)) == 1


def flip(content):
    content[len(content) // 2] ^= 1


def cut(content):
    del content[-40:]


def empty(content):
    content.clear()


def scramble_places(content):
    place = content.index(b"[0, 1, 2]")
    content[place : place + 9] = b"[0, 1, 9]"


def fill_with_noise(content):
    content[:] = np.random.default_rng(0).bytes(len(content))


@pytest.mark.parametrize("damage", [flip, cut, empty, scramble_places, fill_with_noise])
def test_a_damaged_file_is_made_again(store, folder, damage):
    scanned = scan(folder)
    expected, _, _ = decode_images(scanned, settings(folder))
    (file,) = kept(store)
    whole = file.read_bytes()
    content = bytearray(whole)
    damage(content)
    file.write_bytes(content)
    np.testing.assert_array_equal(decode_images(scanned, settings(folder))[0], expected)
    assert [path.name for path in kept(store)] == [file.name]
    assert len(file.read_bytes()) == len(whole)
    shutil.rmtree(folder)
    np.testing.assert_array_equal(decode_images(scanned, settings(folder))[0], expected)


def test_an_image_that_could_not_be_decoded_is_tried_again(store, folder, tmp_path):
    scanned = scan(folder)
    (folder / "1.png").rename(tmp_path / "away.png")
    for _ in range(2):
        images, found, failures = decode_images(scanned, settings(folder))
        assert [image.path for image in found] == ["0.png", "2.png"]
        assert [path for path, _ in failures] == ["1.png"]
        assert len(images) == 2
    (tmp_path / "away.png").rename(folder / "1.png")
    images, found, failures = decode_images(scanned, settings(folder))
    assert (len(images), len(found), failures) == (3, 3, ())


def test_the_sets_that_were_not_used_for_the_longest_time_make_room(store, folder):
    scanned = replace(scan(folder), images=scan(folder).images[:1])

    def keep(resolution):  # an image of 620 px takes 1.1 MB
        before = set(kept(store))
        decode_images(scanned, settings(folder, resolution=resolution, keep_decoded=3))
        return set(kept(store)) - before

    (first,), (second,) = keep(620), keep(621)
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    assert keep(620) == set()  # it is used
    (third,) = keep(622)
    assert kept(store) == sorted([first, third])
    assert keep(1200) == set()  # larger than the room there is
    assert kept(store) == sorted([first, third])


def test_nothing_is_kept_where_it_is_not_asked_for_or_not_worth_it(store, folder, monkeypatch):
    decode_images(scan(folder), settings(folder, keep_decoded=0))
    load_images(folder, resolution=SIDE)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(store.parents[1]))
    decode_images(scan(folder), settings(folder))
    assert kept(store) == []


def test_images_that_cannot_be_kept_are_decoded_nevertheless(store, folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # like a disk that is full after 500 bytes
    try:
        images, _, _ = decode_images(scan(folder), settings(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(images) == 3
    assert kept(store) == []
    shutil.rmtree(store)
    store.write_bytes(b"")  # no folder can be made here
    assert len(decode_images(scan(folder), settings(folder))[0]) == 3
