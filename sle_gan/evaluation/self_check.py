"""Checks that the 2015 Inception here is that of published tables, by the Inception Score of CIFAR-10.

The weights and the images must be there: nothing is downloaded. Imports no TensorFlow.
"""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sle_gan.disk import cache_folder
from sle_gan.errors import InputError
from sle_gan.evaluation.download import INCEPTION_ADDRESS, inception_file, inception_weights
from sle_gan.evaluation.pace import tell_pace
from sle_gan.evaluation.scores import inception_score
from sle_gan.pretrained import NETWORKS
from sle_gan.quiet import quiet_start

CIFAR10_ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
PUBLISHED_SCORE, PUBLISHED_SPREAD = 11.24, 0.12  # of ten splits of 5,000 training images
_MEMBER = "cifar-10-batches-bin/data_batch_1.bin"
_IMAGES = 5000
_ROW_BYTES = 1 + 3 * 32 * 32  # the class, then the planes of red, green and blue


def check_inception(
    weights_file: Path | str | None = None,
    cifar10_file: Path | str | None = None,
    tell: Callable[[str], None] = print,
) -> str:
    """Compares the Inception Score of CIFAR-10 with the published one. Loads TensorFlow when all files are there.

    Args:
        weights_file: the 2015 Inception's weights; the cache folder's if None.
        cifar10_file: `cifar-10-binary.tar.gz`; the cache folder's if None.
        tell: function of a line of text, called while it goes on.

    Returns:
        A line of text.

    Raises:
        InputError: if a file is missing or another one, or the scores do not agree.
    """
    weights = inception_file(weights_file)
    if not weights.is_file():
        raise InputError(f"the self-check needs the weights {INCEPTION_ADDRESS}; put them at {weights}")
    images = cifar10_images(cifar10_file or cache_folder() / "cifar-10-binary.tar.gz")
    inception_weights(weights, tell)
    with quiet_start():
        network = NETWORKS["inception"].module().feature_network(weights)
    return check_score(network, images, tell_pace(len(images), tell))


def cifar10_images(archive: Path | str) -> NDArray[np.uint8]:
    """Reads the first 5,000 training images of CIFAR-10.

    Args:
        archive: path of `cifar-10-binary.tar.gz`.

    Returns:
        uint8 `[5000, 32, 32, 3]`.

    Raises:
        InputError: if the archive is missing or damaged.
    """
    try:
        with tarfile.open(archive) as opened:
            member = opened.extractfile(_MEMBER)
            content = b"" if member is None else member.read(_IMAGES * _ROW_BYTES)
        rows = np.frombuffer(content, np.uint8).reshape(_IMAGES, _ROW_BYTES)
    except FileNotFoundError:
        raise InputError(f"the self-check needs CIFAR-10; get {CIFAR10_ADDRESS} and put it at {archive}") from None
    except (OSError, KeyError, EOFError, ValueError, tarfile.TarError) as error:
        raise InputError(f"{archive} must be {CIFAR10_ADDRESS}; it cannot be read ({error})") from error
    images: NDArray[np.uint8] = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images


def check_score(
    network: Callable[[NDArray[np.uint8], str], Sequence[Any]], images: NDArray[np.uint8], tell: Callable[[int], object]
) -> str:
    """Compares the Inception Score of images with the published one.

    Args:
        network: a `FeatureNetwork`.
        images: what `cifar10_images` returned.
        tell: function of the number of images done.

    Returns:
        A line of text.

    Raises:
        InputError: if the score is more than three published standard deviations away from the published mean.

    Source: Salimans et al. 2016, arXiv:1606.03498, table 3: real data, 11.24 +- .12.
    """
    logits, step = [], 100
    for first in range(0, len(images), step):
        logits.append(network(images[first : first + step], "legacy")[1])
        tell(min(first + step, len(images)))
    score, _ = inception_score(np.concatenate(logits))
    comparison = (
        f"Inception Score of {len(images)} CIFAR-10 images {score:.2f}; published {PUBLISHED_SCORE} "
        f"(spread {PUBLISHED_SPREAD} over splits of 5000)"
    )
    if abs(score - PUBLISHED_SCORE) > 3 * PUBLISHED_SPREAD:
        raise InputError(f"{comparison}: they do not agree; get fresh copies of the weights and of CIFAR-10")
    return f"{comparison}: they agree"
