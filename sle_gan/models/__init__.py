"""The networks: each a file with `generator(...)` and `discriminator(...)`.

This table imports no TensorFlow, so that a resolution that a network does not have is told at once; the file
of a network is loaded when it is asked for.
"""

import importlib
from typing import NamedTuple


class Model(NamedTuple):
    """A row of the table of networks.

    Attributes:
        file: module that builds the networks: `generator(resolution, channels, width, seed)`,
            `discriminator(...)` of the same arguments, `training_graph(generator, discriminator)` and
            `LATENT_SIZE`.
        resolutions: sides of the images in pixels that it can be built for.
        channels: numbers of channels that it can be built for: 1 (grey), 3 (RGB), 4 (RGBA).
    """

    file: str
    resolutions: tuple
    channels: tuple

    def module(self):
        """Loads the module."""
        return importlib.import_module(self.file)


MODELS = {
    "fastgan": Model("sle_gan.models.fastgan", (64, 128, 256, 512, 1024), (1, 3, 4)),
}
