"""Layers of a network whose initial weights follow from one seed."""

import numpy as np

GENERATOR, DISCRIMINATOR, HEADS, PICTURE_HEAD = 0, 1, 2, 3


class SeededLayers:
    """The layers of one network, each with initial weights from the next of its seeds.

    The order in which layers are made is therefore part of a network: a seed must always give the same weights.

    Args:
        seed: of the networks.
        network: `GENERATOR`, `DISCRIMINATOR`, `HEADS` or `PICTURE_HEAD`, which draw from the same seed what the
            others do not.
    """

    def __init__(self, seed: int, network: int):
        self._rng = np.random.default_rng([seed, network])

    def next_seed(self) -> int:
        """Returns the next seed, from 0 to 2**31 - 1."""
        return int(self._rng.integers(2**31))
