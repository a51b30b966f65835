"""What is measured of trainings. These names import no TensorFlow."""

from sle_gan.errors import InputError
from sle_gan.pretrained import NETWORKS

METRICS = ("fid", "kid", "prdc", "is", "swd", "diversity")

PATCH_SCORE = "swd"  # begins the names of the scores that no network has a part in

FEWEST_IMAGES = 6  # precision and recall ask for five neighbors


def kid_name(network: str) -> str:
    """Returns the name of the KID by a network, such as `kid_open_nsfw`.

    Args:
        network: its name in `NETWORKS`.
    """
    return f"kid{NETWORKS[network].suffix}"


def is_patch_score(name: str) -> bool:
    """Returns whether no network has a part in a score, so that it compares across networks.

    Args:
        name: of the score, such as `swd_32`.
    """
    return name.startswith(PATCH_SCORE)


def check_metrics(network: str, metrics: tuple[str, ...]) -> None:
    """Checks that metrics can be measured with a network.

    Args:
        network: its name in `NETWORKS`.
        metrics: some of `METRICS`.

    Raises:
        InputError: if the Inception Score is asked of a network without ImageNet's classes.
    """
    if "is" in metrics and not NETWORKS[network].has_classes:
        others = " or ".join(name for name, row in NETWORKS.items() if row.has_classes)
        raise InputError(f"the Inception Score needs ImageNet's classes, such as of {others}; got {network}")
