"""What is asked of a feature network: features of bytes, the same whatever other images are asked for beside them."""

import concurrent.futures
import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from PIL import Image

from sle_gan.errors import InputError
from sle_gan.keras_version import needs_keras_2
from sle_gan.pretrained import MODES

BATCH_SIZE = 16  # always, the last batch padded: how a feature is rounded must not depend on how many are asked for


class FeatureNetwork:
    """A frozen network that images are compared by.

    Args:
        name: as in the table `NETWORKS`.
        model: `keras.Model` of float32 `[batch, side_px, side_px, 3]` in [0, 255] -> features float32 `[batch, d]`
            and logits float32 `[batch, classes]`.
        weights_file: path of its weights, for their checksum.
        side_px: side of the images that it was trained on.

    Attributes:
        name: the name.
        weights_sha256: SHA-256 of the weight file, in hexadecimal.
        side_px: the side.
    """

    @needs_keras_2
    def __init__(self, name: str, model: keras.Model, weights_file: Path | str, side_px: int) -> None:
        self.name = name
        self.side_px = side_px
        self.weights_sha256 = hashlib.sha256(Path(weights_file).read_bytes()).hexdigest()
        signature = [tf.TensorSpec([BATCH_SIZE, side_px, side_px, 3])]
        self._pass = tf.function(lambda images: model(images, training=False), input_signature=signature)

    def preprocess(self, images: NDArray[np.uint8], mode: str) -> NDArray[np.float32]:
        """Brings images to the network's size, and grey ones to three channels.

        Args:
            images: uint8 `[batch, height, width, 1 or 3]`.
            mode: `legacy` or `clean`; see `MODES`.

        Returns:
            float32 `[batch, side_px, side_px, 3]` in [0, 255].

        Raises:
            InputError: if the images are of another type or shape, or the mode is unknown.

        Source: Parmar et al. 2022, arXiv:2104.11222, for `clean`.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise InputError(f"images must be uint8 [batch, height, width, 1 or 3]; got {images.dtype} {images.shape}")
        if mode not in MODES:
            raise InputError(f"mode must be one of {', '.join(MODES)}; got {mode!r}")
        resize = _resize_legacy if mode == "legacy" else _resize_clean
        resized = resize(images, self.side_px)
        return np.repeat(resized, 3, axis=-1) if images.shape[-1] == 1 else resized

    def __call__(self, images: NDArray[np.uint8], mode: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Computes features.

        Args:
            images: uint8 `[count, height, width, 1 or 3]`; as many are held at once as float32 as are given here.
            mode: see `preprocess`.

        Returns:
            Features float32 `[count, d]` and logits float32 `[count, classes]`, unbounded.

        Raises:
            InputError: see `preprocess`.
        """
        parts = []
        for first in range(0, len(images), BATCH_SIZE):
            batch = self.preprocess(images[first : first + BATCH_SIZE], mode)
            padded = np.pad(batch, [(0, BATCH_SIZE - len(batch)), (0, 0), (0, 0), (0, 0)])
            parts.append([output.numpy()[: len(batch)] for output in self._pass(padded)])
        if not parts:
            raise InputError("features need one image at least; got none")
        features, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
        return features, logits


def _resize_legacy(images: NDArray[np.uint8], side_px: int) -> NDArray[np.float32]:
    resized = tf.raw_ops.ResizeBilinear(
        images=images, size=[side_px, side_px], align_corners=False, half_pixel_centers=False
    )
    return resized.numpy()


def _resize_clean(images: NDArray[np.uint8], side_px: int) -> NDArray[np.float32]:
    def resize(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = [Image.fromarray(image[..., channel].astype(np.float32)) for channel in range(image.shape[-1])]
        return np.stack(
            [np.asarray(plane.resize((side_px, side_px), Image.Resampling.BICUBIC)) for plane in planes], axis=-1
        )

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.clip(np.stack(list(pool.map(resize, images))), 0, 255)  # bicubic overshoots
