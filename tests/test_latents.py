"""Codes and styles in files and in the text of pictures: plain data that anyone may have written."""

import io
import zipfile

import numpy as np
import pytest

from sle_gan.errors import InputError
from sle_gan.export.latents import Code, Styles, latents_of_text, latents_text, read_latents, write_latents

RNG = np.random.default_rng(0)
CODE = RNG.normal(size=6).astype(np.float32)
LAYERS = RNG.normal(size=(3, 5)).astype(np.float32)


def arrays_of(latents):
    return [(type(latent), latent.numbers.tolist(), getattr(latent, "classes", None)) for latent in latents]


@pytest.mark.parametrize("latents", [[Code(CODE), Code(-CODE)], [Styles(LAYERS[:1])] * 2, [Styles(LAYERS)]])
def test_latents_are_the_same_to_the_last_bit_in_a_file_and_in_a_text(tmp_path, latents):
    write_latents(tmp_path / "code.npz", latents, {"generator": "fastgan", "run": "a"})
    assert arrays_of(read_latents([tmp_path / "code.npz"], "fastgan")) == arrays_of(latents)
    assert arrays_of(latents_of_text(latents_text(latents))) == arrays_of(latents)


def test_the_classes_of_codes_are_kept(tmp_path):
    latents = [Code(CODE, np.float32([0.25, 0.75]))]
    write_latents(tmp_path / "code.npz", latents, {"generator": "fastgan"})
    for (read,) in (read_latents([tmp_path / "code.npz"], "fastgan"), latents_of_text(latents_text(latents))):
        np.testing.assert_array_equal(read.classes, latents[0].classes)


def test_several_files_are_read_in_their_order(tmp_path):
    np.savez(tmp_path / "a.npz", codes=np.stack([CODE, 2 * CODE]).astype(np.float64))
    np.savez(tmp_path / "b.npz", styles=LAYERS[:2])
    read = read_latents([tmp_path / "b.npz", tmp_path / "a.npz"], "stylegan2")
    assert [type(latent).__name__ for latent in read] == ["Styles", "Styles", "Code", "Code"]
    assert (read[1].numbers.shape, read[3].numbers.dtype) == ((1, 5), np.float32)


def huge_claim():
    """A member whose header claims far more numbers than it holds."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 256)})
    return header.getvalue()


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"codes": CODE}, r"codes must be floats \[count, size\]; got float32 \[6\]"),
        ({"codes": np.zeros([0, 6], np.float32)}, "codes must be floats"),
        ({"codes": CODE[None].astype(int)}, "codes must be floats"),
        ({"codes": CODE[None] * np.float32(np.nan)}, "codes must be finite numbers"),
        ({"codes": CODE[None] * np.float32(1e30)}, "codes must be finite numbers from -10000 to 10000"),
        ({"codes": np.array([[{}]], object)}, "cannot be read as a file of codes or styles"),
        ({"styles": LAYERS[None, None]}, "styles must be floats"),
        ({"codes": CODE[None], "styles": LAYERS}, "must hold codes or styles"),
        ({"pictures": CODE[None]}, "must hold codes or styles"),
        ({"codes": CODE[None], "generator": "biggan"}, "holds codes of biggan; the run is fastgan"),
        ({"codes": CODE[None], "classes": np.ones([2, 3])}, "classes must be as many as codes, 1; got 2"),
    ],
)
def test_a_file_of_something_else_is_told_in_a_line(tmp_path, arrays, told):
    np.savez(tmp_path / "code.npz", **arrays)
    with pytest.raises(InputError, match=told) as found:
        read_latents([tmp_path / "code.npz"], "fastgan")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no file of arrays", huge_claim()])
def test_a_damaged_file_is_told_in_a_line(tmp_path, content):
    file = tmp_path / "code.npz"
    file.write_bytes(content)
    if content.startswith(b"\x93NUMPY"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("codes.npy", content)
    with pytest.raises(InputError, match="cannot be read as a file of codes or styles"):
        read_latents([file], "fastgan")
    with pytest.raises(InputError, match="there is no file"):
        read_latents([tmp_path / "nowhere.npz"], "fastgan")


def test_a_file_that_unpacks_to_more_than_memory_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "code.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as member:
        for _ in range(260):
            member.write(bytes(2**20))
    with pytest.raises(InputError, match="must hold 256 MiB at most"):
        read_latents([tmp_path / "code.npz"], "fastgan")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[7]",
        "[" * 100_000,
        '[{"code":""}]',
        '[{"code":"AAA="}]',
        '[{"code":"AADAfw=="}]',  # NaN
        '[{"code":7}]',
        '[{"styles":[]}]',
        '[{"styles":["AAAAAA==","AAAAAAAAAAA="]}]',
        '[{"code":"AAAAAA==","pickle":"x"}]',
    ],
)
def test_a_text_of_something_else_is_refused(text):
    with pytest.raises(InputError, match="latents must be"):
        latents_of_text(text)
