"""Scores that compare a set of generated images with the training images: by features, and by patches alone.

Each of the two classes computes only once what follows from the training images alone: their features or patches, and
the floor of each score, which is its mean between two halves of the training images.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from sle_gan.data.pictures import whole_file
from sle_gan.evaluation import FEWEST_IMAGES, PATCH_SCORE, check_metrics
from sle_gan.evaluation.scores import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
    random_halves,
)
from sle_gan.evaluation.sliced_wasserstein import PATCHES, LevelPatches, sliced_wasserstein
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.feature_network import FeatureNetwork

Values = dict[str, tuple[float, float | None]]  # (value, spread) by the name of the score
ScoreRows = dict[str, dict[str, float | None]]  # value, spread and floor by the name of the score

OF_FEATURES = frozenset({"fid", "kid", "prdc", "is"})
BATCH_SIZE = 64
_FLOOR_SPLITS = 5
_LARGEST_HALF = 5000


class Gathered(Protocol):
    """What a set of scores collects of generated images, batch by batch."""

    def add(self, images: np.ndarray) -> None:
        """Adds images, uint8 `[count, height, width, 1 or 3]`."""

    def scores(self) -> ScoreRows:
        """Returns value, spread and floor of each score, by its name."""


class SetScores(Protocol):
    """Scores of generated images against one set of training images."""

    def gather(self, image_count: int) -> Gathered:
        """Returns an object that collects `image_count` generated images."""


class FeatureScores:
    """FID, KID, precision, recall, density, coverage and the Inception Score.

    Args:
        network: a `FeatureNetwork`.
        mode: see `sle_gan.evaluation.MODES`.
        metrics: some of `sle_gan.evaluation.METRICS`; those that are not named above are ignored.
        images: the training images, uint8 `[count, height, width, 1 or 3]`.
        seed: of subsets and halves.
        cache_file: path of an `.npy` where the features of the training images are kept.

    Raises:
        InputError: if the Inception Score is asked of a network without ImageNet's classes.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        mode: str,
        metrics: tuple[str, ...],
        images: np.ndarray,
        seed: int,
        cache_file: Path,
    ) -> None:
        check_metrics(network.name, metrics)
        row = NETWORKS[network.name]
        self.network, self.mode, self.metrics, self._seed = network, mode, metrics, seed
        self._suffix = row.suffix
        self._features = _cached_features(network, mode, images, cache_file)
        self._kernel_unit = 1.0
        if row.kernel_deviations is not None:
            self._kernel_unit = row.kernel_deviations * self._features.std()
        self._moments = self._moments_of(self._features)
        self._floors = _mean_floors(len(images), seed, self._between_halves)

    def gather(self, image_count: int) -> "GatheredFeatures":
        """Returns an object that collects the features of `image_count` generated images, which may be any number."""
        return GatheredFeatures(self)

    def of(self, features: np.ndarray, logits: np.ndarray | None) -> ScoreRows:
        """Returns value, spread and floor of each score, by its name.

        Args:
            features: of the generated images.
            logits: of these, if the Inception Score is asked for.
        """
        values = self._compare(self._features, features, (self._moments, self._moments_of(features)))
        if logits is not None:
            values["is"] = inception_score(logits)
        named = {f"{name}{self._suffix}": value for name, value in values.items()}
        return _with_floors(named, {f"{name}{self._suffix}": floor for name, floor in self._floors.items()})

    def _between_halves(self, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        halves = [self._features[np.sort(half[:_LARGEST_HALF])] for half in (one, other)]
        reals, fakes = halves
        values = self._compare(reals, fakes, [self._moments_of(half) for half in halves])
        return {name: value for name, (value, _) in values.items()}

    def _moments_of(self, features: np.ndarray) -> Moments | None:
        return Moments().add(features) if "fid" in self.metrics else None

    def _compare(self, reals: np.ndarray, fakes: np.ndarray, moments: Sequence[Moments | None]) -> Values:
        values: Values = {}
        if "fid" in self.metrics:
            # FID means the 2015 Inception.
            values["fd" if self._suffix else "fid"] = (frechet_distance(*cast(Sequence[Moments], moments)), None)
        if "kid" in self.metrics:
            values["kid"] = kernel_distance(reals / self._kernel_unit, fakes / self._kernel_unit, self._seed)
        # The halves of few images do not have that many neighbors.
        if "prdc" in self.metrics and min(len(reals), len(fakes)) >= FEWEST_IMAGES:
            values |= {name: (value, None) for name, value in precision_recall(reals, fakes).items()}
        return values


class GatheredFeatures:
    """Features of generated images.

    Args:
        scores: the `FeatureScores` that they are for.
    """

    def __init__(self, scores: FeatureScores) -> None:
        self._of = scores
        self._features: list[np.ndarray] = []
        self._logits: list[np.ndarray] = []

    def add(self, images: np.ndarray) -> None:
        """Adds images, uint8 `[count, height, width, 1 or 3]`."""
        features, logits = self._of.network(images, self._of.mode)
        self._features.append(features)
        if "is" in self._of.metrics:
            self._logits.append(logits)

    def scores(self) -> ScoreRows:
        """Returns value, spread and floor of each score, by its name."""
        return self._of.of(np.concatenate(self._features), np.concatenate(self._logits) if self._logits else None)


class PatchScores:
    """The sliced Wasserstein distance: `swd`, the mean over the levels, and `swd_16`, `swd_32`, ... of each.

    Args:
        images: the training images, uint8 `[count, height, width, channels]`; for the sides see
            `laplacian_pyramid`.
        seed: of patches, directions and halves.
    """

    def __init__(self, images: np.ndarray, seed: int) -> None:
        self._seed = seed
        # Twice as many, so that half of the images gives as many as generated images do.
        self._patches = LevelPatches(len(images), seed, 2 * PATCHES).add(images)
        self._levels = self._patches.levels()
        self._floors = _mean_floors(len(images), seed, self._between_halves)

    def gather(self, image_count: int) -> "GatheredPatches":
        """Returns an object that collects the patches of `image_count` generated images."""
        return GatheredPatches(self, LevelPatches(image_count, self._seed))

    def of(self, levels: dict[int, np.ndarray]) -> ScoreRows:
        """Returns value, spread and floor of each score, by its name, of patches as of `LevelPatches.levels`."""
        values = _by_level(sliced_wasserstein(self._levels, levels, self._seed))
        return _with_floors({name: (value, None) for name, value in values.items()}, self._floors)

    def _between_halves(self, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        levels = [self._patches.levels(np.sort(half[:_LARGEST_HALF])) for half in (one, other)]
        return _by_level(sliced_wasserstein(levels[0], levels[1], self._seed))


class GatheredPatches:
    """Patches of generated images.

    Args:
        scores: the `PatchScores` that they are for.
        patches: a `LevelPatches` of as many images as will be added.
    """

    def __init__(self, scores: PatchScores, patches: LevelPatches) -> None:
        self._of, self._patches = scores, patches

    def add(self, images: np.ndarray) -> None:
        """Adds images, uint8 `[count, height, width, channels]`."""
        self._patches.add(images)

    def scores(self) -> ScoreRows:
        """Returns value, spread and floor of each score, by its name."""
        return self._of.of(self._patches.levels())


def _by_level(distances: dict[int, float]) -> dict[str, float]:
    return {PATCH_SCORE: float(np.mean(list(distances.values())))} | {
        f"{PATCH_SCORE}_{side_px}": distance for side_px, distance in distances.items()
    }


def _with_floors(values: Values, floors: Mapping[str, float]) -> ScoreRows:
    return {
        name: {"value": value, "spread": spread, "floor": floors.get(name)} for name, (value, spread) in values.items()
    }


def _mean_floors(
    image_count: int, seed: int, between_halves: Callable[[np.ndarray, np.ndarray], dict[str, float]]
) -> dict[str, float]:
    """Returns the mean of each score between halves of the training images, by its name."""
    floors = [between_halves(*halves) for halves in random_halves(image_count, _FLOOR_SPLITS, seed)]
    return {name: float(np.mean([floor[name] for floor in floors])) for name in floors[0]}


def _cached_features(network: FeatureNetwork, mode: str, images: np.ndarray, file: Path) -> np.ndarray:
    try:
        kept: np.ndarray = np.load(file, allow_pickle=False)
        if len(kept) == len(images):
            return kept
    except (OSError, ValueError, EOFError):
        pass  # not there, or damaged
    parts = [network(images[first : first + BATCH_SIZE], mode)[0] for first in range(0, len(images), BATCH_SIZE)]
    features = np.concatenate(parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()  # NumPy itself does not report that a disk is full
    np.save(content, features)
    with whole_file(file) as temporary:
        temporary.write_bytes(content.getbuffer())
    return features
