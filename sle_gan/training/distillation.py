"""A discriminator that learns from a trained, frozen one.

Source: Chen et al., "GANs Can Play Lottery Tickets Too", ICLR 2021 (GAN-LTH).
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.training.terms import JudgedBatch, LossTerm

_EPSILON = 1e-10


def discriminator_divergence(teacher_logits: tf.Tensor, student_logits: tf.Tensor) -> tf.Tensor:
    """Returns how far a student's judgements are from its teacher's: half the mean KL divergence.

    A logit stands for the two classes (p, 1 - p) with p its sigmoid. The mean of t (log t - log s) is taken over both
    classes of all judgements, as PyTorch's `kl_div` does: over 4 B numbers for B real and B generated images.

    Args:
        teacher_logits: float32 of any shape.
        student_logits: float32 of that shape.

    Returns:
        float32 scalar, 0 for equal judgements and more for others.

    Source: Chen et al., "GANs Can Play Lottery Tickets Too", ICLR 2021 (GAN-LTH).
    """

    def classes(logits: tf.Tensor) -> tf.Tensor:
        share = tf.sigmoid(logits)
        return tf.stack([share, 1.0 - share])

    teacher, student = classes(teacher_logits), classes(student_logits)
    return tf.reduce_mean(tf.math.xlogy(teacher, teacher) - teacher * tf.math.log(student + _EPSILON))


class Distillation(LossTerm):
    """What a discriminator's loss gains from a teacher; nothing until there is one.

    Args:
        teacher: a network like the discriminator, whose weights are replaced by `learn_from`.
        weight: of the divergence in the discriminator's loss.
    """

    @needs_keras_2
    def __init__(self, teacher: keras.Model, weight: float):
        self.teacher = teacher
        self._full_weight = weight
        self.weight = tf.Variable(0.0, trainable=False, name="distillation_weight")

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"teacher": self.teacher, "distillation_weight": self.weight}

    @needs_keras_2
    def learn_from(self, discriminator: keras.Model) -> None:
        """Freezes a discriminator as it is: from now on it teaches.

        Args:
            discriminator: a network like the teacher.
        """
        for copy, variable in zip(self.teacher.variables, discriminator.variables, strict=True):
            copy.assign(variable)
        self.weight.assign(self._full_weight)

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted divergence of real and of generated images together: float32 scalar."""
        logits = tf.concat([batch.real.logits, batch.fake.logits], axis=0)
        return self.divergence([batch.reals, batch.fakes], logits)

    def divergence(self, batches: list[list[tf.Tensor]], student_logits: tf.Tensor) -> tf.Tensor:
        """Returns the weighted divergence on batches of images, each with the teacher's batch statistics of its own.

        Args:
            batches: what the discriminator was given, one batch after the other.
            student_logits: what it answered to all of them, before any map, joined.

        Returns:
            float32 scalar.
        """
        logits = [tf.nest.flatten(self.teacher(images, training=True))[0] for images in batches]
        return self.weight * discriminator_divergence(tf.stop_gradient(tf.concat(logits, axis=0)), student_logits)
