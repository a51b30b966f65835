"""Copies of training images are found, new pictures of the same kind are not."""

import io

import numpy as np
import pytest
from PIL import Image

from sle_gan.data.flowers import draw_flower, sample_factors
from sle_gan.errors import InputError
from sle_gan.evaluation.judges import JUDGES
from sle_gan.evaluation.memorization import NEAR_COPY_RATIO, CopyDetector, Memorization


def flowers(seed, count):
    return np.stack([np.asarray(draw_flower(sample_factors(seed, index), 64)) for index in range(count)])


def compressed(images, quality):
    result = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        result.append(np.asarray(Image.open(file)))
    return np.stack(result)


@pytest.fixture(scope="module")
def training_flowers():
    return flowers(0, 100)


@pytest.fixture(scope="module", params=JUDGES)
def network(request):
    return request.param


@pytest.fixture(scope="module")
def detector(training_flowers, network):
    return CopyDetector(training_flowers, network)


def test_replayed_training_images_are_all_found(detector, training_flowers):
    found = detector.nearest(training_flowers)
    np.testing.assert_array_equal(found.indices, np.arange(100))
    np.testing.assert_array_equal(found.ratios, np.zeros(100))
    assert not found.mirrored.any()
    assert found.near_copies().all()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quality", [90, 80])
def test_replays_that_are_compressed_and_mirrored_are_all_found(detector, training_flowers, quality, mirrored):
    replayed = training_flowers[::2, :, ::-1] if mirrored else training_flowers[::2]
    found = detector.nearest(compressed(replayed, quality))
    np.testing.assert_array_equal(found.indices, np.arange(0, 100, 2))
    assert (found.mirrored == mirrored).all()
    assert found.near_copies().all()
    assert (found.ratios > 0).all()


def test_shifted_and_brighter_replays_are_found(detector, training_flowers):
    shifted = np.roll(training_flowers[:40], 2, axis=2)
    brighter = np.clip(training_flowers[40:80] * 0.9 + 20, 0, 255).astype(np.uint8)
    assert detector.nearest(shifted).near_copies().all()
    assert detector.nearest(brighter).near_copies().all()


def test_new_flowers_of_the_same_kind_are_no_copies(detector):
    found = detector.nearest(flowers(1, 100))
    assert not found.near_copies().any()
    assert 0.9 < np.median(found.ratios) < 1.1
    assert detector.near_copies_among_reals == 0


def test_the_ratio_is_to_the_median_of_the_distances_that_leave_the_image_out(training_flowers, network):
    few = training_flowers[:4]
    whole = CopyDetector(few, network)
    leave_one_out = []
    for index in range(4):
        # Measured by a detector that never saw the image: its ratios are in units of its own median.
        others = CopyDetector(np.delete(few, index, axis=0), network)
        leave_one_out.append(others.nearest(few[index : index + 1]).ratios[0] * others._scale)
    assert whole._scale == pytest.approx(np.median(leave_one_out), rel=1e-4)


def test_an_image_that_is_there_twice_leaves_the_measure_as_it_is(training_flowers, network):
    few = training_flowers[:20]
    doubled = CopyDetector(np.concatenate([few, few[:4]]), network)
    assert doubled.near_copies_among_reals == pytest.approx(8 / 24)
    new = flowers(1, 10)
    np.testing.assert_allclose(doubled.nearest(new).ratios, CopyDetector(few, network).nearest(new).ratios, rtol=0.15)
    with pytest.raises(InputError, match="two different training images"):
        CopyDetector(np.repeat(few[:1], 3, axis=0), network)


def test_a_set_of_which_a_quarter_is_replayed_is_summed_up_and_shown(detector, training_flowers):
    generated = np.concatenate([flowers(2, 30), compressed(training_flowers[[7, 70]], 90), training_flowers[50:58]])
    memorization = Memorization(detector, range(500, 540))
    for first in range(0, 40, 16):
        memorization.add(generated[first : first + 16])
    summary = memorization.summary()
    assert summary["near_copies"] == 0.25
    assert summary["smallest_ratio"] == 0
    assert summary["threshold"] == NEAR_COPY_RATIO
    assert NEAR_COPY_RATIO < summary["median_ratio"] < 1.2
    sheet, words = memorization.sheet(training_flowers)
    assert words.startswith("seed 532 = image 50 at 0.00; seed 533 = image 51 at 0.00")
    assert sheet.shape == (2 * 64 + 2, 8 * 64 + 7 * 2, 3)
    np.testing.assert_array_equal(sheet[:64, :64], generated[32])
    np.testing.assert_array_equal(sheet[:64, 66:130], training_flowers[50])


def test_the_sheet_shows_the_mirror_image_that_was_near(detector, training_flowers):
    memorization = Memorization(detector, [9])
    memorization.add(training_flowers[3:4, :, ::-1])
    sheet, words = memorization.sheet(training_flowers)
    assert words == "seed 9 = mirrored image 3 at 0.00"
    np.testing.assert_array_equal(sheet[:, :64], sheet[:, 66:])


def test_grey_images_are_described_too(network):
    grey = flowers(0, 6).mean(axis=-1, keepdims=True).astype(np.uint8)
    assert CopyDetector(grey, network).nearest(grey[2:3, :, ::-1]).indices.tolist() == [2]
