"""AutoGAN's discriminator: SNGAN's of 32 px, at every resolution.

Source: Gong et al., "AutoGAN: Neural Architecture Search for Generative Adversarial Networks", ICCV 2019,
arXiv:1908.03835; Miyato et al., ICLR 2018, arXiv:1802.05957, table 4. SNGAN's own at 48 px and more is wider.
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

_TABLE = 32  # px, whose numbers of channels SNGAN's discriminator has


def discriminator(
    resolution: int = 32, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the discriminator: images `[batch, side, side, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 32, 48 or 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(DISCRIMINATORS["autogan"], resolution, channels, width)
    shape = resolution, channels, width, seed, classes
    return residual_discriminator(CHANNELS[_TABLE], HALVINGS[_TABLE], *shape)
