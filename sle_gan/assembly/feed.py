"""The batches of a training: its images, those of the side that is trained, from any step on."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.assembly.supplement import Supplement
from sle_gan.data.pipeline import DeviceShare, training_dataset
from sle_gan.data.pooled import pooled_images
from sle_gan.data.resident import ResidentImages
from sle_gan.settings import TrainSettings
from sle_gan.training.gan import GAN
from sle_gan.training.growth import Growth, images_shown


@dataclass(frozen=True)
class Feed:
    """Makes the data sets of a training.

    Attributes:
        settings: of the training.
        growth: how its networks grow; None if they do not.
        gan: that is trained; it is given images that lie on the device.
        images: uint8 `[count, height, width, channels]`.
        labels: int32 `[count]`; None without classes.
        on_device: whether images lie on the device that trains.
        supplement: of which the halves of the images are taken.
    """

    settings: TrainSettings
    growth: Growth | None
    gan: GAN
    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None
    on_device: bool
    supplement: Supplement

    def dataset_from(self, first_step: int, device_count: int = 1, devices: tuple[int, ...] = (0,)) -> tf.data.Dataset:
        """Makes the batches of the steps from one on, of its side.

        Args:
            first_step: its number.
            device_count: number of devices that share a batch.
            devices: indices of those that the batches are for.
        """
        optimization, images = self.settings.optimization, self.images
        batch_size = optimization.batch_size
        shown = images_shown(self.settings, first_step)
        if self.growth is not None:
            stage = self.growth.stage_at(shown)
            images, batch_size = pooled_images(images, stage.side), stage.batch_size
        if self.on_device:
            self.gan.resident = ResidentImages(images, self.labels)
        return training_dataset(
            images if self.gan.resident is None else self.gan.resident,
            batch_size=batch_size * optimization.n_critic,
            seed=(optimization.seed + int(self.gan.seed_offset.numpy())) % 2**31,
            flip=self.settings.images.flip,
            first_step=first_step,
            images_shown=shown,
            labels=self.labels,
            share=DeviceShare(optimization.n_critic, device_count, devices),
            halves=self.supplement.halves,
        )
