"""AdvAug: features of both networks are moved to where the loss is worse, and training goes on from there too.

Source: Chen et al., "Data-Efficient GAN Training Beyond (Just) Augmentations: A Lottery Ticket Perspective",
NeurIPS 2021, arXiv:2103.00397.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from sle_gan.models.graph import FeatureSplit
from sle_gan.training.classes import labels_among
from sle_gan.training.terms import DrawnBatch, JudgedBatch, Judgement, LossTerm


class SignRule(NamedTuple):
    """Where features are moved to, and what the loss there weighs.

    Attributes:
        real: the direction in which the discriminator's logits of reals are moved, 1 or -1.
        fake: the same of fakes.
        generator: function of (the generator's loss function, logits) -> what the generator's features raise.
        weight: of the clean loss and of the loss of moved features alike.
        radius: how far features may be moved in all, in multiples of one step.
    """

    real: float
    fake: float
    generator: Callable[[Callable[[tf.Tensor], tf.Tensor], tf.Tensor], tf.Tensor]
    weight: float
    radius: float


SIGNS = {
    "paper": SignRule(-1.0, 1.0, lambda loss, logits: loss(logits), weight=1.0, radius=1.0),
    "released": SignRule(1.0, 1.0, lambda loss, logits: tf.reduce_mean(logits), weight=0.5, radius=float("inf")),
}


class Features(NamedTuple):
    """What the discriminator's head takes.

    Attributes:
        features: list of float tensors.
        labels: with classes a list of the one-hot labels; otherwise empty.
    """

    features: list
    labels: list


def moved_features(
    objective: Callable[[list[tf.Tensor]], tf.Tensor],
    features: Sequence[tf.Tensor],
    gamma: float,
    steps: int,
    radius: float,
) -> list[tf.Tensor]:
    """Moves features up an objective, each number by the sign of its slope.

    Args:
        objective: function of a list of features -> float32 scalar.
        features: list of float tensors.
        gamma: how far a step goes.
        steps: number of steps.
        radius: how far they go in all, in multiples of `gamma`.

    Returns:
        Tensors like the features. Gradients flow to the features as if nothing had been added to them.
    """
    offsets = [tf.zeros_like(feature) for feature in features]
    for _ in range(steps):
        moved = [tf.stop_gradient(feature + offset) for feature, offset in zip(features, offsets, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(moved)
            value = objective(moved)
        slopes = tape.gradient(value, moved)
        offsets = [
            tf.clip_by_value(offset + gamma * tf.sign(slope), -radius * gamma, radius * gamma)
            for offset, slope in zip(offsets, slopes, strict=True)
        ]
    return [feature + tf.stop_gradient(offset) for feature, offset in zip(features, offsets, strict=True)]


class AdversarialFeatures:
    """The second look of both networks, at features that were moved against them.

    A `GAN` is given its `discriminator_terms` and `generator_terms`.

    Args:
        generator: `sle_gan.models.graph.FeatureSplit` of the generator.
        discriminator: `FeatureSplit` of the discriminator.
        rule: a `SignRule`, such as `SIGNS["paper"]`.
        gamma: how far a step moves each number of the features; 0.01 in the paper for CIFAR, 0.001 for ImageNet.
        steps: number of steps; more than one did worse than none in the paper.

    Attributes:
        weight: of the clean losses and of the others alike.
        discriminator_terms: what joins the discriminator's loss.
        generator_terms: what joins the generator's loss.

    Raises:
        ValueError: if nothing would be moved.
    """

    def __init__(
        self,
        generator: FeatureSplit,
        discriminator: FeatureSplit,
        rule: SignRule,
        gamma: float = 0.01,
        steps: int = 1,
    ):
        if gamma <= 0.0 or steps < 1:
            raise ValueError(f"gamma must be above 0 and steps 1 at least; got {gamma} and {steps}")
        self._generator = generator
        self._discriminator = discriminator
        self._rule = rule
        self._move: dict[str, Any] = {"gamma": gamma, "steps": steps, "radius": rule.radius}
        self.weight = rule.weight
        self.discriminator_terms = [_CleanWeight(rule.weight), _MovedJudgements(self)]
        self.generator_terms = [_CleanWeight(rule.weight), _MovedPictures(self)]

    def judge(self, inputs: list[tf.Tensor]) -> Judgement:
        """Returns the discriminator's `Judgement` of what it is given, with the `Features` behind the logits."""
        features, maps = self._discriminator.first(inputs, training=True)
        labels = labels_among(tf.nest.flatten(inputs))
        return Judgement(self._logits(features, labels), maps, Features(features, labels))

    def discriminator_loss(
        self, real_features: Features, fake_features: Features, loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Returns the weighted loss at features of reals and of fakes that were moved against the discriminator.

        Args:
            real_features: `Features` of real images, as `judge` returns them.
            fake_features: `Features` of generated images.
            loss: function of (real logits, fake logits) -> float32 scalar.

        Returns:
            float32 scalar.
        """
        logits = [
            self._logits(moved_features(self._towards(direction, labels), features, **self._move), labels)
            for direction, (features, labels) in ((self._rule.real, real_features), (self._rule.fake, fake_features))
        ]
        return self.weight * loss(*logits)

    def generator_loss(self, inputs: tf.Tensor | list[tf.Tensor], loss: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Returns the weighted loss of pictures whose first features were moved against the generator.

        The pictures are not augmented, as in the released code.

        Args:
            inputs: latent codes; with classes a list of them and one-hot labels.
            loss: function of (logits) -> float32 scalar.

        Returns:
            float32 scalar.
        """
        features, others = self._generator.first(inputs, training=True)
        fixed = [tf.stop_gradient(other) for other in others]
        _, *labels = tf.nest.flatten(inputs)

        def objective(moved: list[tf.Tensor]) -> tf.Tensor:
            return self._rule.generator(loss, self._logits_of_pictures(moved, fixed, labels))

        moved = moved_features(objective, features, **self._move)
        return self.weight * loss(self._logits_of_pictures(moved, others, labels))

    def _towards(self, direction: float, labels: list[tf.Tensor]) -> Callable[[list[tf.Tensor]], tf.Tensor]:
        # Patches are averaged and images are not: each image's features have a slope of their own.
        return lambda features: direction * tf.reduce_sum(tf.reduce_mean(self._logits(features, labels), axis=1))

    def _logits(self, features: list[tf.Tensor], labels: list[tf.Tensor]) -> tf.Tensor:
        return self._discriminator.rest([*features, *labels], training=True)

    def _logits_of_pictures(
        self, features: list[tf.Tensor], others: list[tf.Tensor], labels: list[tf.Tensor]
    ) -> tf.Tensor:
        pictures = tf.nest.flatten(self._generator.rest([*features, *others], training=True))
        return self.judge([*pictures, *labels]).logits


class _CleanWeight(LossTerm):
    """Gives the adversarial loss of what was not moved a weight other than 1."""

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def value(self, batch: JudgedBatch | DrawnBatch) -> tf.Tensor:
        """Returns what makes the loss the weighted one."""
        return (self._weight - 1.0) * batch.loss


class _MovedJudgements(LossTerm):
    """The discriminator's part: its loss at moved features, whose judge keeps them."""

    def __init__(self, method: AdversarialFeatures) -> None:
        self._method = method
        self.judge = method.judge

    def value(self, batch: JudgedBatch) -> tf.Tensor:
        """Returns what is added to the loss."""
        features = batch.real.features, batch.fake.features
        return self._method.discriminator_loss(*features, batch.adversarial_loss)


class _MovedPictures(LossTerm):
    """The generator's part: its loss with moved features, in a pass of its own."""

    separate = True

    def __init__(self, method: AdversarialFeatures) -> None:
        self._method = method

    def value(self, batch: DrawnBatch) -> tf.Tensor:
        """Returns what is added to the loss."""
        return self._method.generator_loss(batch.draw_inputs(), batch.adversarial_loss)
