"""How far two sets of features are apart: FID, KID, precision and recall, and the Inception Score.

NumPy in float64. No matrix of all pairs is held, and the moments of FID are gathered as the features come.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.evaluation.distances import Features, blocks, neighbor_distances, squared_distances

_KID_SUBSETS = 100
_KID_SUBSET_SIZE = 1000
_KID_POOL = 10_000
_KID_UNIT = 1e-3
_INCEPTION_SCORE_SPLIT = 5000


class Moments:
    """Mean and covariance of features, gathered batch by batch.

    Held is not the covariance but a factor of it, `factor.T @ factor / (count - 1)`, of at most `2 d` rows: it has
    half as many digits to lose, and as few rows as there were features.

    Attributes:
        count: features so far.
        mean: float64 `[d]`.
        factor: float64 `[rows, d]`.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = None  # until there are features
        self.factor: Any = None

    def add(self, features: Features) -> "Moments":
        """Takes more features in.

        Args:
            features: `[batch, d]`, one or more, all finite.

        Returns:
            Itself.
        """
        for _, block in blocks(features):
            self._add_block(block)
        return self

    def covariance(self) -> NDArray[np.float64]:
        """Returns the unbiased covariance, float64 `[d, d]`, of two features or more."""
        return self.factor.T @ self.factor / (self.count - 1)

    def _add_block(self, block: NDArray[np.float64]) -> None:
        count, mean = len(block), block.mean(axis=0)
        if self.count == 0:
            self.count, self.mean, self.factor = count, mean, block - mean
            return
        total, shift = self.count + count, mean - self.mean
        between = np.sqrt(self.count * count / total) * shift
        self.factor = np.concatenate([self.factor, block - mean, between[None]])
        if len(self.factor) > 2 * len(shift):
            self.factor = np.linalg.qr(self.factor, mode="r")
        self.mean = self.mean + shift * (count / total)
        self.count = total


def frechet_distance(first: Moments, second: Moments) -> float:
    """Returns the squared Fréchet distance of two Gaussians: FID, where the features are the 2015 Inception's.

    Biased upwards where images are few: two halves of one set of a hundred photographs are tens apart. Compare only
    what was measured at the same numbers of images.

    Args:
        first: `Moments` of two features or more.
        second: the same.

    Returns:
        float, 0 or more.

    Raises:
        InputError: if there are fewer features.

    Source: Heusel et al. 2017, arXiv:1706.08500.
    """
    _at_least(2, first.count, second.count)
    scale_1, scale_2 = first.count - 1, second.count - 1
    # With C = A'A the trace of the square root of C1 C2 is the sum of the singular values of A1 A2'.
    overlap = np.linalg.svd(first.factor @ second.factor.T, compute_uv=False).sum() / np.sqrt(scale_1 * scale_2)
    traces = np.square(first.factor).sum() / scale_1 + np.square(second.factor).sum() / scale_2
    return max(float(np.square(first.mean - second.mean).sum() + traces - 2 * overlap), 0.0)


def kernel_distance(real: Features, fake: Features, seed: int) -> tuple[float, float | None]:
    """Returns the squared distance of two sets under a cubic kernel, in thousandths: KID.

    The mean over 100 subsets of min(n, m, 1000) of either set. Unbiased: two sets of one kind are 0 apart on
    average, so that it can be negative.

    Args:
        real: `[n, d]`, two features or more.
        fake: `[m, d]`, the same.
        seed: of the subsets.

    Returns:
        The value, and the standard deviation over the subsets. It is None where either subset is its whole set,
        and so all subsets are the same.

    Raises:
        InputError: if there are fewer features.

    Source: Binkowski et al. 2018, arXiv:1801.01401.
    Differs: of more than 10,000 features the subsets are drawn from 10,000 of them, drawn first.
    """
    _at_least(2, len(real), len(fake))
    rng = np.random.default_rng(seed)
    size = min(len(real), len(fake), _KID_SUBSET_SIZE)
    (real, in_real), (fake, in_fake) = (_pool_and_subsets(features, size, rng) for features in (real, fake))
    within = _kernel_sums(real, in_real, real, in_real) - in_real @ _own_kernels(real)
    within += _kernel_sums(fake, in_fake, fake, in_fake) - in_fake @ _own_kernels(fake)
    between = _kernel_sums(real, in_real, fake, in_fake)
    values = (within / (size * (size - 1)) - 2 * between / size**2) / _KID_UNIT
    whole = len(real) == len(fake) == size
    return float(values.mean()), None if whole else float(values.std(ddof=1))


