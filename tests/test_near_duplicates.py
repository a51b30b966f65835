import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from sle_gan.data.decode import read_image
from sle_gan.data.near_duplicates import near_duplicates, perceptual_hashes


def photograph(seed, side=200):
    coarse = np.random.default_rng(seed).integers(0, 256, size=(6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def small(image, **options):
    file = io.BytesIO()
    image.save(file, **({"format": "PNG"} | options))
    return read_image(file, 32, 1, "stretch", (255, 255, 255))[..., 0]


CHANGES = {
    "compressed": lambda image: small(image, format="JPEG", quality=30),
    "halved": lambda image: small(image.resize((100, 100))),
    "stretched": lambda image: small(image.resize((260, 180))),
    "mirrored": lambda image: small(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), format="JPEG", quality=70),
    "brighter": lambda image: small(image.point(lambda value: min(255, int(value * 0.9 + 18)))),
}


def test_the_hash_is_that_of_scipys_cosine_transform():
    pictures = np.random.default_rng(0).integers(0, 256, size=(5, 32, 32), dtype=np.uint8)
    lowest = dctn(pictures.astype(float), axes=(1, 2))[:, :8, :8].reshape(5, 64)
    expected = lowest > np.median(lowest, axis=1, keepdims=True)
    np.testing.assert_array_equal(perceptual_hashes(pictures), expected)
    assert expected.sum() == 5 * 32


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_copy_is_found_among_others(change):
    pictures = np.stack([small(photograph(seed)) for seed in range(30)] + [change(photograph(7))])
    assert near_duplicates(pictures) == [[7, 30]]


def test_different_images_are_no_duplicates():
    assert near_duplicates(np.stack([small(photograph(seed)) for seed in range(200)])) == []


def test_flat_images_of_other_greys_are_no_duplicates():
    flat = np.array([20, 120, 220], np.uint8)[:, None, None] * np.ones([1, 32, 32], np.uint8)
    assert near_duplicates(flat) == []


def test_a_group_is_found_across_blocks():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, size=(2100, 32, 32), dtype=np.uint8)
    pictures[[5, 1024, 2099]] = pictures[5]
    pictures[2050] = pictures[1300][:, ::-1]
    assert near_duplicates(pictures) == [[5, 1024, 2099], [1300, 2050]]


def test_a_chain_of_small_changes_is_one_group():
    first, last = small(photograph(0)).astype(float), small(photograph(1)).astype(float)
    steps = [(first + (last - first) * share).astype(np.uint8) for share in np.linspace(0, 1, 40)]
    assert near_duplicates(np.stack([steps[0], steps[-1]])) == []
    assert near_duplicates(np.stack(steps)) == [list(range(40))]
