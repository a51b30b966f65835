"""Scores a set of generated images against the training images: what is told of one step of a run."""

import hashlib
import io
import json
from typing import Any, NamedTuple

import numpy as np

from sle_gan.data.pictures import whole_file
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES, NETWORKS
from sle_gan.evaluation.diversity import Diversity, UnitMaps
from sle_gan.evaluation.memorization import CopyDetector, Memorization
from sle_gan.evaluation.scores import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
    random_halves,
)
from sle_gan.settings import ImageSettings

_BATCH_SIZE = 64
_FLOOR_SPLITS = 5
_LARGEST_HALF = 5000
_DIVERSITY_IMAGES = 250
_DIGITS = 6  # more would be rounding errors
_SCORE_NAMES = ("fid", "kid", "precision", "recall", "density", "coverage")


class Scored(NamedTuple):
    """What was found.

    Attributes:
        row: a dictionary ready for JSON: network, weights_sha256, mode, reals, fakes, resolution, mirrored, split,
            seed, scores, memorization, diversity. Numbers have six digits.
        sheet: uint8 `[height, width, channels]`, the pairs of generated and training images that are closest.
        sheet_words: the pairs in words; see `Memorization.sheet`.
    """

    row: dict
    sheet: np.ndarray
    sheet_words: str


class Scoring:
    """Scores generated images against one set of training images; what concerns the latter alone is computed once.

    Held are the features, 4 to 8 KiB for an image, and of the generated images only a few.

    Args:
        network: a `FeatureNetwork`.
        mode: see `sle_gan.evaluation.MODES`.
        metrics: some of `sle_gan.evaluation.METRICS`.
        images: the training images, uint8 `[count, side, side, 1 or 3]`, six or more.
        seed: of subsets and halves.
        cache_file: path of an `.npy` where the features of the training images are kept; see `features_file_name`.

    Raises:
        InputError: if there are fewer images, or all are equal.
    """

    def __init__(self, network, mode, metrics, images, seed, cache_file):
        if len(images) < FEWEST_IMAGES:
            raise InputError(f"scores need {FEWEST_IMAGES} training images at least; got {len(images)}")
        self.network, self.mode, self.metrics, self.images, self.seed = network, mode, metrics, images, seed
        self._suffix = NETWORKS[network.name].suffix
        self._detector = CopyDetector(images)
        self._features = _cached_features(network, mode, images, cache_file)
        self._moments = Moments().add(self._features) if "fid" in metrics else None
        self._floors = self._mean_floors()
        self._unit_maps = UnitMaps(images.shape[1]) if "diversity" in metrics else None
        if self._unit_maps is not None:
            chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:_DIVERSITY_IMAGES])
            self._real_diversity = Diversity(self._unit_maps).add(images[chosen]).mean_distance()

    def __call__(self, batches, seeds, tell):
        """Scores generated images.

        Args:
            batches: iterable of uint8 `[batch, side, side, 1 or 3]`, of the training images' shape.
            seeds: the seed of each image in order, for the sheet.
            tell: function of the number of images done, called now and then.

        Returns:
            A `Scored`.

        Raises:
            InputError: if there are fewer than six.
        """
        memorization = Memorization(self._detector, seeds)
        diversity = Diversity(self._unit_maps) if self._unit_maps is not None else None
        features, logits, count = [], [], 0
        for batch in _in_batches(batches):
            found, batch_logits = self.network(batch, self.mode)
            features.append(found)
            if "is" in self.metrics:
                logits.append(batch_logits)
            memorization.add(batch)
            if diversity is not None and diversity.count < _DIVERSITY_IMAGES:
                diversity.add(batch[: _DIVERSITY_IMAGES - diversity.count])
            count += len(batch)
            tell(count)
        if count < FEWEST_IMAGES:
            raise InputError(f"scores need {FEWEST_IMAGES} generated images at least; got {count}")
        scores = self._scores(np.concatenate(features))
        if "is" in self.metrics:
            value, spread = inception_score(np.concatenate(logits))
            scores[f"is{self._suffix}"] = {"value": value, "spread": spread, "floor": None}
        row = {
            "network": self.network.name,
            "weights_sha256": self.network.weights_sha256,
            "mode": self.mode,
            "reals": len(self.images),
            "fakes": count,
            "resolution": self.images.shape[1],
            "mirrored": False,
            "split": "train",
            "seed": self.seed,
            "scores": scores,
            "memorization": memorization.summary(),
            "diversity": {} if diversity is None else self._diversities(diversity),
        }
        return Scored(_rounded(row), *memorization.sheet(self.images))

    def _scores(self, fakes):
        moments = Moments().add(fakes) if "fid" in self.metrics else None
        values = _compared(self.metrics, self._features, fakes, (self._moments, moments), self.seed)
        return {
            f"{self._name(name)}{self._suffix}": value | {"floor": self._floors[name]} for name, value in values.items()
        }

    def _name(self, name):
        return "fd" if name == "fid" and self._suffix else name

    def _mean_floors(self):
        floors = []
        for one, other in random_halves(len(self.images), _FLOOR_SPLITS, self.seed):
            halves = [self._features[np.sort(half[:_LARGEST_HALF])] for half in (one, other)]
            moments = [Moments().add(half) for half in halves] if "fid" in self.metrics else None
            # Six neighbors are not there in the halves of few images.
            metrics = [name for name in self.metrics if name != "prdc" or len(halves[0]) >= FEWEST_IMAGES]
            floors.append(_compared(metrics, *halves, moments, self.seed))
        names = {name for floor in floors for name in floor}
        means = {name: float(np.mean([floor[name]["value"] for floor in floors])) for name in names}
        return dict.fromkeys(_SCORE_NAMES) | means

    def _diversities(self, diversity):
        fakes, reals = diversity.mean_distance(), self._real_diversity
        return {"fakes": fakes, "reals": reals, "ratio": fakes / reals, "images": diversity.count}


