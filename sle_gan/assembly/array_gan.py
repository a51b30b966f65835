"""The GAN that `sle_gan.build` returns: trained on arrays of images, drawn from by seeds."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.data.pipeline import training_dataset
from sle_gan.models.io import DRAWN_BATCH, draw_padded, postprocess_images, seed_inputs
from sle_gan.training.ema import Calibration
from sle_gan.training.gan import GAN


class ArrayGAN(GAN):
    """A `GAN` whose `fit` takes images as they are decoded, and that draws the picture of a seed.

    `fit` goes on where the last call ended: the order of the images and all that is drawn follow from the seed and the
    number of steps done, so two calls of 500 steps show and draw what one of 1,000 does.

    Args:
        batch_size: images in a step of the discriminator.
        flip: whether half of the images are mirrored.
        label_count: number of classes; 0 without.
        **kwargs: as `sle_gan.training.gan.GAN`.
    """

    def __init__(self, *args: Any, batch_size: int, flip: bool, label_count: int = 0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.batch_size = batch_size
        self.flip = flip
        self.label_count = label_count
        self._calibration: Calibration | None = None

    def fit(
        self,
        x: Any = None,
        y: NDArray[np.integer] | None = None,
        *,
        steps: int | None = None,
        epochs: int = 1,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        verbose: str | int = "auto",
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains on images, for a number of steps or of passes over them.

        Args:
            x: images uint8 `[count, height, width, channels]`, such as `sle_gan.load_images` returns; or a data set of
                batches as `sle_gan.training.gan.GAN` takes it, for which all else is as Keras has it.
            y: with classes, their labels int `[count]`, from 0; None without.
            steps: of the generator; None for `epochs`.
            epochs: passes over the images, instead of `steps`.
            callbacks: such as `sle_gan.callbacks.Reconfigure(gan.generator)`.
            verbose: as Keras has it: 0 silent, 1 a progress bar, 2 a line.
            **kwargs: as `keras.Model.fit`, with a data set alone.

        Returns:
            Keras' `History` of the losses.

        Raises:
            ValueError: if the images are not of the networks' shape, or labels are missing or out of their range.
        """
        if not isinstance(x, np.ndarray):
            if steps is not None:
                kwargs["steps_per_epoch"] = steps
            return super().fit(x, y, epochs=epochs, callbacks=callbacks, verbose=verbose, **kwargs)
        if kwargs:
            raise ValueError(f"with an array of images fit takes no {', '.join(sorted(kwargs))}")
        self._check_images(x)
        labels = self._checked_labels(y, len(x))
        images_per_step = self.batch_size * self.n_critic
        dataset = training_dataset(
            x,
            batch_size=images_per_step,
            seed=self.seed,
            flip=self.flip,
            first_step=int(self.steps.numpy()),
            labels=labels,
        )
        steps_per_epoch = steps or math.ceil(len(x) / images_per_step)
        return super().fit(
            dataset,
            steps_per_epoch=steps_per_epoch,
            epochs=1 if steps else epochs,
            callbacks=callbacks,
            verbose=verbose,
        )

    def draw(self, seeds: Iterable[int], label: int | None = None) -> NDArray[np.uint8]:
        """Draws the picture of each seed with the averaged generator.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1.
            label: with classes, that of all pictures; None for the classes in turn.

        Returns:
            uint8 `[count, height, width, channels]` in [0, 255], in the order of the seeds.

        Raises:
            ValueError: if there is no seed, or no such label.
        """
        chosen = list(seeds)
        if not chosen or min(chosen) < 0 or max(chosen) >= 2**31:
            raise ValueError(f"seeds must be whole numbers from 0 to {2**31 - 1}, one at least; got {chosen}")
        if label is not None and not 0 <= label < self.label_count:
            raise ValueError(f"label must be from 0 to {self.label_count - 1}; got {label}")
        self._calibrate()
        inputs = {} if label is None else {"label": label}
        pictures = []
        for first in range(0, len(chosen), DRAWN_BATCH):
            batch = seed_inputs(self.average_generator, chosen[first : first + DRAWN_BATCH], **inputs)
            pictures.append(draw_padded(self._draw, batch))
        return np.concatenate(pictures)

    def _draw(self, inputs: Any) -> tf.Tensor:
        return postprocess_images(self.average_generator(inputs, training=False), tf.uint8)

    def _calibrate(self) -> None:
        """Measures the batch statistics of the average, which are not those of the weights in training."""
        if self._calibration is None:
            self._calibration = Calibration(self.average_generator, self.batch_size, self.classes)
        self._calibration(int(self.steps.numpy()))

    def _check_images(self, images: NDArray[Any]) -> None:
        shape = self.average_generator.output_shape[1:]
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            expected = ", ".join(map(str, shape))
            raise ValueError(f"images must be uint8 [count, {expected}]; got {images.dtype} {list(images.shape)}")

    def _checked_labels(self, labels: NDArray[np.integer] | None, count: int) -> NDArray[np.int32] | None:
        if not self.label_count:
            if labels is not None:
                raise ValueError("y must be None: the networks were built without classes; give classes to build")
            return None
        shape = None if labels is None else np.shape(labels)
        if labels is None or shape != (count,):
            raise ValueError(f"y must be the labels of the images, int [{count}]; got {shape}")
        if labels.min() < 0 or labels.max() >= self.label_count:
            raise ValueError(f"labels must be from 0 to {self.label_count - 1}; got {labels.min()} to {labels.max()}")
        return np.asarray(labels, np.int32)
