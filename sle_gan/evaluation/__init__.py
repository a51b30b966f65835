"""Feature networks and what is measured with them.

This table imports no TensorFlow, so that a wrong word on the command line is told at once; the file of a network
is loaded when it is asked for.
"""

import importlib
from typing import NamedTuple

from sle_gan.errors import InputError


class Network(NamedTuple):
    """A row of the table of feature networks.

    Attributes:
        file: module that builds it: `feature_network(weights)` -> `sle_gan.evaluation.network.FeatureNetwork`.
        suffix: what follows the names of its scores. The 2015 Inception alone has none: `fid` and `kid` mean it.
        kernel_deviations: features are divided by so many of their standard deviations over the training images before
            the kernel of KID, where their length would drown all else; None: they are taken as they are.
        has_classes: whether its classes are those of ImageNet, as the Inception Score needs them.
        maps_builder: name of the function in `file` that builds the network as far as some of its maps:
            `maps_builder(outputs)` -> `keras.Model` of images in [-1, 1] of any size; None where there is none.
        copy_map: name of the map at 1/8 of an image's side that copies are found by.
        distance_maps: names of the maps of the perceptual distance.
    """

    file: str
    suffix: str
    kernel_deviations: float | None = None
    has_classes: bool = True
    maps_builder: str | None = None
    copy_map: str | None = None
    distance_maps: tuple = ()

    def module(self):
        """Loads the module."""
        return importlib.import_module(self.file)

    def maps(self, outputs):
        """Builds the network as far as some of its maps.

        Args:
            outputs: tuple of their names.

        Returns:
            A frozen `keras.Model`: images float32 `[batch, height, width, 3]` in [-1, 1] -> list of the maps in this
            order, float32 `[batch, height / s, width / s, channels]`, or the map if it is one.
        """
        return getattr(self.module(), self.maps_builder)(outputs)


NETWORKS = {
    "efficientnet-lite0": Network(
        "sle_gan.evaluation.features",
        "_efficientnet_lite0",
        maps_builder="efficientnet_lite0",
        copy_map="stage_3",
        distance_maps=("stage_1", "stage_2", "stage_3", "stage_4", "stage_5"),
    ),
    "open-nsfw": Network(
        "sle_gan.evaluation.open_nsfw",
        "_open_nsfw",
        kernel_deviations=2.0,
        has_classes=False,
        maps_builder="open_nsfw",
        copy_map="stage_2",
        distance_maps=("stage_1", "stage_2", "stage_3"),
    ),
    "inception": Network("sle_gan.evaluation.inception", ""),
}

# How images are brought to a network's size. legacy: bilinear, not antialiased, as TensorFlow 1 did it, and so as
# most published tables have it. clean: Pillow's bicubic, antialiased, of unrounded numbers.
MODES = ("legacy", "clean")

METRICS = ("fid", "kid", "prdc", "is", "swd", "diversity")

PATCH_SCORE = "swd"  # what the names of scores without a network begin with

FEWEST_IMAGES = 6  # precision and recall ask for five neighbors


def check_metrics(network: str, metrics: tuple[str, ...]) -> None:
    """Checks that a network serves for some metrics.

    Args:
        network: its name in `NETWORKS`.
        metrics: some of `METRICS`.

    Raises:
        InputError: if the Inception Score is asked of a network without ImageNet's classes.
    """
    if "is" in metrics and not NETWORKS[network].has_classes:
        others = " or ".join(name for name, row in NETWORKS.items() if row.has_classes)
        raise InputError(f"the Inception Score needs ImageNet's classes, such as of {others}; got {network}")