def _compared(metrics, reals, fakes, moments, seed):
    """Returns value and spread of each score that compares two sets, by its name with the 2015 Inception."""
    values = {}
    if "fid" in metrics:
        values["fid"] = {"value": frechet_distance(*moments), "spread": None}
    if "kid" in metrics:
        values["kid"] = dict(zip(("value", "spread"), kernel_distance(reals, fakes, seed), strict=True))
    if "prdc" in metrics:
        values |= {name: {"value": value, "spread": None} for name, value in precision_recall(reals, fakes).items()}
    return values


def image_seeds(seed, count):
    """Draws the seeds of the images that are scored: `count` whole numbers from 0 to 2**31 - 1, as a list."""
    return np.random.default_rng(seed).integers(2**31, size=count).tolist()


def features_file_name(manifest: dict[str, Any], images: ImageSettings, network: Any, mode: str) -> str:
    """Names the file that keeps the features of a run's training images: another name where they would differ.

    Args:
        manifest: the run's manifest.
        images: how they are decoded.
        network: a `FeatureNetwork`.
        mode: see `sle_gan.evaluation.MODES`.

    Returns:
        A name that ends in `.npy`.
    """
    decoding = {name: getattr(images, name) for name in ("resolution", "channels", "fit", "background")}
    digests = [image["sha256"] for image in manifest["images"]]
    key = json.dumps([digests, decoding, network.weights_sha256, mode], sort_keys=True)
    return f"{network.name}-{mode}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"


def _cached_features(network, mode, images, file):
    try:
        kept = np.load(file, allow_pickle=False)
        if len(kept) == len(images):
            return kept
    except (OSError, ValueError, EOFError):
        pass  # not there, or damaged
    parts = [network(images[first : first + _BATCH_SIZE], mode)[0] for first in range(0, len(images), _BATCH_SIZE)]
    features = np.concatenate(parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()  # NumPy does not say that a disk is full
    np.save(content, features)
    with whole_file(file) as temporary:
        temporary.write_bytes(content.getbuffer())
    return features


def _in_batches(batches):
    """Joins small batches, so that the networks' own are full."""
    waiting = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= _BATCH_SIZE:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _rounded(value):
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
