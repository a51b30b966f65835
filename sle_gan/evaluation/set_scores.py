"""Scores that compare a set of generated images with the training images: by features, and by patches alone.

Each of the two classes computes once what concerns the training images alone: what the generated ones are compared
with, and the floor of each score, its mean between halves of the training images.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sle_gan.data.pictures import whole_file
from sle_gan.evaluation import FEWEST_IMAGES, NETWORKS, PATCH_SCORE, check_metrics
from sle_gan.evaluation.network import FeatureNetwork
from sle_gan.evaluation.scores import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
    random_halves,
)
from sle_gan.evaluation.sliced_wasserstein import PATCHES, LevelPatches, sliced_wasserstein

OF_FEATURES = frozenset({"fid", "kid", "prdc", "is"})
BATCH_SIZE = 64
_FLOOR_SPLITS = 5
_LARGEST_HALF = 5000


class FeatureScores:
    """FID, KID, precision, recall, density, coverage and the Inception Score.

    Args:
        network: a `FeatureNetwork`.
        mode: see `sle_gan.evaluation.MODES`.
        metrics: some of `sle_gan.evaluation.METRICS`; others than those above are passed over.
        images: the training images, uint8 `[count, side, side, 1 or 3]`.
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
    ):
        check_metrics(network.name, metrics)
        row = NETWORKS[network.name]
        self.network, self.mode, self.metrics, self._seed = network, mode, metrics, seed
        self._suffix = row.suffix
        self._features = _cached_features(network, mode, images, cache_file)
        self._kernel_unit = 1
        if row.kernel_deviations is not None:
            self._kernel_unit = row.kernel_deviations * self._features.std()
        self._moments = self._moments_of(self._features)
        self._floors = _mean_floors(len(images), seed, self._between_halves)

    def gather(self, image_count: int) -> "GatheredFeatures":
        """Returns what takes `image_count` generated images in; how many it will be does not matter."""
        return GatheredFeatures(self)

    def of(self, features: np.ndarray, logits: np.ndarray | None) -> dict[str, dict]:
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

    def _between_halves(self, one, other):
        halves = [self._features[np.sort(half[:_LARGEST_HALF])] for half in (one, other)]
        values = self._compare(*halves, [self._moments_of(half) for half in halves])
        return {name: value for name, (value, _) in values.items()}

    def _moments_of(self, features):
        return Moments().add(features) if "fid" in self.metrics else None

    def _compare(self, reals, fakes, moments):
        values = {}
        if "fid" in self.metrics:
            # FID means the 2015 Inception.
            values["fd" if self._suffix else "fid"] = (frechet_distance(*moments), None)
        if "kid" in self.metrics:
            values["kid"] = kernel_distance(reals / self._kernel_unit, fakes / self._kernel_unit, self._seed)
        # Six neighbors are not there in the halves of few images.
        if "prdc" in self.metrics and min(len(reals), len(fakes)) >= FEWEST_IMAGES:
            values |= {name: (value, None) for name, value in precision_recall(reals, fakes).items()}
        return values


class GatheredFeatures:
    """Features of generated images.

    Args:
        scores: the `FeatureScores` that they are for.
    """

    def __init__(self, scores: FeatureScores):
        self._of = scores
        self._features, self._logits = [], []

    def add(self, images: np.ndarray) -> None:
        """Takes images in, uint8 `[count, side, side, 1 or 3]`."""
        features, logits = self._of.network(images, self._of.mode)
        self._features.append(features)
        if "is" in self._of.metrics:
            self._logits.append(logits)

    def scores(self) -> dict[str, dict]:
        """Returns value, spread and floor of each score, by its name."""
        return self._of.of(np.concatenate(self._features), np.concatenate(self._logits) if self._logits else None)


class PatchScores:
    """The sliced Wasserstein distance: `swd`, the mean over the levels, and `swd_16`, `swd_32`, ... of each.

    Args:
        images: the training images, uint8 `[count, side, side, channels]`; for the side see
            `laplacian_pyramid`.
        seed: of patches, directions and halves.
    """

    def __init__(self, images: np.ndarray, seed: int):
        self._seed = seed
        # Twice as many, so that half of the images gives as many as generated images do.
        self._patches = LevelPatches(len(images), seed, 2 * PATCHES).add(images)
        self._levels = self._patches.levels()
        self._floors = _mean_floors(len(images), seed, self._between_halves)

    def gather(self, image_count: int) -> "GatheredPatches":
        """Returns what takes `image_count` generated images in."""
        return GatheredPatches(self, LevelPatches(image_count, self._seed))

    def of(self, levels: dict[int, np.ndarray]) -> dict[str, dict]:
        """Returns value, spread and floor of each score, by its name, of patches as of `LevelPatches.levels`."""
        values = _by_level(sliced_wasserstein(self._levels, levels, self._seed))
        return _with_floors({name: (value, None) for name, value in values.items()}, self._floors)

    def _between_halves(self, one, other):
        levels = [self._patches.levels(np.sort(half[:_LARGEST_HALF])) for half in (one, other)]
        return _by_level(sliced_wasserstein(*levels, self._seed))


class GatheredPatches:
    """Patches of generated images.

    Args:
        scores: the `PatchScores` that they are for.
        patches: a `LevelPatches` of as many images as will be taken in.
    """

    def __init__(self, scores: PatchScores, patches: LevelPatches):
        self._of, self._patches = scores, patches

    def add(self, images: np.ndarray) -> None:
        """Takes images in, uint8 `[count, side, side, channels]`."""
        self._patches.add(images)

    def scores(self) -> dict[str, dict]:
        """Returns value, spread and floor of each score, by its name."""
        return self._of.of(self._patches.levels())


def _by_level(distances):
    return {PATCH_SCORE: float(np.mean(list(distances.values())))} | {
        f"{PATCH_SCORE}_{side_px}": distance for side_px, distance in distances.items()
    }


def _with_floors(values, floors):
    return {
        name: {"value": value, "spread": spread, "floor": floors.get(name)} for name, (value, spread) in values.items()
    }


def _mean_floors(image_count: int, seed: int, between_halves: Callable) -> dict[str, float]:
    """Returns the mean of each score between halves of the training images, by its name."""
    floors = [between_halves(*halves) for halves in random_halves(image_count, _FLOOR_SPLITS, seed)]
    return {name: float(np.mean([floor[name] for floor in floors])) for name in floors[0]}


def _cached_features(network, mode, images, file):
    try:
        kept = np.load(file, allow_pickle=False)
        if len(kept) == len(images):
            return kept
    except (OSError, ValueError, EOFError):
        pass  # not there, or damaged
    parts = [network(images[first : first + BATCH_SIZE], mode)[0] for first in range(0, len(images), BATCH_SIZE)]
    features = np.concatenate(parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()  # NumPy does not say that a disk is full
    np.save(content, features)
    with whole_file(file) as temporary:
        temporary.write_bytes(content.getbuffer())
    return features
