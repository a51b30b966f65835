"""Training images that are kept on the device that trains, so that no step waits for its batch to be copied there."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.errors import InputError


class ResidentImages:
    """All training images, on one device.

    Args:
        images: uint8 `[count, height, width, channels]`; copied to the device.
        labels: int32 `[count]`, the classes of the images; None without classes.
        device: the device's name; TensorFlow chooses if None.

    Raises:
        InputError: if they do not fit in the device's memory.
    """

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.int32] | None = None, device: str | None = None
    ) -> None:
        with tf.device(device):
            try:
                self._images = tf.constant(images)
            except tf.errors.ResourceExhaustedError as error:
                size = f"{images.nbytes / 2**20:,.0f} MiB"
                raise InputError(f"{size} of images do not fit on the device; give --images-on-device off") from error
            self._labels = None if labels is None else tf.constant(labels)
            # A table, because a compiler may round the division differently.
            self._values = tf.cast(tf.range(256), tf.float32) / 127.5 - 1.0

    def __len__(self) -> int:
        """Returns the number of images."""
        return int(self._images.shape[0])

    def __call__(
        self, indices: tf.Tensor, mirrored: tf.Tensor | None = None
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """Takes a batch, equal to that of `training_dataset` bit for bit.

        Args:
            indices: int32 `[batch]`, the images to take.
            mirrored: uint8 `[batch, 1, 1, 1]`, 1 for those that are mirrored; None if none is.

        Returns:
            float32 `[batch, height, width, channels]` in [-1, 1], or a pair of them and labels int32 `[batch]`.
        """
        batch = tf.gather(self._values, tf.cast(tf.gather(self._images, indices), tf.int32))
        if mirrored is not None:
            mirrored = tf.cast(mirrored, tf.float32)
            batch = batch * (1.0 - mirrored) + tf.reverse(batch, [2]) * mirrored
        return batch if self._labels is None else (batch, tf.gather(self._labels, indices))
