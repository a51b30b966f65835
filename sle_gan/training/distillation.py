"""A discriminator that learns from a trained, frozen one.

Source: Chen et al., NeurIPS 2021 (data-efficient GAN tickets).
"""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.training.terms import JudgedBatch, LossTerm

_EPSILON = 1e-10


def discriminator_divergence(teacher_logits: tf.Tensor, student_logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean divergence of a student's judgement from its teacher's.

    A logit stands for the two classes (p, 1 - p) with p its sigmoid; the divergence is KL(teacher || student).

    Args:
        teacher_logits: float32 of any shape.
        student_logits: float32 of that shape.

    Returns:
        float32 scalar, 0 or more.

    Source: Chen et al., NeurIPS 2021.
    """
    teacher, student = tf.sigmoid(teacher_logits), tf.sigmoid(student_logits)

    def term(p: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
        return p * (tf.math.log(p + _EPSILON) - tf.math.log(q + _EPSILON))

    return tf.reduce_mean(term(teacher, student) + term(1.0 - teacher, 1.0 - student))


class Distillation(LossTerm):
    """What a discriminator's loss gains from a teacher; nothing until there is one.

    Args:
        teacher: a network like the discriminator, whose weights are replaced by `learn_from`.
        weight: of the divergence in the discriminator's loss.
    """

    def __init__(self, teacher: keras.Model, weight: float):
        self.teacher = teacher
        self._full_weight = weight
        self.weight = tf.Variable(0.0, trainable=False, name="distillation_weight")

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed run needs, by name, for `tf.train.Checkpoint`."""
        return {"teacher": self.teacher, "distillation_weight": self.weight}

    def learn_from(self, discriminator: keras.Model) -> None:
        """Freezes a discriminator as it is: from now on it teaches.

        Args:
            discriminator: a network like the teacher.
        """
        for copy, variable in zip(self.teacher.variables, discriminator.variables, strict=True):
            copy.assign(variable)
        self.weight.assign(self._full_weight)

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns the weighted divergences of real and of generated images together: float32 scalar."""
        return self.divergence(batch.reals, batch.real.logits) + self.divergence(batch.fakes, batch.fake.logits)

    def divergence(self, images: list[tf.Tensor], student_logits: tf.Tensor) -> tf.Tensor:
        """Returns the weighted divergence on some images.

        Args:
            images: what the discriminator was given.
            student_logits: what it answered, before any map.

        Returns:
            float32 scalar.
        """
        logits = tf.nest.flatten(self.teacher(images, training=True))[0]
        return self.weight * discriminator_divergence(tf.stop_gradient(logits), student_logits)
