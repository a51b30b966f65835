"""Settings together with the images that they are for. Imports no TensorFlow."""

from collections.abc import Callable, Mapping, Sequence

from sle_gan.assembly.resolve import resolve
from sle_gan.data.classes import check_classes, class_names, classes_without_images
from sle_gan.data.decode import check_usable
from sle_gan.data.folder import FolderScan, hold_out, scan, subsample
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.settings import ImageSettings, TrainSettings
from sle_gan.sparsity.times import check_times
from sle_gan.training.growth import check_growth

Images = tuple[FolderScan, FolderScan | None, Sequence[str]]  # to train on, held out if any, and names of classes
FindImages = Callable[[ImageSettings, int], Images]  # of a seed


def find_images(images: ImageSettings, seed: int) -> Images:
    """Looks at a folder and splits its images: see `split_images`.

    Args:
        images: the settings.
        seed: of what is drawn.

    Raises:
        InputError: if they cannot be used.
    """
    scanned = scan(images.data_folder)
    check_usable(scanned.unusable(), strict=images.strict)
    return split_images(scanned, images, seed)


def split_images(scanned: FolderScan, images: ImageSettings, seed: int) -> Images:
    """Splits the images of a folder as settings say.

    Args:
        scanned: the folder.
        images: the settings.
        seed: of what is drawn.

    Returns:
        The images to train on, those held out, if any, and the names of the classes, if they are asked for.

    Raises:
        InputError: if there are too few of them, or no classes.
    """
    used = subsample(scanned, images.data_ratio, seed, by_class=images.data_ratio_by == "class")
    folder, held_out = hold_out(used, images.held_out, seed)
    if not images.conditional:
        return folder, held_out, ()
    names = class_names(scanned)
    if images.strict and (empty := classes_without_images(scanned, names)):
        raise InputError(f"--strict: every class must have an image that can be used; there is none in {empty[0]}")
    check_classes(folder.images, names)
    return folder, held_out, names


def resolve_with_images(
    given: Mapping[str, object], first: TrainSettings, find_images: FindImages
) -> tuple[TrainSettings, Images]:
    """Works out the settings of a training with its images.

    Args:
        given: settings by name.
        first: what they resolve to before the images are known.
        find_images: finds them.

    Raises:
        InputError: if settings and images do not go together.
    """
    images = find_images(first.images, first.optimization.seed)
    count, scores = len(images[0].images), first.scores
    if (scores.kid or scores.fid) and count < FEWEST_IMAGES:
        raise InputError(f"--kid and --fid need {FEWEST_IMAGES} images at least; got {count}")
    return resolve(given, count, images[2]), images


def check_lengths(settings: TrainSettings) -> None:
    """Checks that a training is long enough for what happens on its way.

    Args:
        settings: of a training from its first step on.

    Raises:
        InputError: if its networks would not be grown, or its masks would never change.
    """
    check_growth(settings)
    check_times(settings.sparsity, settings.optimization.steps)
