import io
import resource

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.decode import decode_folder, read_image
from sle_gan.data.folder import scan
from sle_gan.data.load_images import load_images
from sle_gan.data.value_ranges import describe_value_ranges
from sle_gan.errors import InputError, StorageError
from sle_gan.settings import ImageSettings

WHITE = (255, 255, 255)


def read(path, resolution, channels=3, fit="stretch", background=WHITE):
    return read_image(path, resolution, channels, fit, background)


def drawn(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_says(tmp_path, orientation):
    shown = drawn(8, 8)
    # What a camera held that way stores, so that it is shown as `shown`.
    stored = {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.transpose(1, 0, 2),
        6: shown.transpose(1, 0, 2)[::-1],
        7: shown.transpose(1, 0, 2)[::-1, ::-1],
        8: shown.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "turned.png", 8), shown)


@pytest.mark.parametrize("extension", ["png", "tiff"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, extension):
    values = np.array([[0, 257], [32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{extension}")
    expected = np.array([[0, 1], [128, 255]])
    np.testing.assert_array_equal(read(tmp_path / f"deep.{extension}", 2, channels=1)[..., 0], expected)
    np.testing.assert_array_equal(read(tmp_path / f"deep.{extension}", 2)[..., 2], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[0.0, 0.5], [1.0, 0.2]], [[0, 128], [255, 51]]), ([[-100.0, 0.0], [300.0, 100.0]], [[0, 64], [255, 128]])],
    ids=["from 0 to 1", "wider"],
)
def test_floating_point_tiffs_are_scaled(tmp_path, values, expected):
    Image.fromarray(np.array(values, np.float32)).save(tmp_path / "float.tiff")
    np.testing.assert_array_equal(read(tmp_path / "float.tiff", 2, channels=1)[..., 0], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 128], [255, 51]], [[0, 128], [255, 51]]),
        ([[0, 32896], [65535, 257]], [[0, 128], [255, 1]]),
        ([[0, 100_000], [200_000, 50_000]], [[0, 128], [255, 64]]),
        ([[-100, 0], [300, 100]], [[0, 64], [255, 128]]),
    ],
    ids=["8 bits", "16 bits", "more", "signed"],
)
def test_tiffs_of_32_bit_whole_numbers_are_scaled(tmp_path, values, expected):
    Image.fromarray(np.array(values, np.int32)).save(tmp_path / "whole.tiff")
    np.testing.assert_array_equal(read(tmp_path / "whole.tiff", 2, channels=1)[..., 0], expected)


def test_transparent_pixels_take_the_background_and_hidden_colors_do_not_show(tmp_path):
    pixels = np.array([[[255, 0, 0, 0], [0, 255, 0, 255]], [[0, 0, 255, 128], [9, 9, 9, 255]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    expected = [[[10, 20, 30], [0, 255, 0]], [[5, 10, 143], [9, 9, 9]]]
    np.testing.assert_allclose(read(tmp_path / "alpha.png", 2, background=(10, 20, 30)), expected, atol=1)


def test_alpha_is_kept_when_it_is_asked_for_and_hidden_colors_do_not_bleed(tmp_path):
    pixels = np.zeros([4, 4, 4], np.uint8)
    pixels[:, :2] = [0, 200, 0, 255]
    pixels[:, 2:] = [255, 0, 0, 0]  # an invisible red
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read(tmp_path / "alpha.png", 4, channels=4)[0, 0], [0, 200, 0, 255])
    smaller = read(tmp_path / "alpha.png", 3, channels=4).astype(int)
    middle = smaller[:, 1]
    assert np.all(middle[:, 0] <= 2)  # no red in the mixed column
    assert np.all(np.abs(middle[:, 1] - 200) <= 2)
    assert np.all((middle[:, 3] > 60) & (middle[:, 3] < 200))


def test_a_palette_with_transparency_and_cmyk_become_rgb(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    palette.save(tmp_path / "palette.png", transparency=0)
    np.testing.assert_array_equal(read(tmp_path / "palette.png", 2)[0], [[255, 255, 255], [0, 0, 255]])
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "ink.tiff")
    np.testing.assert_array_equal(read(tmp_path / "ink.tiff", 2)[0, 0], [255, 0, 0])


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("L", 3), ("L", 4), ("1", 3), ("RGB", 1), ("LA", 3), ("RGBA", 4)]
)
def test_every_mode_gives_the_channels_that_are_asked_for(tmp_path, mode, channels):
    Image.new(mode, (6, 6), 255 if mode in "L1" else (255,) * len(mode)).save(tmp_path / "white.png")
    np.testing.assert_array_equal(read(tmp_path / "white.png", 4, channels=channels), np.full([4, 4, channels], 255))


def test_cropping_takes_the_middle(tmp_path):
    pixels = drawn(4, 10)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read(tmp_path / "wide.png", 4, fit="crop"), pixels[:, 3:7])
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "high.png")
    np.testing.assert_array_equal(read(tmp_path / "high.png", 4, fit="crop"), pixels.transpose(1, 0, 2)[3:7])


