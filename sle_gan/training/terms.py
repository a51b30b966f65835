"""What a method may add to a training: a term of a loss, an action after the optimizers, a rule for their updates.

`sle_gan.training.gan.GAN` is given lists of these and knows none of the methods behind them. A new penalty is a class
of a few lines, in a file of its own:

    class LogitDrift(LossTerm):
        "Holds the logits of real images near 0. Source: Karras et al. 2018, arXiv:1710.10196, appendix A.1."

        metric = "penalty"

        def value(self, batch):
            return 0.001 * tf.reduce_mean(batch.real.logits**2)

    gan.compile(..., discriminator_terms=[LogitDrift()])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.frozen import FrozenFirst
from sle_gan.training.accumulation import Share
from sle_gan.training.classes import ClassShares
from sle_gan.training.losses import GeneratorLoss

Logs = dict[str, tf.Tensor]


class Judgement(NamedTuple):
    """What the discriminator answers.

    Attributes:
        logits: float32 `[batch, patches]`.
        maps: list of what it returns beside them, float tensors; empty for most networks.
        features: what its logits were computed from, if a term's `judge` keeps that; otherwise None.
    """

    logits: tf.Tensor
    maps: list[tf.Tensor]
    features: Any = None


Judge = Callable[[list[tf.Tensor]], Judgement]


@dataclass(frozen=True)
class JudgedReals:
    """What a separate term of the discriminator's loss is computed from: a batch, or one of the equal shares of it.

    Images are float32 `[batch, height, width, channels]` in [-1, 1], a list of them in several sizes where the
    discriminator takes several; with classes the last of each list is labels, one-hot float32 `[batch, classes]`.

    Attributes:
        step: int64 scalar, the number of the discriminator's steps before this one.
        seed: int32 `[2]`. Fold it with a number of `sle_gan.training.draws` for each use; with `draws.of_replica`
            each device draws for its own images.
        share: the `Share` that this is; `share.whole` makes the whole batch's of a sum over its images.
        images: list of the images in the size of the batch, not augmented; with classes and int32 `[batch]` labels.
        reals: what the discriminator was given of them, augmented.
        real: the `Judgement` of `reals`.
        judge: function of what the discriminator takes -> logits.
        judge_images: function of what `images` is -> logits; it augments as for the loss.
        adversarial_loss: function of (real logits, fake logits) -> float32 scalar.
    """

    step: tf.Tensor
    seed: tf.Tensor
    share: Share
    images: list[tf.Tensor]
    reals: list[tf.Tensor]
    real: Judgement
    judge: Callable[[list[tf.Tensor]], tf.Tensor]
    judge_images: Callable[[list[tf.Tensor]], tf.Tensor]
    adversarial_loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class JudgedBatch(JudgedReals):
    """What any other term of the discriminator's loss is computed from: generated images too.

    Attributes:
        drawn: what the generator drew, not augmented.
        fakes: what the discriminator was given of it, augmented.
        fake: the `Judgement` of `fakes`.
        judge_drawn: function of what `drawn` is -> logits; it augments as for the loss.
        loss: the adversarial loss of the two judgements, float32 scalar.
    """

    drawn: list[tf.Tensor]
    fakes: list[tf.Tensor]
    fake: Judgement
    judge_drawn: Callable[[list[tf.Tensor]], tf.Tensor]
    loss: tf.Tensor


@dataclass(frozen=True)
class DrawnBatch:
    """What a term of the generator's loss is computed from: the fakes of a step, or of one of its equal shares.

    Attributes:
        step: int64 scalar, the number of the generator's steps before this one.
        seed: int32 `[2]`, as that of `JudgedBatch`.
        share: the `Share` that this is.
        count: number of images, static where the batch is.
        draw_inputs: function of nothing -> what the generator was given: codes, or a list of codes and labels.
        classes: the `ClassShares` to draw labels by; None without classes.
        fakes: what the discriminator was given, as `JudgedBatch.fakes`.
        adversarial_loss: the generator's, function of (logits) -> float32 scalar; in a loss of pairs with the logits of
            the reals that the fakes are paired with.
        loss_by: function of a judge -> the `adversarial_loss` of logits that this judge gives. A judge is a function of
            what the discriminator takes -> logits.
        loss: the adversarial loss of these fakes, float32 scalar.
    """

    step: tf.Tensor
    seed: tf.Tensor
    share: Share
    count: int | tf.Tensor
    draw_inputs: Callable[[], Any]
    classes: ClassShares | None
    fakes: list[tf.Tensor]
    adversarial_loss: GeneratorLoss
    loss_by: Callable[[Callable[[list[tf.Tensor]], tf.Tensor]], GeneratorLoss]
    loss: tf.Tensor


class LossTerm:
    """A term that a method adds to the discriminator's or to the generator's loss.

    A subclass gives `value`, and overrides what else differs. Its batch is a `JudgedBatch` in the discriminator's loss,
    `JudgedReals` if it is separate, and a `DrawnBatch` in the generator's loss.

    Attributes:
        metric: the name that its value is logged by; the values of terms of one name are added. None logs nothing.
        separate: whether its gradients are taken by themselves, so that it holds no memory while others do. In the
            discriminator's loss such a term is a function of the maps of real images, and its gradients are there
            before the fakes are drawn. In the generator's loss it makes passes of its own, after the fakes were judged.
        interval_steps: steps from one computation to the next; at the steps between it is 0.
        judge: function of what the discriminator takes -> `Judgement`, for a term that needs features within the
            discriminator: it is called in place of the discriminator throughout. One term of a training may have it.
    """

    metric: ClassVar[str | None] = None
    separate: ClassVar[bool] = False
    interval_steps: int = 1
    judge: Judge | None = None

    @property
    def trained_variables(self) -> Sequence[tf.Variable]:
        """Weights of its own that the discriminator's optimizer trains, of a separate term."""
        return ()

    def value(self, batch: Any) -> tf.Tensor:
        """Returns what is added to the loss at a step where the term is due: float32 scalar.

        Args:
            batch: what the term is computed from.
        """
        raise NotImplementedError

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed run needs of it, by name, for `tf.train.Checkpoint`."""
        return {}

    def __call__(self, batch: Any) -> tuple[tf.Tensor, Logs]:
        """Returns what is added to the loss at this step, float32 scalar, and what is logged, by name.

        Args:
            batch: what the term is computed from.
        """
        if self.interval_steps == 1:
            value = self.value(batch)
        else:
            is_due = batch.step % self.interval_steps == 0
            value = tf.cond(is_due, lambda: self.value(batch), lambda: tf.zeros([]))
        return value, {} if self.metric is None else {self.metric: value}


@dataclass(frozen=True)
class StepOutcome:
    """What an action after the optimizers can look at.

    Attributes:
        step: int64 scalar, the number of steps before this one.
        logs: what the step has logged so far, by name.
        generator: the generator, updated.
        discriminator: the discriminator, updated.
        average_generator: the averaged generator, not yet updated unless by an action before.
        fakes: what the generator's step was made on: for each share of the batch what the discriminator was given.
        draw_reals: function of a share -> what the discriminator was given of its real images.
        draw_fakes: function of a share -> fakes of the same codes and augmentation, by the generator as it is now.
    """

    step: tf.Tensor
    logs: Logs
    generator: keras.Model
    discriminator: keras.Model
    average_generator: keras.Model
    fakes: list[list[tf.Tensor]]
    draw_reals: Callable[[Share], list[tf.Tensor]]
    draw_fakes: Callable[[Share], list[tf.Tensor]]


class AfterStep(Protocol):
    """What acts after the optimizers of both networks, such as the moving average of the generator.

    Actions of a list follow one another. What several devices share is assigned to as
    `sle_gan.training.ema.update_average` does it, or from values that are equal on all of them.

    Attributes:
        metrics: the names of what it logs.
    """

    metrics: Sequence[str]

    def after_step(self, outcome: StepOutcome) -> Logs:
        """Acts, and returns what it logs, by the names in `metrics`."""

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns what a resumed run needs of it, by name, for `tf.train.Checkpoint`."""


