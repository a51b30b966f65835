"""Images that lie on the device which trains on them, so that no step waits for a copy of its batch."""

import tensorflow as tf


class ResidentImages:
    """All images of a training on one device.

    Args:
        images: uint8 `[count, side, side, channels]`; copied to the device.
        labels: int32 `[count]`, of the images' classes; or None.
        device: the device's name; without one TensorFlow chooses.
    """

    def __init__(self, images, labels=None, device=None):
        with tf.device(device):
            self._images = tf.constant(images)
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
