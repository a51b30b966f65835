"""Frozen networks of published weights, in a file each, and the readers of their files.

They judge trainings, measure perceptual distances, and are what a discriminator may look through. This table imports no
TensorFlow, so that a wrong word on the command line is told at once; the file of a network is loaded when it is asked
for.
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
        "sle_gan.pretrained.efficientnet_lite0",
        "_efficientnet_lite0",
        maps_builder="efficientnet_lite0",
        copy_map="stage_3",
        distance_maps=("stage_1", "stage_2", "stage_3", "stage_4", "stage_5"),
    ),
    "open-nsfw": Network(
        "sle_gan.pretrained.open_nsfw",
        "_open_nsfw",
        kernel_deviations=2.0,
        has_classes=False,
        maps_builder="open_nsfw",
        copy_map="stage_2",
        distance_maps=("stage_1", "stage_2", "stage_3"),
    ),
    "inception": Network("sle_gan.pretrained.inception", ""),
}

# How images are brought to a network's size. legacy: bilinear, not antialiased, as TensorFlow 1 did it, and so as
# most published tables have it. clean: Pillow's bicubic, antialiased, of unrounded numbers.
MODES = ("legacy", "clean")
