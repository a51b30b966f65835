"""Scores of sets of features: known answers, plain loops, SciPy and scikit-learn."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from sklearn.neighbors import NearestNeighbors

from sle_gan.errors import InputError
from sle_gan.evaluation import distances, scores
from sle_gan.evaluation.distances import neighbor_distances
from sle_gan.evaluation.diversity import Diversity, UnitMaps
from sle_gan.evaluation.scores import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
    random_halves,
)
from sle_gan.pretrained.perceptual import PerceptualDistance

LITE0 = "efficientnet-lite0"


def drawn(seed, count, size=6, scale=1.0, shift=0.0):
    """Features whose numbers hang together, float32 `[count, size]`."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=[count, size]) @ np.random.default_rng(99).normal(size=[size, size])
    return (scale * mixed + shift).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of seven rows, so that few features make many blocks."""
    monkeypatch.setattr(distances, "BLOCK_ROWS", 7)


# --- FID ---


def test_moments_gathered_in_batches_are_those_of_the_whole(small_blocks):
    features = drawn(0, 101, shift=50)
    moments = Moments()
    for first, last in itertools.pairwise([0, 1, 4, 30, 31, 101]):
        moments.add(features[first:last])
    assert moments.count == 101
    assert len(moments.factor) <= 12
    np.testing.assert_allclose(moments.mean, features.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance(), np.cov(features.astype(np.float64).T), rtol=1e-10)


@pytest.mark.paper("Scores", "Heusel et al. 2017, arXiv:1706.08500", "FID")
@pytest.mark.parametrize(("n", "m"), [(200, 150), (5, 300), (4, 3)])
def test_the_frechet_distance_agrees_with_the_matrix_square_root_of_scipy(n, m):
    first, second = drawn(1, n).astype(np.float64), drawn(2, m, scale=1.3, shift=0.4).astype(np.float64)
    covariances = np.cov(first.T), np.cov(second.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1] + (0 if min(n, m) > 6 else 1e-12) * np.eye(6)).real
    expected = np.square(first.mean(0) - second.mean(0)).sum()
    expected += np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)
    value = frechet_distance(Moments().add(first), Moments().add(second))
    np.testing.assert_allclose(value, expected, rtol=1e-8 if min(n, m) > 6 else 1e-4)


def test_the_frechet_distance_of_gaussians_along_the_axes_is_known():
    signs = np.array(list(itertools.product([-1, 1], repeat=3)), np.float64)
    unit = signs * np.sqrt(7 / 8)  # eight features whose unbiased covariance is the identity
    np.testing.assert_allclose(Moments().add(unit).covariance(), np.eye(3), atol=1e-12)
    other = unit * [2, 3, 0.5] + [1, 0, -2]
    # |mean|^2 + sum of (1 - deviation)^2
    expected = (1 + 4) + (1 + 4 + 0.25)
    np.testing.assert_allclose(frechet_distance(Moments().add(unit), Moments().add(other)), expected, rtol=1e-12)


def test_the_frechet_distance_of_a_set_to_itself_is_0():
    features = drawn(3, 40)
    order = np.random.default_rng(0).permutation(40)
    assert frechet_distance(Moments().add(features), Moments().add(features[order])) < 1e-10


# --- KID ---


def cubic_mmd(real, fake):
    """The unbiased estimate, pair by pair, times 1000."""

    def kernel(x, y):
        return (float(np.dot(x, y)) / len(x) + 1) ** 3

    def within(features):
        count = len(features)
        pairs = [kernel(features[i], features[j]) for i in range(count) for j in range(count) if i != j]
        return sum(pairs) / (count * (count - 1))

    between = np.mean([kernel(x, y) for x in real for y in fake])
    return 1000 * (within(real) + within(fake) - 2 * between)


@pytest.mark.paper("Scores", "Binkowski et al. 2018, arXiv:1801.01401", "KID")
def test_kid_of_two_whole_sets_agrees_with_plain_loops(small_blocks):
    real, fake = drawn(4, 20).astype(np.float64), drawn(5, 20, shift=0.2).astype(np.float64)
    value, spread = kernel_distance(real, fake, seed=0)
    np.testing.assert_allclose(value, cubic_mmd(real, fake), rtol=1e-10)
    assert spread is None


def test_kid_of_subsets_agrees_with_plain_loops_over_the_same_subsets(small_blocks, monkeypatch):
    monkeypatch.setattr(scores, "_KID_SUBSETS", 5)
    monkeypatch.setattr(scores, "_KID_SUBSET_SIZE", 6)
    real, fake = drawn(6, 15).astype(np.float64), drawn(7, 19, shift=0.3).astype(np.float64)
    rng = np.random.default_rng(3)
    of_real = [rng.choice(15, 6, replace=False) for _ in range(5)]
    of_fake = [rng.choice(19, 6, replace=False) for _ in range(5)]
    expected = [cubic_mmd(real[i], fake[j]) for i, j in zip(of_real, of_fake, strict=True)]
    np.testing.assert_allclose(
        kernel_distance(real, fake, seed=3), [np.mean(expected), np.std(expected, ddof=1)], rtol=1e-9
    )


def test_kid_is_unbiased_where_fid_is_not():
    kids, fids = [], []
    for seed in range(40):
        one, other = drawn(100 + seed, 30), drawn(200 + seed, 30)
        kids.append(kernel_distance(one, other, seed)[0])
        fids.append(frechet_distance(Moments().add(one), Moments().add(other)))
    assert abs(np.mean(kids)) < 3 * np.std(kids) / np.sqrt(40)
    assert np.mean(fids) > 3 * np.std(fids) / np.sqrt(40)


def test_kid_of_many_features_draws_from_a_pool_of_them(monkeypatch):
    monkeypatch.setattr(scores, "_KID_POOL", 50)
    monkeypatch.setattr(scores, "_KID_SUBSET_SIZE", 20)
    value, spread = kernel_distance(drawn(0, 90), drawn(1, 80, shift=1), seed=0)
    far, _ = kernel_distance(drawn(0, 90), drawn(1, 80, shift=3), seed=0)
    assert 0 < spread < value < far


# --- precision, recall, density, coverage ---


@pytest.mark.paper("Scores", "arXiv:1904.06991, 2002.09797", "precision, recall, density and coverage")
def test_precision_recall_density_and_coverage_agree_with_scikit_learn(small_blocks):
    real, fake = drawn(8, 60), drawn(9, 45, scale=0.8, shift=0.5)
    trees = {name: NearestNeighbors().fit(x.astype(np.float64)) for name, x in (("real", real), ("fake", fake))}
    radii = {  # the sixth nearest of a set's own features: the first is the feature itself
        name: trees[name].kneighbors(x, 6)[0][:, -1] for name, x in (("real", real), ("fake", fake))
    }
    pairs, _ = trees["fake"].kneighbors(real, 45, return_distance=True)
    distance = np.linalg.norm(real[:, None].astype(np.float64) - fake[None], axis=-1)
    np.testing.assert_allclose(np.sort(distance, axis=1), pairs)
    expected = {
        "precision": (distance < radii["real"][:, None]).any(axis=0).mean(),
        "recall": (distance < radii["fake"][None]).any(axis=1).mean(),
        "density": (distance < radii["real"][:, None]).sum() / (5 * 45),
        "coverage": (pairs[:, 0] < radii["real"]).mean(),
    }
    assert 0.1 < expected["precision"] < 1
    assert precision_recall(real, fake) == pytest.approx(expected)


def test_equal_sets_are_wholly_precise_and_disjoint_ones_not_at_all():
    features = drawn(10, 30)
    same = precision_recall(features, features)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert precision_recall(features, features + 1000) == dict.fromkeys(same, 0)


def test_one_mode_of_two_is_precise_and_covers_half():
    left, right = drawn(11, 40), drawn(12, 40, shift=1000)
    found = precision_recall(np.concatenate([left, right]), left + np.float32(1e-4))
    assert found["precision"] == 1
    assert found["recall"] == found["coverage"] == 0.5
    assert found["density"] > 0.8


def test_equal_rows_are_neighbors_at_0_and_a_row_is_not_its_own(small_blocks):
    features = np.array([[0.0], [0], [3], [10]] * 5)
    np.testing.assert_array_equal(neighbor_distances(features[:4], 1), [0, 0, 9, 49])
    np.testing.assert_array_equal(neighbor_distances(features, 5)[:4], [0, 0, 9, 49])


# --- Inception Score ---


def test_the_inception_score_of_sure_and_even_classes_is_their_number():
    sure = 100 * np.eye(7)[np.arange(70) % 7]
    assert inception_score(sure) == (pytest.approx(7), None)
    assert inception_score(np.zeros([10, 7])) == (pytest.approx(1), None)


@pytest.mark.paper("Scores", "Salimans et al. 2016, arXiv:1606.03498", "Inception Score")
def test_the_inception_score_agrees_with_its_definition_over_splits(monkeypatch, small_blocks):
    monkeypatch.setattr(scores, "_INCEPTION_SCORE_SPLIT", 20)
    logits = 2 * np.random.default_rng(0).normal(size=[50, 9])
    expected = []
    for part in (logits[:20], logits[20:40]):
        shares = scipy.special.softmax(part, axis=1)
        divergences = [scipy.stats.entropy(row, shares.mean(axis=0)) for row in shares]
        expected.append(np.exp(np.mean(divergences)))
    np.testing.assert_allclose(inception_score(logits), [np.mean(expected), np.std(expected)], rtol=1e-10)


# --- diversity, halves, too few ---


def test_diversity_is_the_mean_distance_over_all_pairs():
    rng = np.random.default_rng(0)
    images = np.repeat(np.repeat(rng.integers(0, 256, [11, 8, 8, 3]), 6, axis=1), 6, axis=2).astype(np.uint8)
    pairs = np.array(list(itertools.combinations(range(11), 2)))
    scaled = images.astype(np.float32) / 127.5 - 1
    expected = PerceptualDistance()(scaled[pairs[:, 0]], scaled[pairs[:, 1]]).numpy().mean()
    unit_maps = UnitMaps(48, LITE0)
    in_parts = Diversity(unit_maps).add(images[:3]).add(images[3:])
    assert in_parts.count == 11
    assert in_parts.mean_distance() == pytest.approx(expected, rel=1e-5)
    equal = Diversity(unit_maps).add(np.repeat(images[:1], 9, axis=0))
    assert equal.mean_distance() == pytest.approx(0, abs=1e-6)


def test_diversity_of_large_images_is_that_of_their_means_at_256_px():
    rng = np.random.default_rng(0)
    small = np.repeat(np.repeat(rng.integers(0, 256, [3, 16, 16, 1]), 16, axis=1), 16, axis=2).astype(np.uint8)
    large = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    expected = Diversity(UnitMaps(256, LITE0)).add(small).mean_distance()
    assert Diversity(UnitMaps(512, LITE0)).add(large).mean_distance() == pytest.approx(expected, rel=1e-5)


def test_halves_have_no_common_element_and_all_but_the_odd_one():
    splits = list(random_halves(9, 3, seed=0))
    assert len(splits) == 3
    for one, other in splits:
        assert len(one) == len(other) == 4
        assert len({*one, *other}) == 8
    assert [list(one) for one, _ in splits] == [list(one) for one, _ in random_halves(9, 3, seed=0)]


def test_too_few_images_are_told():
    one, five = drawn(0, 1), drawn(0, 5)
    for score in (
        lambda: kernel_distance(one, five, 0),
        lambda: frechet_distance(Moments().add(one), Moments().add(five)),
        lambda: precision_recall(five, drawn(1, 9)),
        lambda: inception_score(np.zeros([0, 3])),
    ):
        with pytest.raises(InputError, match="images of either kind at least; got"):
            score()
    with pytest.raises(InputError, match="diversity needs two images at least; got 1"):
        Diversity(UnitMaps(32, LITE0)).add(np.zeros([1, 32, 32, 3], np.uint8)).mean_distance()
