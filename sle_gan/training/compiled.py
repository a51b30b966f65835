"""What a GAN is compiled of: networks, optimizers, losses, methods; and what of it a checkpoint holds."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.training.classes import ClassShares
from sle_gan.training.ema import MovingAverage
from sle_gan.training.feeding import FedModel
from sle_gan.training.finite import check_finite
from sle_gan.training.inputs import Inputs
from sle_gan.training.losses import DiscriminatorLoss, GeneratorLoss, PairedLoss
from sle_gan.training.terms import AfterStep, LossTerm, Unbounded, UpdateRule, judges_of

_LOGGED = ("generator_loss", "discriminator_loss", "reconstruction_loss", "real_logits", "fake_logits", "real_signs")


class CompiledGAN(FedModel):
    """The parts of a GAN. `sle_gan.training.gan.GAN` makes the steps, and says what its arguments are."""

    @needs_keras_2
    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        average_generator: keras.Model,
        *,
        augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
        classes: ClassShares | None = None,
        n_critic: int = 1,
        accumulate: int = 1,
        seed: int = 0,
    ):
        super().__init__(name="gan")
        # What a step logs is of the first device; its sum over devices would be no loss. The means are of all of them.
        self.distribute_reduction_method = "first"
        self.generator = generator
        self.discriminator = discriminator
        self.average_generator = average_generator
        self.augment = augment
        self.classes = classes
        self.n_critic = n_critic
        self.accumulate = accumulate
        self.seed = seed
        self.generator_rule: UpdateRule = Unbounded()
        self.discriminator_rule: UpdateRule = Unbounded()
        self.steps = _counter("steps", tf.int64)
        # A variable, so that other draws need no other graph, whose sums would be ordered otherwise.
        self.seed_offset = _counter("seed_offset", tf.int32)
        self.step_inputs = Inputs(generator, discriminator, augment, classes)

    @needs_keras_2
    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        generator_loss: GeneratorLoss | PairedLoss,
        discriminator_loss: DiscriminatorLoss,
        discriminator_terms: Sequence[LossTerm] = (),
        generator_terms: Sequence[LossTerm] = (),
        after_step: Sequence[AfterStep] = (MovingAverage(),),
        frozen_layers: Sequence[keras.layers.Layer] = (),
        **kwargs: Any,
    ) -> None:
        """Sets the optimizers, the losses and what methods add to a step.

        Args:
            generator_optimizer: of the generator's weights.
            discriminator_optimizer: of the discriminator's weights and those that its terms train.
            generator_loss: function of (fake logits) -> float32 scalar, or a `PairedLoss`.
            discriminator_loss: function of (real logits, fake logits, seed int32 `[2]`) -> float32 scalar.
            discriminator_terms: what is added to the discriminator's loss, in this order.
            generator_terms: what is added to the generator's loss, in this order.
            after_step: what acts after the optimizers, in this order.
            frozen_layers: the discriminator's layers whose weights are not trained.
            **kwargs: as `keras.Model.compile`.
        """
        super().compile(**kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.generator_loss = generator_loss
        self.discriminator_loss = discriminator_loss
        self.discriminator_terms = tuple(discriminator_terms)
        self.generator_terms = tuple(generator_terms)
        self.after_step = tuple(after_step)
        self.frozen_layers = tuple(frozen_layers)
        self.judges = judges_of(self.discriminator, discriminator_terms)
        terms = [term.metric for term in (*discriminator_terms, *generator_terms) if term.metric is not None]
        logged = [*_LOGGED, *terms, *(name for action in after_step for name in action.metrics)]
        self.loss_means = [keras.metrics.Mean(name=name) for name in dict.fromkeys(logged)]
        # The slots must be there before a checkpoint is restored into them.
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    def set_update_rules(self, *, generator: UpdateRule | None = None, discriminator: UpdateRule | None = None) -> None:
        """Bounds the updates of a network's weights by a rule, such as masks, in place of the rule before.

        Args:
            generator: the generator's rule; None leaves it as it is.
            discriminator: likewise.
        """
        before = self.generator_rule, self.discriminator_rule
        self.generator_rule, self.discriminator_rule = generator or before[0], discriminator or before[1]
        if self.train_function is not None and before != (self.generator_rule, self.discriminator_rule):
            self.make_train_function(force=True)

    @needs_keras_2
    def call_networks(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        prepare: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        """Has the steps call other graphs of the same layers, such as those of a smaller side; they are compiled anew.

        Args:
            generator: what draws; whatever weights of `self.generator` it does not have are not trained.
            discriminator: what judges.
            prepare: function of real images of the discriminator's size -> what it is given of them; or None.
        """
        self.step_inputs = Inputs(generator, discriminator, self.augment, self.classes, prepare)
        self.judges = judges_of(discriminator, self.discriminator_terms)
        if self.train_function is not None:
            self.make_train_function(force=True)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Nothing: `fit` would reset the means at its start, and they must outlive a resume."""
        return []

    @property
    def methods(self) -> tuple:
        """All terms and actions that this was compiled with."""
        return (*self.discriminator_terms, *self.generator_terms, *self.after_step)

    def method(self, kind: type) -> Any:
        """Returns the first of `methods` that is of a kind, such as `Teacher`; None if there is none."""
        return next((method for method in self.methods if isinstance(method, kind)), None)

    @property
    def discriminator_variables(self) -> list[tf.Variable]:
        """The weights that the discriminator's optimizer trains: the discriminator's own, then those of its terms."""
        return self._judging_variables + [v for term in self.discriminator_terms for v in term.trained_variables]

    @property
    def _judging_variables(self) -> list[tf.Variable]:
        frozen = {id(variable) for layer in self.frozen_layers for variable in layer.weights}
        return [variable for variable in self.discriminator.trainable_variables if id(variable) not in frozen]

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns everything that a resumed run needs, by name, for `tf.train.Checkpoint`."""
        items = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average_generator": self.average_generator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "steps": self.steps,
            "loss_means": self.loss_means,
        }
        for method in self.methods:
            items |= method.checkpoint_items()
        return items

    def raise_if_not_finite(self) -> None:
        """Ends a training whose numbers are lost, before anything of it is written.

        Raises:
            NotFiniteError: if a mean of the losses since the last row, or a variable of the checkpoint, is not finite.
        """
        check_finite(self.loss_means, self.checkpoint_items(), int(self.steps.numpy()))

    def call(self, inputs: tf.Tensor | list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Draws images of the averaged generator: float32 `[batch, height, width, channels]` in [-1, 1]."""
        return self.average_generator(inputs, training=training)


def _counter(name: str, dtype: tf.DType) -> tf.Variable:
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(0, trainable=False, dtype=dtype, name=name, aggregation=first)
