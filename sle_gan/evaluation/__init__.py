"""What is measured of trainings. These names import no TensorFlow."""

from sle_gan.errors import InputError
from sle_gan.pretrained import NETWORKS

# How the names of the scores begin that a metric gives.
SCORES: dict[str, tuple[str, ...]] = {
    "fid": ("fid", "fd"),  # FID means the 2015 Inception
    "kid": ("kid",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "is": ("is",),
    "swd": ("swd",),
    "diversity": (),
}
METRICS = tuple(SCORES)
_BETTER_HIGHER = {*SCORES["prdc"], *SCORES["is"]}

PATCH_SCORE = "swd"  # begins the names of the scores that no network has a part in

FEWEST_IMAGES = 6  # precision and recall ask for five neighbors


def kid_name(network: str) -> str:
    """Returns the name of the KID by a network, such as `kid_open_nsfw`.

    Args:
        network: its name in `NETWORKS`.
    """
    return f"kid{NETWORKS[network].suffix}"


def is_of_metric(name: str, metric: str) -> bool:
    """Returns whether a metric gives a score.

    Args:
        name: of the score, such as `kid_open_nsfw`.
        metric: one of `METRICS`.
    """
    return name.partition("_")[0] in SCORES[metric]


def is_better_higher(name: str) -> bool:
    """Returns whether a higher value of a score is a better one; of most it is a worse one.

    Args:
        name: of the score, such as `coverage_open_nsfw`.
    """
    return name.partition("_")[0] in _BETTER_HIGHER


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
