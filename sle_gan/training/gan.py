"""The GAN: a `keras.Model` whose `train_step` updates the discriminator, the generator and its average.

Every random number of a step is a pure function of the seed and the step's number, so a run that was resumed
draws what the uninterrupted run would have drawn. What a method adds to the step is a term, an action or a rule that it
is given: see `sle_gan.training.terms`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.batch import count_of
from sle_gan.training import draws
from sle_gan.training.accumulation import Share, mean_over, summed
from sle_gan.training.classes import ClassShares, images_among
from sle_gan.training.ema import MovingAverage
from sle_gan.training.feeding import FedModel, fed
from sle_gan.training.finite import check_finite
from sle_gan.training.inputs import Inputs
from sle_gan.training.terms import (
    AfterStep,
    DrawnBatch,
    JudgedBatch,
    JudgedReals,
    Logs,
    LossTerm,
    StepOutcome,
    Unbounded,
    UpdateRule,
    added_logs,
    judges_of,
    split_terms,
    with_terms,
)
from sle_gan.training.updates import to_differentiate, update_weights

_LOGGED = ("generator_loss", "discriminator_loss", "reconstruction_loss", "real_logits", "fake_logits", "real_signs")


class Drawn(NamedTuple):
    """Fakes of a step.

    Attributes:
        fakes: what the discriminator is given of them.
        seen: what is judged of them: the same, or what frozen layers have made of it.
        tape: on which both were computed.
    """

    fakes: list[tf.Tensor]
    seen: list[tf.Tensor]
    tape: tf.GradientTape


Draw = Callable[[Share], Drawn]


class GAN(FedModel):
    """A generator, a discriminator, and the averaged generator that samples are drawn from.

    Drive it with `compile(generator_optimizer, discriminator_optimizer, ...)` and `fit` on batches of images,
    float32 `[batch, side, side, channels]` in [-1, 1]; with classes on pairs of images and labels, int32 `[batch]`.

    Args:
        generator: model of latent codes float32 `[batch, latent size]` -> images, or a list of images of
            several sizes.
        discriminator: model of as many images -> logits float32 `[batch, patches]`, or a list of logits and
            maps. Each of its inputs is given the real images at that input's size.
        average_generator: a model with the generator's layers; see `sle_gan.training.ema`.
        augment: function of (images, seed int32 `[2]`) -> images, for reals and fakes alike; or None.
        classes: the `sle_gan.training.classes.ClassShares` of networks whose last input is one-hot labels; or None.
        n_critic: steps of the discriminator for each step of the generator, each with images and codes of its own;
            the generator's step shares the fakes of the last.
        accumulate: equal shares of the batch that a step goes through in turn; the generator's step draws the fakes of
            several again. See `sle_gan.training.accumulation`.
        seed: of everything that training draws.

    Attributes:
        steps: int64 variable, the number of steps done.
        seed_offset: int32 variable that is added to the seed; another one gives other draws.
        generator_rule, discriminator_rule: the `UpdateRule`s of the weights; see `set_update_rules`.
    """

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
        generator_loss: Callable[[tf.Tensor], tf.Tensor],
        discriminator_loss: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
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
            generator_loss: function of (fake logits) -> float32 scalar.
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
        """Draws images of the averaged generator: float32 `[batch, side, side, channels]` in [-1, 1]."""
        return self.average_generator(inputs, training=training)

    @tf.autograph.experimental.do_not_convert  # nothing here branches on tensors; reading the source takes seconds
    @fed
    def train_step(self, data: Any) -> Logs:
        """Makes the steps of the discriminator and one of the generator.

        Args:
            data: real images, float32 `[n_critic * batch, side, side, channels]` in [-1, 1]; with classes a pair of
                them and labels, int32 `[n_critic * batch]`.

        Returns:
            The losses of this step and the mean logits, by name; the discriminator's are means over its steps.
        """
        seed = self._step_seed()
        turns = []
        *earlier, last = zip(*(tf.split(part, self.n_critic) for part in tf.nest.flatten(data)), strict=True)
        for turn, batch in enumerate(earlier):
            turn_seed = draws.fold(seed, draws.CRITIC_TURN, turn)
            draw: Draw = functools.partial(self.drawn_fakes, count_of(batch[0]), turn_seed)
            turns.append(self.update_discriminator(turn, batch, draw, turn_seed))
        # The same fakes serve both steps; shares are drawn again, or all their maps would have to be kept in between.
        draw = functools.partial(self.drawn_fakes, count_of(last[0]), seed)
        draw = functools.cache(draw) if self.accumulate == 1 else draw
        turns.append(self.update_discriminator(len(earlier), last, draw, seed))
        logs = {name: tf.reduce_mean([turn[name] for turn in turns]) for name in turns[0]}
        generator_logs, fakes = self.update_generator(draw, seed)
        logs |= generator_logs
        outcome = self._outcome(logs, last, fakes, seed)
        for action in self.after_step:
            logs |= action.after_step(outcome)
        self.generator_rule.follow_growth()
        self.discriminator_rule.follow_growth()
        self.steps.assign_add(1)
        for mean in self.loss_means:
            mean.update_state(logs[mean.name])
        return logs

    def update_discriminator(self, turn: int, batch: Sequence[tf.Tensor], draw: Draw, seed: tf.Tensor) -> Logs:
        """Makes a step of the discriminator on a batch, and returns what it logs."""

        def gradients_of(share: Share) -> tuple[list, Logs]:
            rows = [share.rows(part) for part in batch]
            return self._discriminator_gradients(turn, rows, draw, share, share.seed(seed))

        gradients, logs = summed(self.accumulate, gradients_of)
        variables = self.discriminator_variables
        update_weights(self.discriminator_optimizer, gradients, variables, self.discriminator_rule)
        return mean_over(logs)

    def _discriminator_gradients(
        self, turn: int, images: list[tf.Tensor], draw: Draw, share: Share, seed: tf.Tensor
    ) -> tuple[list, Logs]:
        def adversarial_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
            return self.discriminator_loss(real_logits, fake_logits, draws.of_replica(draws.fold(seed, draws.MARGINS)))

        reals = self.step_inputs.reals(images, seed)
        tape = tf.GradientTape()
        with tape:
            real = self.judges.judge(reals)
        judged = JudgedReals(
            step=self.steps * self.n_critic + turn,
            seed=seed,
            share=share,
            images=images,
            reals=reals,
            real=real,
            judge=lambda inputs: self.judges.judge(inputs).logits,
            judge_images=lambda images: self.judges.judge(self.step_inputs.reals(images, seed)).logits,
            adversarial_loss=adversarial_loss,
        )
        joined, separate = split_terms(self.discriminator_terms)
        map_gradients, separate_gradients, separate_logs = self._separate_gradients(separate, judged)
        # What separate terms held is free before the fakes take as much.
        with tf.control_dependencies(map_gradients):
            fakes, seen, _ = draw(share)
        with tape:
            fake = self.judges.judge_seen(seen)
            loss = adversarial_loss(real.logits, fake.logits)
            batch = JudgedBatch(**vars(judged), fakes=fakes, fake=fake, loss=loss)
            total, joined_logs = with_terms(loss, joined, batch)
            total = to_differentiate(total, self.discriminator_optimizer, self.accumulate)
        gradients = tape.gradient(
            [total, *real.maps], self._judging_variables, output_gradients=[tf.ones_like(total), *map_gradients]
        )
        logs = {
            "discriminator_loss": loss,
            "reconstruction_loss": 0.0,
            "real_logits": tf.reduce_mean(real.logits),
            "fake_logits": tf.reduce_mean(fake.logits),
            "real_signs": tf.reduce_mean(tf.sign(real.logits)),
        }
        return gradients + separate_gradients, logs | added_logs(separate_logs, joined_logs)

    def _separate_gradients(self, terms: Sequence[LossTerm], judged: JudgedReals) -> tuple[list, list, Logs]:
        """Returns the gradients of terms to the maps and to the weights that they train, and what they log."""
        if not terms:
            return [tf.zeros_like(features) for features in judged.real.maps], [], {}
        with tf.GradientTape() as tape:
            tape.watch(judged.real.maps)
            total, logs = with_terms(0.0, terms, judged)
            total = to_differentiate(total, self.discriminator_optimizer, self.accumulate)
        sources = [judged.real.maps, [variable for term in terms for variable in term.trained_variables]]
        return *tape.gradient(total, sources, unconnected_gradients="zero"), logs

    def drawn_fakes(self, count: int | tf.Tensor, seed: tf.Tensor, share: Share) -> Drawn:
        """Draws what the discriminator is given, on a tape."""
        with tf.GradientTape() as tape:
            fakes = self.step_inputs.fakes(count, seed, share)
            return Drawn(fakes, self.judges.see(fakes), tape)

    def update_generator(self, draw: Draw, seed: tf.Tensor) -> tuple[Logs, list[list[tf.Tensor]]]:
        """Makes a step of the generator; returns what it logs, and what the discriminator was given by share."""
        gradients, parts = summed(self.accumulate, lambda share: self._generator_gradients(draw(share), share, seed))
        update_weights(self.generator_optimizer, gradients, self.generator.trainable_variables, self.generator_rule)
        return mean_over([logs for logs, _ in parts]), [fakes for _, fakes in parts]

    def _generator_gradients(
        self, drawn: Drawn, share: Share, seed: tf.Tensor
    ) -> tuple[list, tuple[Logs, list[tf.Tensor]]]:
        # The same fakes serve both steps, so the gradient is carried on from the images and what is seen of them.
        fakes, seen, generator_tape = drawn
        images = list({id(image): image for image in images_among([*fakes, *seen])}.values())
        count = count_of(images[0])
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = self.generator_loss(self.judges.judge_seen(seen).logits)
            batch = DrawnBatch(
                step=self.steps,
                seed=share.seed(seed),
                share=share,
                count=count,
                draw_inputs=lambda: self.step_inputs.codes(share.whole(count), seed, share),
                classes=self.classes,
                fakes=fakes,
                adversarial_loss=self.generator_loss,
                loss=loss,
            )
            joined, separate = split_terms(self.generator_terms)
            total, logs = with_terms(loss, joined, batch)
            total = to_differentiate(total, self.generator_optimizer, self.accumulate)
        variables = self.generator.trainable_variables
        slopes = tape.gradient(total, images, unconnected_gradients="zero")
        gradients = generator_tape.gradient(images, variables, output_gradients=slopes)
        for term in separate:
            with tf.GradientTape() as tape:
                value, term_logs = term(batch)
                total = to_differentiate(value, self.generator_optimizer, self.accumulate)
            # The last picture's bias moves no path.
            added = tape.gradient(total, variables, unconnected_gradients="zero")
            gradients = [gradient + more for gradient, more in zip(gradients, added, strict=True)]
            logs = added_logs(logs, term_logs)
        return gradients, ({"generator_loss": loss, **logs}, fakes)

    def _step_seed(self) -> tf.Tensor:
        # The counter counts this step's predecessors; both halves of a seed are 32 bits wide.
        return tf.stack([self.seed + self.seed_offset, tf.cast(self.steps, tf.int32)])

    def _outcome(
        self, logs: Logs, batch: Sequence[tf.Tensor], fakes: list[list[tf.Tensor]], seed: tf.Tensor
    ) -> StepOutcome:
        count = count_of(batch[0])
        return StepOutcome(
            step=self.steps,
            logs=logs,
            generator=self.generator,
            discriminator=self.discriminator,
            average_generator=self.average_generator,
            fakes=fakes,
            draw_reals=lambda share: self.step_inputs.reals([share.rows(part) for part in batch], share.seed(seed)),
            draw_fakes=lambda share: self.step_inputs.fakes(count, seed, share),
        )


def _counter(name: str, dtype: tf.DType) -> tf.Variable:
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(0, trainable=False, dtype=dtype, name=name, aggregation=first)
