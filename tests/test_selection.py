import numpy as np
import pytest

from sle_gan.sparsity.densities import erdos_renyi_kernel, uniform
from sle_gan.sparsity.selection import (
    drop_and_grow,
    keep_largest,
    keep_largest_of_all,
    keep_random,
    live_count,
    magnitude_masks,
)


def test_the_largest_are_chosen_by_a_sort_in_numpy():
    scores = np.random.default_rng(0).normal(size=(7, 11))
    chosen = keep_largest(scores, 30)
    assert set(np.flatnonzero(chosen)) == set(np.argsort(-scores, axis=None)[:30])


@pytest.mark.parametrize("count", [0, 1, 3, 5, 8])
def test_ties_are_broken_by_position_and_the_count_is_exact(count):
    chosen = keep_largest(np.zeros(8), count)
    assert chosen.tolist() == [True] * count + [False] * (8 - count)


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="count must be from 0 to 3; got 4"):
        keep_largest(np.zeros(3), 4)


def test_counts_are_rounded_to_the_nearest():
    assert [live_count(10, density) for density in (0.0, 0.04, 0.05, 0.7, 1.0)] == [0, 0, 1, 7, 10]


def test_the_largest_of_all_crosses_tensors():
    first, second = keep_largest_of_all([np.array([1.0, 5.0]), np.array([[2.0], [4.0], [3.0]])], 3)
    assert first.tolist() == [False, True]
    assert second.tolist() == [[False], [True], [True]]


def test_random_masks_have_exact_counts_and_follow_the_seed():
    draws = [keep_random((5, 4), 7, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert [draw.sum() for draw in draws] == [7, 7, 7]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_pruning_agrees_with_the_quantile_where_magnitudes_differ():
    weights = np.random.default_rng(3).normal(size=(3, 3, 5, 4))
    (mask,) = magnitude_masks([weights], 0.7)
    magnitudes = np.abs(weights)
    np.testing.assert_array_equal(mask, magnitudes >= np.quantile(magnitudes, 0.3))


def test_a_mostly_zero_tensor_is_pruned_to_its_count_and_a_constant_one_is_left_whole():
    mostly_zero = np.where(np.arange(100) % 5 == 0, 1.0 + np.arange(100), 0.0)
    sparse, constant = magnitude_masks([mostly_zero, np.full(10, -0.5)], 0.5)
    assert sparse.sum() == 50
    assert sparse[::5].all()
    assert constant.all()


def test_dropping_and_growing_keeps_the_count_and_follows_magnitude_and_score():
    weights = [np.array([0.1, -3.0, 2.0, 0.0, 0.0])]
    mask = [np.array([True, True, True, False, False])]
    (new,) = drop_and_grow(weights, mask, [np.array([0.0, 0.0, 0.0, 1.0, 2.0])], 1)
    assert new.tolist() == [False, True, True, False, True]


@pytest.mark.paper("STU-GAN", "Liu et al. 2022, STU-GAN", "a weight that was just dropped may grow again")
def test_a_weight_that_was_just_dropped_may_grow_again():
    weights = [np.array([0.1, -3.0, 0.0])]
    mask = [np.array([True, True, False])]
    (new,) = drop_and_grow(weights, mask, [np.array([9.0, 0.0, 1.0])], 1)
    assert new.tolist() == [True, True, False]


@pytest.mark.paper("STU-GAN", "Evci et al. 2020, arXiv:1911.11134", "Erdos-Renyi-Kernel densities")
def test_erdos_renyi_kernel_densities_of_a_hand_computed_case():
    # Two kernels of 3x3x8x8 and 1x1x8x8: raw 22/576 and 18/64, of which the density 0.5 allows a scale of 8.
    densities = erdos_renyi_kernel({"large": (3, 3, 8, 8), "small": (1, 1, 8, 8)}, 0.5)
    # The small one would be 8 * 0.28125 = 2.25, so it is dense, and the large one has (320 - 64) / 576.
    assert densities == {"large": pytest.approx(256 / 576), "small": 1.0}


def test_erdos_renyi_kernel_scales_by_the_sum_of_a_shape_where_none_is_dense():
    shapes = {"a": (3, 3, 16, 32), "b": (3, 3, 64, 64)}
    densities = erdos_renyi_kernel(shapes, 0.1)
    sizes = {name: np.prod(shape) for name, shape in shapes.items()}
    assert sum(densities[name] * sizes[name] for name in shapes) == pytest.approx(0.1 * sum(sizes.values()))
    ratio = (sum(shapes["a"]) / sizes["a"]) / (sum(shapes["b"]) / sizes["b"])
    assert densities["a"] / densities["b"] == pytest.approx(ratio)


def test_the_mean_density_holds_whatever_the_layers():
    rng = np.random.default_rng(0)
    for density in (0.02, 0.3, 0.9, 1.0):
        shapes = {str(i): (k, k, *rng.integers(1, 200, 2)) for i, k in enumerate(rng.choice([1, 3, 4], 12))}
        densities = erdos_renyi_kernel(shapes, density)
        sizes = {name: np.prod(shape) for name, shape in shapes.items()}
        assert all(0 < value <= 1 for value in densities.values())
        assert sum(densities[n] * sizes[n] for n in shapes) == pytest.approx(density * sum(sizes.values()))


def test_uniform_densities_are_equal():
    assert uniform({"a": (1, 1, 2, 2), "b": (3, 3, 4, 4)}, 0.3) == {"a": 0.3, "b": 0.3}
