"""Feature networks and what is measured with them.

This table imports no TensorFlow, so that a wrong word on the command line is told at once; the file of a network
is loaded when it is asked for.
"""

import importlib
from typing import Any, NamedTuple

from sle_gan.errors import InputError


class Network(NamedTuple):
    """A row of the table of feature networks.

    Attributes:
        file: module that builds it: `feature_network(weights)` -> a `FeatureNetwork`.
        suffix: what follows the names of its scores. The 2015 Inception alone has none: `fid` and `kid` mean it.
        kernel_deviations: features are divided by this multiple of their standard deviation over the training images
            before the kernel of KID, because large features would leave only the kernel's cubic part; None: they are
            not divided.
        has_classes: whether its classes are those of ImageNet, as the Inception Score needs them.
        maps_builder: name of the function in `file` that builds the network up to some of its maps:
            `maps_builder(outputs)` -> `keras.Model` of images in [-1, 1] of any size; None where there is none.
        copy_map: name of the map at 1/8 of an image's side that copies are found by; empty without `maps_builder`.
        distance_maps: names of the maps of the perceptual distance; empty without `maps_builder`.
    """

    file: str
    suffix: str
    kernel_deviations: float | None = None
    has_classes: bool = True
    maps_builder: str | None = None
    copy_map: str = ""
    distance_maps: tuple[str, ...] = ()

    def module(self) -> Any:
        """Loads the module."""
        return importlib.import_module(self.file)

    def maps(self, outputs: tuple[str, ...]) -> Any:
        """Builds the network up to some of its maps.

        Args:
            outputs: tuple of their names.

        Returns:
            A frozen `keras.Model`: images float32 `[batch, height, width, 3]` in [-1, 1] -> list of the maps in this
            order, float32 `[batch, height / s, width / s, channels]`, or the map if it is one.

        Raises:
            InputError: if the network is only known as a whole.
        """
        if self.maps_builder is None:
            raise InputError(f"the maps of {self.file} cannot be had one by one")
        return getattr(self.module(), self.maps_builder)(outputs)


NETWORKS = {
    "efficientnet-lite0": Network(
        "sle_gan.evaluation.networks.efficientnet_lite0",
        "_efficientnet_lite0",
        maps_builder="efficientnet_lite0",
        copy_map="stage_3",
        distance_maps=("stage_1", "stage_2", "stage_3", "stage_4", "stage_5"),
    ),
    "open-nsfw": Network(
        "sle_gan.evaluation.networks.open_nsfw",
        "_open_nsfw",
        kernel_deviations=2.0,
        has_classes=False,
        maps_builder="open_nsfw",
        copy_map="stage_2",
        distance_maps=("stage_1", "stage_2", "stage_3"),
    ),
    "inception": Network("sle_gan.evaluation.networks.inception", ""),
}

# How images are brought to a network's size. legacy: bilinear, not antialiased, as TensorFlow 1 did it, and so as
# most published tables have it. clean: Pillow's bicubic, antialiased, of unrounded numbers.
MODES = ("legacy", "clean")

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
