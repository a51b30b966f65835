"""The networks that `import sle_gan` offers: FastGAN's."""

import tf_keras as keras

from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.picture_shape import Resolution


def Generator(
    output_resolution: Resolution = 512, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the FastGAN generator, as the library calls it.

    With classes there is a second input: one-hot labels float32 `[batch, classes]`.

        >>> import sle_gan
        >>> generator = sle_gan.Generator(output_resolution=64, width=8)
        >>> generator(sle_gan.create_input_noise(batch_size=2)).shape
        TensorShape([2, 64, 64, 3])

    Args:
        output_resolution: side of the images in pixels: 64, 128, 256, 512 or 1024; or width and height such as
            `384x256`, the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the 128 px map, a multiple of 8; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A `keras.Model`: float32 codes `[batch, 256]` -> float32 images `[batch, side, side, channels]` in [-1, 1].

    Raises:
        ValueError: if an argument is not one of those above.
    """
    return GENERATORS["fastgan"].build(output_resolution, channels, width, seed, classes)


def Discriminator(
    input_resolution: Resolution = 512, channels: int = 3, width: int = 64, seed: int = 0, classes: int = 0
) -> keras.Model:
    """Builds the FastGAN discriminator, as the library calls it.

    With classes there is a second input: one-hot labels float32 `[batch, classes]`.

        >>> import numpy as np
        >>> import sle_gan
        >>> discriminator = sle_gan.Discriminator(input_resolution=64, width=8)
        >>> discriminator(np.zeros([2, 64, 64, 3], np.float32)).shape
        TensorShape([2, 50])

    Args:
        input_resolution: side of the images in pixels: 64, 128, 256, 512 or 1024; or width and height such as
            `384x256`, the shorter of these sides, and the longer 4 to 16 quarters of it.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        width: channels of the entry map at 128 px, a multiple of 8; 64 in the paper.
        seed: of the initial weights.
        classes: number of classes; 0 without.

    Returns:
        A `keras.Model`: float32 images `[batch, side, side, channels]` in [-1, 1] -> float32 logits `[batch, 50]`.

    Raises:
        ValueError: if an argument is not one of those above.
    """
    return DISCRIMINATORS["fastgan"].build(input_resolution, channels, width, seed, classes)
