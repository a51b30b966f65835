"""SNGAN's discriminator of 32 px at larger sides: the same weights, whose maps are larger.

Source: the tables of 32 px of Miyato et al. 2018, arXiv:1802.05957; at 48 px too in Gong et al. 2019, arXiv:1908.03835
(AutoGAN), and Tian et al. 2021, arXiv:2006.09134 (alphaGAN).
"""

import tf_keras as keras

from sle_gan.models import DISCRIMINATORS
from sle_gan.models.discriminators.sngan import (
    CHANNELS,
    HALVINGS,
    discriminator_blocks,
    feature_split,
    residual_discriminator,
    training_graph,
)
from sle_gan.models.rows import check_shape

__all__ = ["discriminator", "discriminator_blocks", "feature_split", "training_graph"]

_SIDE = 32  # whose tables these are


def discriminator(
    resolution: int = 32, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the discriminator: images `[batch, side, side, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48 or 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: half of the channels of all maps; 64 in the papers.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(DISCRIMINATORS["sngan-32"], resolution, channels, width)
    filters = [share * width for share in CHANNELS[_SIDE]]
    return residual_discriminator(filters, HALVINGS[_SIDE], [resolution, resolution, channels], seed, classes)