class UpdateRule(Protocol):
    """What bounds the updates of a network's weights, such as `sle_gan.sparsity.masks.Masks`."""

    def masked(self, gradients: list, variables: list[tf.Variable]) -> list:
        """Returns the gradients that the optimizer is given, None where there is none, in place of those there are."""

    def enforce(self) -> None:
        """Corrects the weights that the optimizer has updated."""

    def follow_growth(self) -> None:
        """Corrects the averaged weights, at the end of a step."""


class Unbounded:
    """The `UpdateRule` of a network whose weights may be anything."""

    def masked(self, gradients: list, variables: list[tf.Variable]) -> list:
        """Returns the gradients as they are."""
        return gradients

    def enforce(self) -> None:
        """Corrects nothing."""

    def follow_growth(self) -> None:
        """Corrects nothing."""


class Judges(NamedTuple):
    """How a step judges: at once, or in two parts of which the first, once done, serves both networks' steps.

    Attributes:
        judge: function of what the discriminator takes -> `Judgement`.
        see: function of what the discriminator takes, of fakes -> what `judge_seen` takes, a list.
        judge_seen: function of that -> `Judgement`.
    """

    judge: Judge
    see: Callable[[list[tf.Tensor]], list[tf.Tensor]]
    judge_seen: Judge


@needs_keras_2
def judges_of(discriminator: keras.Model, terms: Sequence[LossTerm]) -> Judges:
    """Returns what judges images in training: the `judge` of a term that has one, otherwise the discriminator."""

    def judge_by(model: keras.Model) -> Judge:
        def judge(inputs: list[tf.Tensor]) -> Judgement:
            logits, *maps = tf.nest.flatten(model(inputs, training=True))
            return Judgement(logits, maps)

        return judge

    given = next((term.judge for term in terms if term.judge is not None), None)
    if given is None and isinstance(discriminator, FrozenFirst):

        def see(inputs: list[tf.Tensor]) -> list[tf.Tensor]:
            return list(discriminator.see(inputs, training=True))

        return Judges(judge_by(discriminator), see, judge_by(discriminator.judge))
    judge = given or judge_by(discriminator)
    return Judges(judge, lambda inputs: inputs, judge)


def split_terms(terms: Sequence[LossTerm]) -> tuple[list[LossTerm], list[LossTerm]]:
    """Returns the terms that join the adversarial loss, and those whose gradients are taken by themselves."""
    return [term for term in terms if not term.separate], [term for term in terms if term.separate]


def with_terms(loss: tf.Tensor, terms: Sequence[LossTerm], batch: Any) -> tuple[tf.Tensor, Logs]:
    """Adds terms to an adversarial loss.

    Args:
        loss: float32 scalar.
        terms: those to add.
        batch: what they are computed from.

    Returns:
        The sum, float32 scalar, and what the terms log, by name.
    """
    logs: Logs = {}
    for term in terms:
        value, logged = term(batch)
        loss += value
        logs = added_logs(logs, logged)
    return loss, logs


def added_logs(logs: Logs, more: Logs) -> Logs:
    """Returns what two parts of a step have logged: values of one name are added."""
    return logs | {name: logs[name] + value if name in logs else value for name, value in more.items()}
