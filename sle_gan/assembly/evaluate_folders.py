"""The scores of a folder of pictures against a folder of images, without a run.

Folders and the network's weights are checked before TensorFlow is imported.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sle_gan.assembly.evaluate_run import AUTO, Evaluation
from sle_gan.assembly.references import ReferenceImages, read_reference_images
from sle_gan.data.folder import scan
from sle_gan.data.pictures import write_picture
from sle_gan.evaluation import check_metrics
from sle_gan.evaluation.download import inception_weights
from sle_gan.evaluation.judges import JUDGES
from sle_gan.evaluation.pace import tell_pace
from sle_gan.picture_shape import Resolution
from sle_gan.pretrained import NETWORKS
from sle_gan.settings import ImageSettings
from sle_gan.settings.field import make_group

SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 32, 4096  # that a network's maps and a decoder take
_BATCH_SIZE = 32


def evaluate_folders(
    real: Path | str,
    fake: Path | str,
    evaluation: Evaluation,
    resolution: Resolution | None = None,
    sheet: Path | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Scores a folder of pictures against a folder of images. What this tool wrote counts in both.

    Args:
        real: folder of the images.
        fake: folder of the pictures; all of them are scored.
        evaluation: the `Evaluation`; its number of images and its reference folder mean nothing here.
        resolution: side in pixels, or width and height such as `384x256`, that all are brought to, the middle cut
            out; if None, the shorter side of the smallest picture.
        sheet: file for the pairs of pictures and images that are closest; None for none.
        tell: function of a line of text, called while it goes on.

    Returns:
        The row that `sle_gan.evaluation.scoring.Scored.row` holds.

    Raises:
        InputError: if a folder cannot be read, or holds fewer than six images.
    """
    network_name = JUDGES[0] if evaluation.network == AUTO else evaluation.network
    check_metrics(network_name, evaluation.metrics)
    weights = inception_weights(evaluation.inception_weights, tell) if network_name == "inception" else None
    if resolution is None:
        smallest = min(min(image.width_px, image.height_px) for image in scan(fake, with_written=True).images)
        resolution = min(max(smallest, SMALLEST_SIDE_PX), LARGEST_SIDE_PX)
    settings = make_group(ImageSettings, {"data_folder": str(real), "resolution": resolution})
    reals, fakes = (_read(folder, flag, settings, tell) for folder, flag in ((real, "--real"), (fake, "--fake")))
    tell(
        f"scoring {len(fakes.images)} pictures of {fake} against {len(reals.images)} images of {real} at {resolution} "
        f"px with {network_name}; loading TensorFlow"
    )
    from sle_gan.evaluation.scoring import Reference, Scoring, features_file_name

    network, count = NETWORKS[network_name].module().feature_network(weights), len(fakes.images)
    mode, metrics, seed = evaluation.mode, evaluation.metrics, evaluation.seed
    with tempfile.TemporaryDirectory() as temporary:
        features_file = Path(temporary, features_file_name(reals.manifest, settings, network, mode))
        reference = Reference(reals.images, reals.split, features_file)
        scoring = Scoring(network, mode, metrics, reals.images, None, seed, reference)
        scored = scoring(_batches(fakes.images), range(count), tell_pace(count, tell))
    if sheet is not None:
        write_picture(sheet, scored.sheet, {"pairs": scored.sheet_words})
    return scored.row


def _read(folder: Path | str, flag: str, settings: ImageSettings, tell: Callable[[str], None]) -> ReferenceImages:
    images = read_reference_images(folder, settings, tell, flag=flag, with_written=True)
    return images._replace(split=f"folder {Path(folder).name}")


def _batches(images: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(images), _BATCH_SIZE):
        yield images[first : first + _BATCH_SIZE]
