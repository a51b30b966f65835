"""A perceptual distance between images, by maps of EfficientNet-Lite0."""

import tensorflow as tf

from sle_gan.errors import InputError
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.efficientnet_lite0 import efficientnet_lite0

SMALLEST_SIDE_PX = 32


class PerceptualDistance:
    """A distance between images that judges structure at five scales rather than pixels.

    The maps at the ends of five stages of EfficientNet-Lite0 are brought to length 1 at each position; the
    distance is the squared difference, summed over channels, averaged over positions and over the five maps.
    0 for equal images, at most 4 without alpha; symmetric; differentiable in both arguments.

    On a CPU, call it outside XLA, whose depthwise convolutions are some twenty times slower there. Under a
    distribution strategy, construct it within the scope.

    Source: Zhang et al. 2018, arXiv:1801.03924 (LPIPS).
    Differs: another network and no learned weights of channels, so that nothing has to be fetched. Nothing
    behind the fifth stage, at 1/16 of the images' size, is computed: a picture of 64 px is 4x4 by then.
    """

    def __init__(self) -> None:
        self._network = efficientnet_lite0(NETWORKS["efficientnet-lite0"].distance_maps)

    def __call__(self, images: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """Returns the distance of each pair.

        Args:
            images: float `[batch, height, width, channels]` in [-1, 1], judged at their own size of 32 px a
                side or more; 1 (grey), 3 (RGB) or 4 (RGBA) channels. Of RGBA the RGB part is judged, and the
                mean absolute difference of alpha, in [0, 2], is added.
            references: the same.

        Returns:
            float32 `[batch]`, 0 or more.

        Raises:
            InputError: if the images have other channels, are smaller, or are not of the references' shape.
        """
        images, references = tf.cast(images, tf.float32), tf.cast(references, tf.float32)
        _check_shapes(images.shape, references.shape)
        # Two passes, not one of both: a gradient to the images alone then costs nothing for the references.
        tap_pairs = zip(self._network(_rgb(images)), self._network(_rgb(references)), strict=True)
        distances = [_tap_distance(image_map, reference_map) for image_map, reference_map in tap_pairs]
        distance = tf.add_n(distances) / len(distances)
        if images.shape[-1] == 4:
            distance += tf.reduce_mean(tf.abs(images[..., 3] - references[..., 3]), axis=[1, 2])
        return distance


def _check_shapes(shape: tf.TensorShape, reference_shape: tf.TensorShape) -> None:
    if shape.rank != 4 or shape[-1] not in (1, 3, 4):
        raise InputError(f"images must be [batch, height, width, 1, 3 or 4]; got {shape}")
    if any(side is not None and side < SMALLEST_SIDE_PX for side in shape[1:3]):
        raise InputError(f"images must be of {SMALLEST_SIDE_PX} px a side or more; got {shape}")
    if not shape.is_compatible_with(reference_shape):
        raise InputError(f"images and references must have one shape; got {shape} and {reference_shape}")


def _rgb(images: tf.Tensor) -> tf.Tensor:
    return tf.concat([images] * 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]


def _tap_distance(image_map: tf.Tensor, reference_map: tf.Tensor) -> tf.Tensor:
    difference = unit_length(image_map) - unit_length(reference_map)
    return tf.reduce_mean(tf.reduce_sum(tf.square(difference), axis=-1), axis=[1, 2])


def unit_length(features: tf.Tensor) -> tf.Tensor:
    """Returns maps float32 `[batch, height, width, channels]` brought to length 1 at each position."""
    # The epsilon keeps the gradient finite where a whole position is 0.
    return features * tf.math.rsqrt(tf.reduce_sum(tf.square(features), axis=-1, keepdims=True) + 1e-8)
