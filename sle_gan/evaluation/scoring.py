"""Scores a set of generated images against the training images: the row of scores of one step of a run."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.evaluation.diversity import Diversity, UnitMaps
from sle_gan.evaluation.judges import JUDGES, is_party, judge_of
from sle_gan.evaluation.memorization import CopyDetector, Memorization
from sle_gan.evaluation.set_scores import BATCH_SIZE, OF_FEATURES, FeatureScores, PatchScores, SetScores
from sle_gan.picture_shape import PictureShape
from sle_gan.pretrained.feature_network import FeatureNetwork
from sle_gan.settings import ImageSettings, TrainSettings

_DIVERSITY_IMAGES = 250
_DIGITS = 6  # more would be rounding errors


class Reference(NamedTuple):
    """The images that scores are measured against.

    Attributes:
        images: uint8 `[count, height, width, 1 or 3]`, six or more.
        split: `train` for the training images, otherwise a name that other images do not have.
        features_file: path of an `.npy` where their features are kept; see `features_file_name`.
    """

    images: np.ndarray
    split: str
    features_file: Path


class Scored(NamedTuple):
    """What was found.

    Attributes:
        row: a dictionary ready for JSON: network, party, weights_sha256, mode, reals, fakes, resolution, mirrored,
            split, seed, scores, memorization, diversity. Numbers have six digits. `party` says whether the network is
            part of the training's loss, so that its scores flatter.
        sheet: uint8 `[height, width, channels]`, the pairs of generated and training images that are closest.
        sheet_words: the pairs in words; see `Memorization.sheet`.
    """

    row: dict[str, Any]
    sheet: np.ndarray
    sheet_words: str


class Scoring:
    """Scores generated images against a reference; what concerns that and the training images alone is computed once.

    Copies and diversity are those beside the training images, whatever the reference. They are measured with the judge
    of the run, a network that is no part of its loss, whatever network the scores are of.

    It keeps the features, 4 to 8 KiB for each image, and only a few of the generated images.

    Args:
        network: a `FeatureNetwork`.
        mode: see `sle_gan.evaluation.MODES`.
        metrics: some of `sle_gan.evaluation.METRICS`.
        images: the training images, uint8 `[count, height, width, 1 or 3]`, six or more.
        settings: of the run; they say which networks are part of its loss. None for pictures of no run.
        seed: of subsets and halves.
        reference: what the pictures are scored against.

    Raises:
        InputError: if there are fewer images, all are equal, or the network cannot measure a metric.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        mode: str,
        metrics: tuple[str, ...],
        images: np.ndarray,
        settings: TrainSettings | None,
        seed: int,
        reference: Reference,
    ) -> None:
        for count, kind in ((len(images), "training"), (len(reference.images), "reference")):
            if count < FEWEST_IMAGES:
                raise InputError(f"scores need {FEWEST_IMAGES} {kind} images at least; got {count}")
        self.reference = reference
        self.network, self.mode, self.images, self.seed = network, mode, images, seed
        self.is_party = settings is not None and is_party(network.name, settings)
        self._judge = JUDGES[0] if settings is None else judge_of(settings)
        self._set_scores: list[SetScores] = []
        if OF_FEATURES & set(metrics):
            self._set_scores.append(
                FeatureScores(network, mode, metrics, reference.images, seed, reference.features_file)
            )
        if "swd" in metrics:
            self._set_scores.append(PatchScores(reference.images, seed))
        self._detector = CopyDetector(images, self._judge)
        self._shape = PictureShape.of_array(images.shape)
        self._unit_maps = UnitMaps(self._shape, self._judge) if "diversity" in metrics else None
        if self._unit_maps is not None:
            chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:_DIVERSITY_IMAGES])
            self._real_diversity = Diversity(self._unit_maps).add(images[chosen]).mean_distance()

    def __call__(self, batches: Iterable[np.ndarray], seeds: Sequence[int], tell: Callable[[int], object]) -> Scored:
        """Scores generated images.

        Args:
            batches: iterable of uint8 `[batch, height, width, 1 or 3]`, of the training images' shape.
            seeds: the seed of each image in order, for the sheet.
            tell: function of the number of images done, called now and then.

        Returns:
            A `Scored`.

        Raises:
            InputError: if there are fewer than six.
        """
        memorization = Memorization(self._detector, seeds)
        diversity = Diversity(self._unit_maps) if self._unit_maps is not None else None
        gathered = [scores.gather(len(seeds)) for scores in self._set_scores]
        count = 0
        for batch in _in_batches(batches):
            for images in gathered:
                images.add(batch)
            memorization.add(batch)
            if diversity is not None and diversity.count < _DIVERSITY_IMAGES:
                diversity.add(batch[: _DIVERSITY_IMAGES - diversity.count])
            count += len(batch)
            tell(count)
        if count < FEWEST_IMAGES:
            raise InputError(f"scores need {FEWEST_IMAGES} generated images at least; got {count}")
        row = {
            "network": self.network.name,
            "party": self.is_party,
            "weights_sha256": self.network.weights_sha256,
            "mode": self.mode,
            "reals": len(self.reference.images),
            "fakes": count,
            "resolution": self._shape.resolution,
            "mirrored": False,
            "split": self.reference.split,
            "seed": self.seed,
            "scores": {name: score for images in gathered for name, score in images.scores().items()},
            "memorization": memorization.summary() | {"network": self._judge},
            "diversity": {} if diversity is None else self._diversities(diversity),
        }
        sheet, words = memorization.sheet(self.images)
        return Scored(_rounded(row), sheet, words)

    def _diversities(self, diversity: Diversity) -> dict[str, Any]:
        fakes, reals = diversity.mean_distance(), self._real_diversity
        return {
            "fakes": fakes,
            "reals": reals,
            "ratio": fakes / reals,
            "images": diversity.count,
            "network": self._judge,
        }


def image_seeds(seed: int, count: int) -> list[int]:
    """Draws the seeds of the images that are scored: `count` whole numbers from 0 to 2**31 - 1, as a list."""
    seeds: list[int] = np.random.default_rng(seed).integers(2**31, size=count).tolist()
    return seeds


def features_file_name(manifest: dict[str, Any], images: ImageSettings, network: FeatureNetwork, mode: str) -> str:
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


def _in_batches(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Joins small batches, so that the networks' own are full."""
    waiting: list[np.ndarray] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= BATCH_SIZE:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