def test_padding_adds_borders_of_the_background(tmp_path):
    pixels = drawn(4, 8)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    padded = read(tmp_path / "wide.png", 8, fit="pad", background=(1, 2, 3))
    np.testing.assert_array_equal(padded[2:6], pixels)
    np.testing.assert_array_equal(padded[[0, 1, 6, 7]], np.broadcast_to([1, 2, 3], [4, 8, 3]))
    kept = read(tmp_path / "wide.png", 8, channels=4, fit="pad")
    np.testing.assert_array_equal(kept[[0, 7], :, 3], 0)


def test_stretching_changes_the_aspect(tmp_path):
    Image.new("RGB", (9, 3), (10, 20, 30)).save(tmp_path / "flat.png")
    np.testing.assert_array_equal(read(tmp_path / "flat.png", 5), np.broadcast_to([10, 20, 30], [5, 5, 3]))


def test_enlarging_and_reducing_keep_the_mean(tmp_path):
    pixels = drawn(64, 64)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    assert read(tmp_path / "noise.png", 4).mean() == pytest.approx(pixels.mean(), abs=2)
    assert read(tmp_path / "noise.png", 128).mean() == pytest.approx(pixels.mean(), abs=2)


@pytest.mark.parametrize(
    ("fit", "resolution"), [("crop", 32), ("crop", 75), ("crop", 150), ("pad", 99), ("pad", 200), ("stretch", 128)]
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_large_jpeg_is_decoded_at_a_smaller_scale_to_almost_the_same_image(tmp_path, fit, resolution, orientation):
    pixels = Image.fromarray(drawn(6, 8)).resize((801, 603), Image.Resampling.BICUBIC)
    pixels.paste((250, 20, 20), (150, 100, 350, 450))  # hard edges
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels.save(tmp_path / "large.jpg", quality=95, exif=exif)
    with Image.open(tmp_path / "large.jpg") as image:
        image.save(tmp_path / "whole.png", exif=exif, compress_level=0)
    small, whole = (read(tmp_path / name, resolution, fit=fit).astype(int) for name in ("large.jpg", "whole.png"))
    difference = np.abs(small - whole)
    assert difference.mean() < 1
    assert np.percentile(difference, 99) < 16  # at the edges


def test_a_large_jpeg_is_decoded_at_no_larger_a_scale_than_the_result_needs(tmp_path):
    Image.fromarray(drawn(6, 8)).resize((1600, 1200), Image.Resampling.BICUBIC).save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as image:
        image.draft(None, (200, 150))
        np.testing.assert_array_equal(read(tmp_path / "large.jpg", 200, fit="pad")[25:175], np.asarray(image))


def test_a_jpeg_that_is_less_than_twice_as_large_as_the_result_is_decoded_as_a_whole(tmp_path):
    Image.fromarray(drawn(6, 8)).resize((127, 126), Image.Resampling.BICUBIC).save(tmp_path / "small.jpg")
    with Image.open(tmp_path / "small.jpg") as image:
        whole = image.resize((64, 64), Image.Resampling.LANCZOS, (0, 0, 126, 126))
    np.testing.assert_array_equal(read(tmp_path / "small.jpg", 64, fit="crop"), np.asarray(whole))


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in ("#ff0000", "#00ff00")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(tmp_path / "film.gif", 2)[0, 0], [255, 0, 0])


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff", "gif", "bmp"])
def test_a_truncated_file_is_refused(tmp_path, extension):
    file = tmp_path / f"cut.{extension}"
    Image.fromarray(drawn(64, 64)).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError):
        read(file, 16)


def decode(folder, limit=10**9):
    settings = ImageSettings(data_folder=str(folder), resolution=8)
    return decode_folder(scan(folder), settings, memory_limit_bytes=limit, cache_file=folder / "cache.npy")


@pytest.fixture
def folder(tmp_path):
    for index in range(10):
        Image.new("RGB", (12, 12), (index, 0, 0)).save(tmp_path / f"{index}.png")
    cut = (tmp_path / "4.png").read_bytes()
    (tmp_path / "4.png").write_bytes(cut[:-25])
    return tmp_path


def test_a_folder_is_decoded_in_order_without_what_is_damaged(folder):
    images, kept, failures = decode(folder)
    whole = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert images.shape == (9, 8, 8, 3)
    assert images[:, 0, 0, 0].tolist() == whole
    assert [image.path for image in kept] == [f"{index}.png" for index in whole]
    assert [path for path, _ in failures] == ["4.png"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "short_seconds", "told"), [(Terminal, 0, True), (Terminal, 60, False), (io.StringIO, 0, False)]
)
def test_a_bar_tells_on_a_terminal_how_far_lengthy_decoding_has_come(folder, monkeypatch, stream, short_seconds, told):
    monkeypatch.setattr("sys.stdout", output := stream())
    monkeypatch.setattr("sle_gan.data.in_threads._SHORT_SECONDS", short_seconds)
    monkeypatch.setenv("TERM", "xterm")
    decode(folder)
    for text in ("reading", "decoding", "10/10"):
        assert (text in output.getvalue()) == told


