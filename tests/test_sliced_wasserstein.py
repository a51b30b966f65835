"""The sliced Wasserstein distance against SciPy's convolution and its distance along single directions."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from sle_gan.evaluation.sliced_wasserstein import (
    DIRECTIONS,
    LevelPatches,
    double,
    halve,
    laplacian_pyramid,
    sliced_wasserstein,
)

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, :, :, None] / 256


def noise(seed, count, side, channels=3):
    return np.random.default_rng(seed).integers(0, 256, [count, side, side, channels]).astype(np.uint8)


def blurred(images, sigma):
    return np.rint(scipy.ndimage.gaussian_filter(images.astype(float), [0, sigma, sigma, 0])).astype(np.uint8)


def distance(one, other, seed=0):
    return sliced_wasserstein(*(LevelPatches(len(set_of), 5).add(set_of).levels() for set_of in (one, other)), seed)


@pytest.mark.parametrize("side", [2, 32])
def test_halving_and_doubling_are_scipys_convolutions_that_mirror_at_the_edges(side):
    images = noise(0, 2, 2 * side).astype(np.float32)
    expected = scipy.ndimage.convolve(images.astype(float), BINOMIAL, mode="mirror")[:, ::2, ::2]
    np.testing.assert_allclose(halve(images), expected, atol=1e-4)
    small = noise(1, 2, side).astype(np.float32)
    enlarged = np.zeros([2, 2 * side, 2 * side, 3])
    enlarged[:, ::2, ::2] = small
    np.testing.assert_allclose(double(small), scipy.ndimage.convolve(enlarged, 4 * BINOMIAL, mode="mirror"), atol=1e-4)


@pytest.mark.parametrize("sides", [(64, 32, 16), (48, 24)])
def test_a_pyramid_is_the_image_again_when_it_is_put_together(sides):
    images = noise(0, 3, sides[0], channels=1).astype(np.float32)
    levels = list(laplacian_pyramid(images))
    assert [level.shape for level in levels] == [(3, side, side, 1) for side in sides]
    whole = levels.pop()
    while levels:
        whole = levels.pop() + double(whole)
    np.testing.assert_allclose(whole, images, atol=1e-3)


def test_the_distance_is_scipys_along_each_direction():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=[40, 2, 7, 7]), rng.exponential(size=[40, 2, 7, 7])
    found = sliced_wasserstein({16: one.astype(np.float32)}, {16: other.astype(np.float32)}, seed=3)
    normal = [
        ((set_of - set_of.mean(axis=(0, 2, 3), keepdims=True)) / set_of.std(axis=(0, 2, 3), keepdims=True))
        for set_of in (one, other)
    ]
    along = []
    for direction in np.random.default_rng(3).standard_normal([DIRECTIONS, 98]):
        projections = (set_of.reshape(40, 98) @ (direction / np.linalg.norm(direction)) for set_of in normal)
        along.append(scipy.stats.wasserstein_distance(*projections))
    assert found == {16: pytest.approx(1000 * np.mean(along), rel=1e-4)}


def test_equal_sets_are_0_apart_and_brightness_and_contrast_are_not_asked():
    images = noise(0, 20, 32)
    assert distance(images, images) == {16: 0, 32: 0}
    fainter = (images // 4 * 2 + 40).astype(np.uint8)
    assert max(distance(images // 4, fainter).values()) < 0.01


def test_a_blur_is_seen_at_the_levels_that_it_touches():
    images = np.repeat(np.repeat(noise(0, 40, 8), 16, axis=1), 16, axis=2)
    floor, apart = distance(images[:20], images[20:]), distance(images[:20], blurred(images[20:], 1.5))
    assert apart[128] > 3 * floor[128]
    assert apart[64] > 1.5 * floor[64]
    assert apart[16] < 1.2 * floor[16]


def test_patches_are_of_all_images_alike_and_do_not_depend_on_the_batches():
    images = noise(0, 6, 32)
    whole = LevelPatches(6, 1, patch_count=20).add(images).levels()
    parts = LevelPatches(6, 1, patch_count=20).add(images[:1]).add(images[1:])
    assert parts.per_image == 4
    assert {side: patches.shape for side, patches in whole.items()} == {16: (24, 3, 7, 7), 32: (24, 3, 7, 7)}
    for side, patches in parts.levels().items():
        np.testing.assert_array_equal(patches, whole[side])
        np.testing.assert_array_equal(parts.levels([1, 4])[side], patches[[4, 5, 6, 7, 16, 17, 18, 19]])
    assert not np.array_equal(LevelPatches(6, 2, patch_count=20).add(images).levels()[32], whole[32])


def test_a_patch_is_cut_out_of_its_level():
    image = noise(0, 1, 16)
    patch = LevelPatches(1, 0, patch_count=1).add(image).levels()[16][0]
    windows = [image[0, y : y + 7, x : x + 7] for y in range(10) for x in range(10)]
    assert sum(np.array_equal(patch.transpose(1, 2, 0), window) for window in windows) == 1


def test_equal_seeds_give_equal_distances_and_other_seeds_others():
    one, other = noise(0, 8, 16), noise(1, 30, 16)
    assert distance(one, other) == distance(one, other)
    assert distance(one, other, seed=1)[16] == pytest.approx(distance(one, other)[16], rel=0.2)
    assert distance(one, other, seed=1) != distance(one, other)


def test_images_of_one_color_have_a_distance_too():
    plain, images = np.full([4, 16, 16, 1], 7, np.uint8), noise(0, 4, 16, channels=1)
    assert distance(plain, plain) == {16: 0}
    assert distance(plain, images)[16] > 100
