"""A trained, frozen discriminator that judges the generator beside the one in training.

Source: Tian et al. 2021, DGL-GAN: discriminator-guided learning.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.resample import downsample_nearest, side_of
from sle_gan.settings import TransferSettings
from sle_gan.training.classes import images_among, labels_among
from sle_gan.training.terms import DrawnBatch, Logs, LossTerm


class Teacher(LossTerm):
    """What the generator's loss gains from a teacher: the same loss, of the teacher's logits.

    The teacher is at rest: its batch statistics and singular vectors are those that it ended with, it judges each
    image for itself, and none of its variables moves. Gradients flow through it to the images.

    Args:
        discriminator: a trained discriminator as training calls it; each of its inputs is given the fakes at its size.
        weight: of its loss; 0.1 in the paper.
        origin: the settings that name the weights of `discriminator`; None where they are of no run.

    Attributes:
        origin: as given.
    """

    metric = "teacher_loss"

    @needs_keras_2
    def __init__(self, discriminator: keras.Model, weight: float, origin: TransferSettings | None = None):
        discriminator.trainable = False
        self.origin = origin
        self._discriminator = discriminator
        self.weight = weight

    def __call__(self, batch: DrawnBatch) -> tuple[tf.Tensor, Logs]:
        """Returns the weighted loss, float32 scalar, and what is logged: the loss before it is weighted."""
        loss = self.judged_loss(batch.fakes, batch.loss_by(self.logits))
        return self.weight * loss, {self.metric: loss}

    def judged_loss(self, fakes: list[tf.Tensor], loss: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Returns the loss of the fakes in the teacher's eyes, not yet weighted.

        Args:
            fakes: list of generated images float32 `[batch, height, width, channels]`, the largest first, as the
                discriminator in training is given them; with classes and their one-hot labels at the end.
            loss: the generator's loss, function of (logits) -> float32 scalar.

        Returns:
            float32 scalar.
        """
        return loss(self.logits(fakes))

    def logits(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Returns the teacher's logits, float32 `[batch, patches]`.

        Args:
            inputs: list of images, as the discriminator in training is given them.
        """
        of_side = {side_of(image): image for image in images_among(inputs)}
        sides = [side_of(each) for each in images_among(self._discriminator.inputs)]
        images = [of_side[side] if side in of_side else downsample_nearest(inputs[0], side) for side in sides]
        # A teacher that knows of no classes is asked about the images alone.
        labels = labels_among(inputs) if labels_among(self._discriminator.inputs) else []
        return tf.nest.flatten(self._discriminator([*images, *labels], training=False))[0]
