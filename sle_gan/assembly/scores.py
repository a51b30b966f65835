"""The scores that a training measures on its way."""

from typing import NamedTuple

import numpy as np

from sle_gan.assembly.references import TRAINING_SPLIT, ReferenceImages, read_reference_images
from sle_gan.callbacks.best import BestGenerators
from sle_gan.callbacks.scores import Scores
from sle_gan.data.manifest import read_manifest
from sle_gan.data.pictures import opaque
from sle_gan.evaluation.judges import describe_network
from sle_gan.evaluation.scoring import Reference, Scoring, features_file_name
from sle_gan.pretrained import NETWORKS
from sle_gan.run import RunFolder
from sle_gan.settings import ScoreSettings, TrainSettings
from sle_gan.training.ema import Calibration

_MODE = "legacy"  # of resizing, that of most published tables


class Score(NamedTuple):
    """A score that is asked for.

    Attributes:
        name: of its flag, `kid` or `fid`.
        network: name of the feature network.
        weights: file of the network's weights; None where it comes as a package.
        metrics: what is measured.
        frequency_steps: generator steps from one measurement to the next.
        image_count: pictures that are drawn for each.
    """

    name: str
    network: str
    weights: str | None
    metrics: tuple[str, ...]
    frequency_steps: int
    image_count: int


def scores_of(settings: ScoreSettings) -> list[Score]:
    """Lists the scores that are asked for."""
    kid = Score(
        "kid",
        settings.kid_network,
        None,
        ("kid", "prdc", "diversity"),
        settings.kid_frequency,
        settings.kid_number_of_images,
    )
    fid = Score(
        "fid",
        "inception",
        settings.inception_weights,
        ("fid",),
        settings.fid_frequency,
        settings.fid_number_of_images,
    )
    return [score for score, is_asked_for in ((kid, settings.kid), (fid, settings.fid)) if is_asked_for]


def score_callbacks(
    run: RunFolder, settings: TrainSettings, images: np.ndarray, calibrate: Calibration, best: BestGenerators
) -> list[Scores]:
    """Builds the callbacks of the scores that are asked for.

    Args:
        run: where the features of the images are kept, and rows are written.
        settings: of the training.
        images: uint8 `[count, height, width, channels]`, the training images.
        calibrate: see `Scores`.
        best: keeps the generators of the lowest KID.
    """
    background, scores = settings.images.background_rgb, scores_of(settings.scores)
    if not scores:
        return []
    shown, others = opaque(images, background), settings.scores.reference_folder
    against = ReferenceImages(shown, read_manifest(run.manifest_file), TRAINING_SPLIT)
    if others is not None:
        against = read_reference_images(others, settings.images)
    kind = "training" if others is None else "reference"
    callbacks = []
    for score in scores:
        network = NETWORKS[score.network].module().feature_network(score.weights)
        features_file = run.scores / features_file_name(against.manifest, settings.images, network, _MODE)
        described = describe_network(score.network, settings)
        print(f"{score.name}: features of {len(against.images)} {kind} images with {described}", flush=True)
        reference = Reference(against.images, against.split, features_file)
        seed = settings.optimization.seed
        scoring = Scoring(network, _MODE, score.metrics, shown, settings, seed, reference)
        kept = best if score.name == "kid" else None
        callbacks.append(Scores(run, scoring, score.frequency_steps, score.image_count, calibrate, background, kept))
    return callbacks
