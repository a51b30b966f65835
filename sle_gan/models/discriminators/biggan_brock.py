"""BigGAN's discriminator at 64 px with the numbers of channels of Brock et al.: 1, 2, 4, 8 and 16 times the width.

Source: Brock, Donahue & Simonyan, ICLR 2019, arXiv:1809.11096, as in the authors' PyTorch code. That of
`sle_gan.models.discriminators.biggan` is Chen et al.'s, which begins with twice as many.
"""

import tf_keras as keras

from sle_gan.models import DISCRIMINATORS
from sle_gan.models.blocks.biggan import BROCK_64
from sle_gan.models.discriminators.biggan import (
    discriminator_blocks,
    feature_split,
    residual_discriminator,
    training_graph,
)
from sle_gan.models.rows import check_shape

__all__ = ["discriminator", "discriminator_blocks", "feature_split", "training_graph"]


def discriminator(
    resolution: int = 64, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the discriminator: images `[batch, 64, 64, channels]` in [-1, 1] -> logits `[batch, 1]`.

    With classes it has a second input: one-hot labels float32 `[batch, classes]`.

    Args:
        resolution: side of the images in pixels: 64.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of which all maps have multiples; 64 in the authors' code.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    check_shape(DISCRIMINATORS["biggan-brock"], resolution, channels, width)
    return residual_discriminator(BROCK_64, resolution, channels, width, seed, classes)
