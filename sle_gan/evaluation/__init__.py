"""Feature networks and what is measured with them.

This table imports no TensorFlow, so that a wrong word on the command line is told at once; the file of a network
is loaded when it is asked for.
"""

import importlib
from typing import NamedTuple


class Network(NamedTuple):
    """A row of the table of feature networks.

    Attributes:
        file: module that builds it: `feature_network(weights)` -> `sle_gan.evaluation.network.FeatureNetwork`.
        suffix: what follows the names of its scores. The 2015 Inception alone has none: `fid` and `kid` mean it.
        kernel_deviations: features are divided by so many of their standard deviations over the training images before
            the kernel of KID, where their length would drown all else; None: they are taken as they are.
        has_classes: whether its classes are those of ImageNet, as the Inception Score needs them.
    """

    file: str
    suffix: str
    kernel_deviations: float | None = None
    has_classes: bool = True

    def module(self):
        """Loads the module."""
        return importlib.import_module(self.file)


NETWORKS = {
    "efficientnet-lite0": Network("sle_gan.evaluation.features", "_efficientnet_lite0"),
    "open-nsfw": Network("sle_gan.evaluation.open_nsfw", "_open_nsfw", kernel_deviations=2.0, has_classes=False),
    "inception": Network("sle_gan.evaluation.inception", ""),
}

# How images are brought to a network's size. legacy: bilinear, not antialiased, as TensorFlow 1 did it, and so as
# most published tables have it. clean: Pillow's bicubic, antialiased, of unrounded numbers.
MODES = ("legacy", "clean")

METRICS = ("fid", "kid", "prdc", "is", "swd", "diversity")

FEWEST_IMAGES = 6  # precision and recall ask for five neighbors