def _pool_and_subsets(features: Features, size: int, rng: np.random.Generator) -> tuple[Features, NDArray[np.float64]]:
    """Returns the features to draw from, and 1 where a feature is in a subset: float64 `[subsets, count]`."""
    if len(features) > _KID_POOL:
        features = features[np.sort(rng.choice(len(features), _KID_POOL, replace=False))]
    subsets = np.zeros([_KID_SUBSETS, len(features)])
    for subset in subsets:
        subset[rng.choice(len(features), size, replace=False)] = 1
    return features, subsets


def _kernel_sums(
    first: Features, in_first: NDArray[np.float64], second: Features, in_second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums the kernel over all pairs of each subset: float64 `[subsets]`."""
    sums = np.zeros(len(in_first))
    for rows, row_block in blocks(first):
        for columns, column_block in blocks(second):
            kernels = (row_block @ column_block.T / row_block.shape[1] + 1) ** 3
            sums += ((in_first[:, rows] @ kernels) * in_second[:, columns]).sum(axis=1)
    return sums


def _own_kernels(features: Features) -> NDArray[np.float64]:
    squares = [np.square(block).mean(axis=1) for _, block in blocks(features)]
    return (np.concatenate(squares) + 1) ** 3


def precision_recall(real: Features, fake: Features, neighbors: int = 5) -> dict[str, float]:
    """Returns precision, recall, density and coverage: is what is drawn real, and is all that is real drawn?

    A set's manifold is the union of balls around its features that reach to the k-th neighbor. Precision is the
    share of fakes in the reals' balls, recall the share of reals in the fakes', density the number of reals' balls
    that a fake lies in, over k, and coverage the share of the reals' balls that hold a fake.

    Args:
        real: `[n, d]`, more than `neighbors`.
        fake: `[m, d]`, the same.
        neighbors: k.

    Returns:
        A dictionary of the four names; density may exceed 1, the others lie in [0, 1].

    Raises:
        InputError: if there are fewer features.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991; Naeem et al. 2020, arXiv:2002.09797.
    """
    _at_least(neighbors + 1, len(real), len(fake))
    real_radii, fake_radii = neighbor_distances(real, neighbors), neighbor_distances(fake, neighbors)
    balls_around_fake = np.zeros(len(fake), np.int64)
    real_is_recalled, ball_is_covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, reals in blocks(real):
        for columns, fakes in blocks(fake):
            squares = squared_distances(reals, fakes)
            in_real_ball = squares < real_radii[rows, None]
            balls_around_fake[columns] += in_real_ball.sum(axis=0)
            ball_is_covered[rows] |= in_real_ball.any(axis=1)
            real_is_recalled[rows] |= (squares < fake_radii[columns]).any(axis=1)
    return {
        "precision": float((balls_around_fake > 0).mean()),
        "recall": float(real_is_recalled.mean()),
        "density": float(balls_around_fake.mean() / neighbors),
        "coverage": float(ball_is_covered.mean()),
    }


def inception_score(logits: Features) -> tuple[float, float | None]:
    """Returns the Inception Score: how sure the network is of each image, and how many classes there are in all.

    The mean over splits of 5,000, as in most tables; of fewer images there is one split. It grows with the number
    of images.

    Args:
        logits: `[count, classes]`, one or more.

    Returns:
        The score, from 1 to the number of classes, and its standard deviation over splits; None for one split.

    Raises:
        InputError: if there are no images.

    Source: Salimans et al. 2016, arXiv:1606.03498.
    """
    _at_least(1, len(logits))
    starts = range(0, max(len(logits) // _INCEPTION_SCORE_SPLIT, 1) * _INCEPTION_SCORE_SPLIT, _INCEPTION_SCORE_SPLIT)
    scores = [_split_score(logits[start : start + _INCEPTION_SCORE_SPLIT]) for start in starts]
    return float(np.mean(scores)), float(np.std(scores)) if len(scores) > 1 else None


def _split_score(logits: Features) -> float:
    mean, negative_entropy = np.zeros(logits.shape[1]), 0.0
    for _, block in blocks(logits):
        shifted = block - block.max(axis=1, keepdims=True)
        log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        shares = np.exp(log_shares)
        mean += shares.sum(axis=0) / len(logits)
        negative_entropy += (shares * log_shares).sum() / len(logits)
    return np.exp(negative_entropy - (mean[mean > 0] * np.log(mean[mean > 0])).sum())


def random_halves(count: int, splits: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Draws pairs of halves without a common element; of an odd number one is left out.

    Args:
        count: number of elements.
        splits: number of pairs.
        seed: of the halves.

    Yields:
        Two int `[count // 2]`, indices.
    """
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        order = rng.permutation(count)
        yield order[: count // 2], order[count // 2 : count // 2 * 2]


def _at_least(least: int, *counts: int) -> None:
    if min(counts) < least:
        raise InputError(f"this score needs {least} images of either kind at least; got {min(counts)}")
