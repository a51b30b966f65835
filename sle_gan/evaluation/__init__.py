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
    """

    file: str
    suffix: str

    def module(self):
        """Loads the module."""
        return importlib.import_module(self.file)


NETWORKS = {
    "efficientnet-lite0": Network("sle_gan.evaluation.features", "_efficientnet_lite0"),
    "inception": Network("sle_gan.evaluation.inception", ""),
}

# How images are brought to a network's size. legacy: bilinear, not antialiased, as TensorFlow 1 did it, and so as
# most published tables have it. clean: Pillow's bicubic, antialiased, of unrounded numbers.
MODES = ("legacy", "clean")

METRICS = ("fid", "kid", "prdc", "is", "diversity")

FEWEST_IMAGES = 6  # precision and recall ask for five neighbors