@pytest.mark.parametrize("limit", [100, 10**9])
def test_the_images_begin_where_tensorflow_needs_no_copy(folder, limit):
    assert [decode(folder, limit=limit)[0].ctypes.data % 64 for _ in range(5)] == [0] * 5


def test_above_the_limit_the_images_lie_in_a_file(folder):
    images, _, _ = decode(folder, limit=100)
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, decode(folder)[0])  # 9 of 10, so the count has a digit less
    assert [path.name for path in folder.glob("cache*")] == ["cache.npy"]


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # like a disk that is full after 500 bytes
    try:
        with pytest.raises(StorageError, match=r"need 0 MiB in .*cache\.npy: File too large; free space"):
            decode(folder, limit=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(folder.glob("cache*")) == []


def test_damaged_metadata_is_no_matter(tmp_path):
    Image.new("RGB", (8, 8), "white").save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x09")
    np.testing.assert_array_equal(decode(tmp_path)[0], np.full([1, 8, 8, 3], 255))


def test_a_png_whose_bytes_are_not_those_of_its_checksums_is_refused(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, size=(32, 32, 3), dtype=np.uint8)
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file, compress_level=0)
    content = bytearray(file.read_bytes())
    content[content.index(b"IDAT") + 500] ^= 8  # in the middle of a row that is not compressed
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be decoded"):
        read_image(file, 32, 3, "crop", (0, 0, 0))


def test_a_folder_of_damaged_images_alone_is_told(folder):
    for index in range(10):
        (folder / f"{index}.png").write_bytes((folder / "4.png").read_bytes())
    with pytest.raises(InputError, match=r"none of the 10 images can be decoded; the first: 0\.png: cannot be decoded"):
        decode(folder, limit=100)
    assert list(folder.glob("cache*")) == []


# Values of more than 8 bits


def save_deep(folder, values, name="a.png"):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(folder / name)


def test_a_range_maps_all_images_alike_and_cuts_off_what_lies_beyond(tmp_path):
    save_deep(tmp_path, np.array([[1000, 2000], [3000, 5000]], np.uint16))
    save_deep(tmp_path, np.array([[0.0, 2000.0], [2500.0, 3000.0]], np.float32), "b.tiff")
    images = load_images(tmp_path, resolution=2, channels=1, range=(1000, 3000))[..., 0]
    np.testing.assert_array_equal(images, [[[0, 128], [255, 255]], [[0, 128], [191, 255]]])


def test_eight_bits_are_what_they_are_whatever_the_range(tmp_path):
    save_deep(tmp_path, np.array([[0, 100], [200, 255]], np.uint8))
    images = load_images(tmp_path, resolution=2, channels=1, range=(1000, 3000))[..., 0]
    np.testing.assert_array_equal(images, [[[0, 100], [200, 255]]])


@pytest.mark.parametrize(
    ("values", "value_range", "told"),
    [
        (np.uint16([[635, 3276]]), None, "values 635 to 3276: warning: only 4% of 0 to 65535, so they look flat; give"),
        (np.uint16([[0, 60000]]), None, "values 0 to 60000, mapped from 0 to 65535"),
        (np.uint16([[635, 3276]]), (600, 3300), "values 635 to 3276, mapped from 600 to 3300"),
        (np.uint16([[635, 3276]]), (700, 3300), "mapped from 700 to 3300; those beyond are cut off"),
        (np.float32([[0, 1]]), None, "values 0 to 1, mapped from 0 to 1"),
        (np.float32([[-1000, 3000]]), None, "warning: scaled each by itself: a.tiff; give --range=-1000,3000 for all"),
        (np.float32([[0, np.nan]]), None, "values 0 to 0: warning: only 0% of 0 to 1"),
        (np.int32([[0, 200]]), None, "values 0 to 200, mapped from 0 to 255"),
        (np.int32([[0, 4000]]), None, "warning: only 6% of 0 to 65535"),
    ],
)
def test_the_range_of_deep_images_is_told_with_the_flag_that_fits(tmp_path, values, value_range, told):
    save_deep(tmp_path, np.tile(values, [8, 4]), "a.tiff")
    (line,) = describe_value_ranges(scan(tmp_path), value_range)
    assert told in line
    assert line.startswith("1 images of more than 8 bits, values ")


def test_the_range_of_eight_bits_is_not_told(tmp_path):
    save_deep(tmp_path, np.uint8([[3, 12]]))
    assert describe_value_ranges(scan(tmp_path), None) == []


def test_of_many_deep_images_some_are_looked_at(tmp_path):
    for index in range(130):
        save_deep(tmp_path, np.full([4, 4], 30000 + 200 * index, np.uint16), f"{index:03d}.png")
    (line,) = describe_value_ranges(scan(tmp_path), None)
    assert line.startswith("130 images of more than 8 bits, values 30000 to 55")
    assert "in the 44 that were looked at" in line
