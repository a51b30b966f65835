"""What the scores of several seeds say: intervals, p by permutation, and how many seeds would be needed.

SciPy computes; it is loaded when the first number is asked for.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sle_gan.errors import InputError

LEVEL = 0.95  # of intervals
SIGNIFICANCE = 0.05  # p below it tells rows apart
POWER = 0.8  # that the seeds which would be needed are for
_RESAMPLES = 9999
_SEED = 0
_MOST_SEEDS = 1000


class Interval(NamedTuple):
    """An interval of `LEVEL`.

    Attributes:
        low: its lower end.
        high: its upper end.
    """

    low: float
    high: float


def check_scipy() -> None:
    """Checks that SciPy is installed.

    Raises:
        InputError: if it is not.
    """
    try:
        import scipy.stats  # noqa: F401
    except ImportError:
        raise InputError("a study needs SciPy for its intervals: pip install scipy") from None


def bootstrap_interval(values: Sequence[float]) -> Interval | None:
    """Returns the bootstrap interval of a mean: expanded percentiles, which are not too narrow for a few values.

    Args:
        values: of the seeds.

    Returns:
        The `Interval`; None of fewer than two values.

    Source: Hesterberg 2015, arXiv:1411.5279, section 5.3: percentiles at the level whose normal quantile is
    sqrt(n / (n - 1)) times Student's t. Of two values these are the smaller and the larger.
    """
    from scipy import stats

    count = len(values)
    if count < 2:
        return None
    if min(values) == max(values):
        return Interval(values[0], values[0])
    expanded = math.sqrt(count / (count - 1)) * stats.t.ppf((1 + LEVEL) / 2, count - 1)
    level = min(2 * stats.norm.cdf(expanded) - 1, 1 - 1 / _RESAMPLES)
    found = stats.bootstrap(
        (np.asarray(values),), np.mean, confidence_level=level, n_resamples=_RESAMPLES, method="percentile", rng=_SEED
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))


def permutation_p(values: Sequence[float], baseline: Sequence[float], *, paired: bool) -> float:
    """Returns p of a two-sided permutation test of the difference of means: exact where there are few permutations.

    Args:
        values: of a row, one for each seed.
        baseline: of another row, with the same seeds in the same order.
        paired: whether rows are exchanged within a seed alone; otherwise among all trainings.
    """
    from scipy import stats

    def difference(ones: np.ndarray, others: np.ndarray, axis: int) -> np.ndarray:
        return ones.mean(axis) - others.mean(axis)

    kind = "samples" if paired else "independent"
    found = stats.permutation_test(
        (values, baseline), difference, permutation_type=kind, vectorized=True, n_resamples=_RESAMPLES, rng=_SEED
    )
    return float(found.pvalue)


def smallest_p(seeds: int, *, paired: bool) -> float:
    """Returns the smallest p that `permutation_p` can give with so many seeds."""
    permutations = 2**seeds if paired else math.comb(2 * seeds, seeds)
    return min(1.0, 2 / permutations) if permutations <= _RESAMPLES else 2 / (_RESAMPLES + 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Corrects p for the number of rows that are compared.

    Args:
        p_values: by the names of the rows.

    Returns:
        The corrected p by name: the chance that any of the rows is told apart though none differs stays below
        `SIGNIFICANCE`.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def needed_seeds(values: Sequence[float], baseline: Sequence[float], comparisons: int, *, paired: bool) -> int | None:
    """Returns how many seeds would tell two rows apart with a chance of `POWER`, if they differ as much as it seems.

    Args:
        values: of a row, one for each seed.
        baseline: of another row, with the same seeds in the same order.
        comparisons: number of rows that are compared, which p is corrected for.
        paired: see `permutation_p`.

    Returns:
        The seeds; None if that is more than 1,000, or the seeds are too few to say.

    Source: the normal approximation of a test's power with a correction for the t distribution, Guenther 1981,
    "Sample size formulas for normal theory t tests".
    """
    from scipy import stats

    if len(values) < 2:
        return None
    differences = [one - other for one, other in zip(values, baseline, strict=True)]
    difference = statistics.fmean(differences)
    if difference == 0:
        return None
    level = SIGNIFICANCE / comparisons
    fewest = next((count for count in range(2, _MOST_SEEDS) if smallest_p(count, paired=paired) < level), math.inf)
    if paired:
        variance = statistics.variance(differences)
    else:
        variance = statistics.variance(values) + statistics.variance(baseline)
    at_level, at_power = stats.norm.ppf(1 - level / 2), stats.norm.ppf(POWER)
    seeds = (at_level + at_power) ** 2 * variance / difference**2 + at_level**2 / (2 if paired else 4)
    needed = max(fewest, math.ceil(min(seeds, _MOST_SEEDS + 1)))
    return int(needed) if needed <= _MOST_SEEDS else None
