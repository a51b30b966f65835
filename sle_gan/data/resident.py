"""Images that lie on the device which trains on them, so that no step waits for a copy of its batch."""

import tensorflow as tf

from sle_gan.errors import InputError


class ResidentImages:
    """All images of a training on one device.

    Args:
        images: uint8 `[count, side, side, channels]`; copied to the device.
        labels: int32 `[count]`, of the images' classes; or None.
        device: the device's name; without one TensorFlow chooses.

    Raises:
        InputError: if the device's memory does not hold them.
    """

    def __init__(self, images, labels=None, device=None):
        with tf.device(device):
            try:
                self._images = tf.constant(images)
            except tf.errors.ResourceExhaustedError as error:
                size = f"{images.nbytes / 2**20:,.0f} MiB"
                raise InputError(f"{size} of images do not fit on the device; give --images-on-device off") from error
            self._labels = None if labels is None else tf.constant(labels)
            # Looked up, because compilers round a division otherwise.
            self._values = tf.cast(tf.range(256), tf.float32) / 127.5 - 1.0

    def __call__(self, indices, mirrored=None):
        """Takes a batch, equal to that of `training_dataset` bit for bit.

        Args:
            indices: int32 `[batch]`, of the images.
            mirrored: uint8 `[batch, 1, 1, 1]`, 1 for those that are mirrored; or None where none is.

        Returns:
            float32 `[batch, side, side, channels]` in [-1, 1], or a pair of them and labels int32 `[batch]`.
        """
        batch = tf.gather(self._values, tf.cast(tf.gather(self._images, indices), tf.int32))
        if mirrored is not None:
            mirrored = tf.cast(mirrored, tf.float32)
            batch = batch * (1.0 - mirrored) + tf.reverse(batch, [2]) * mirrored
        return batch if self._labels is None else (batch, tf.gather(self._labels, indices))
