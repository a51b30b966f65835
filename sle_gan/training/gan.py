"""The GAN: a `keras.Model` whose `train_step` updates the discriminator, the generator and its average.

Every random number of a step is a pure function of the seed and the step's number, so a run that was resumed
draws what the uninterrupted run would have drawn. What a method adds to the step is a term, an action or a rule that it
is given: see `sle_gan.training.terms`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from sle_gan.layers.batch import count_of
from sle_gan.training import draws
from sle_gan.training.accumulation import Share, mean_over, summed
from sle_gan.training.classes import images_among
from sle_gan.training.compiled import CompiledGAN
from sle_gan.training.feeding import fed
from sle_gan.training.losses import GeneratorLoss, PairedLoss
from sle_gan.training.terms import (
    DrawnBatch,
    JudgedBatch,
    JudgedReals,
    Logs,
    LossTerm,
    StepOutcome,
    added_logs,
    split_terms,
    with_terms,
)
from sle_gan.training.updates import to_differentiate, update_weights


class Drawn(NamedTuple):
    """Fakes of a step.

    Attributes:
        pictures: as the generator drew them, not augmented, with classes and their labels.
        fakes: what the discriminator is given of them.
        seen: what is judged of them: the same, or what frozen layers have made of it.
        tape: on which all of them were computed.
    """

    pictures: list[tf.Tensor]
    fakes: list[tf.Tensor]
    seen: list[tf.Tensor]
    tape: tf.GradientTape


Draw = Callable[[Share], Drawn]


class GAN(CompiledGAN):
    """A generator, a discriminator, and the averaged generator that samples are drawn from.

    Drive it with `compile(generator_optimizer, discriminator_optimizer, ...)` and `fit` on batches of images,
    float32 `[batch, height, width, channels]` in [-1, 1]; with classes on pairs of images and labels, int32 `[batch]`.

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

    @tf.autograph.experimental.do_not_convert  # nothing here branches on tensors; reading the source takes seconds
    @fed
    def train_step(self, data: Any) -> Logs:
        """Makes the steps of the discriminator and one of the generator.

        Args:
            data: real images, float32 `[n_critic * batch, height, width, channels]` in [-1, 1]; with classes a pair of
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
        generator_logs, fakes = self.update_generator(draw, last, seed)
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
            drawn = draw(share)
        with tape:
            fake = self.judges.judge_seen(drawn.seen)
            loss = adversarial_loss(real.logits, fake.logits)
            batch = JudgedBatch(
                **vars(judged),
                drawn=drawn.pictures,
                fakes=drawn.fakes,
                fake=fake,
                judge_drawn=lambda drawn: self.judges.judge(self.step_inputs.augmented_fakes(drawn, seed)).logits,
                loss=loss,
            )
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
            "real_signs": tf.reduce_mean(tf.sign(self._leads(real.logits, fake.logits))),
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
            pictures = self.step_inputs.drawn(count, seed, share)
            fakes = self.step_inputs.augmented_fakes(pictures, share.seed(seed))
            return Drawn(pictures, fakes, self.judges.see(fakes), tape)

    def update_generator(
        self, draw: Draw, batch: Sequence[tf.Tensor], seed: tf.Tensor
    ) -> tuple[Logs, list[list[tf.Tensor]]]:
        """Makes a step of the generator; returns what it logs, and what the discriminator was given by share."""

        def gradients_of(share: Share) -> tuple[list, tuple[Logs, list[tf.Tensor]]]:
            return self._generator_gradients(draw(share), [share.rows(part) for part in batch], share, seed)

        gradients, parts = summed(self.accumulate, gradients_of)
        update_weights(self.generator_optimizer, gradients, self.generator.trainable_variables, self.generator_rule)
        return mean_over([logs for logs, _ in parts]), [fakes for _, fakes in parts]

    def _generator_gradients(
        self, drawn: Drawn, reals: list[tf.Tensor], share: Share, seed: tf.Tensor
    ) -> tuple[list, tuple[Logs, list[tf.Tensor]]]:
        # The same fakes serve both steps, so the gradient is carried on from the images and what is seen of them.
        _, fakes, seen, generator_tape = drawn
        images = list({id(image): image for image in images_among([*fakes, *seen])}.values())
        count = count_of(images[0])
        loss_by = self._losses_by(reals, share.seed(seed))
        adversarial_loss = loss_by(lambda inputs: self.judges.judge(inputs).logits)
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = adversarial_loss(self.judges.judge_seen(seen).logits)
            batch = DrawnBatch(
                step=self.steps,
                seed=share.seed(seed),
                share=share,
                count=count,
                draw_inputs=lambda: self.step_inputs.codes(share.whole(count), seed, share),
                classes=self.classes,
                fakes=fakes,
                adversarial_loss=adversarial_loss,
                loss_by=loss_by,
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

    def _losses_by(
        self, images: list[tf.Tensor], seed: tf.Tensor
    ) -> Callable[[Callable[[list[tf.Tensor]], tf.Tensor]], GeneratorLoss]:
        """Returns a function of a judge -> the generator's loss of the logits that it gives.

        In a loss of pairs the fakes meet other images of the batch than in the discriminator's step, augmented anew.
        """
        loss = self.generator_loss
        if not isinstance(loss, PairedLoss):
            return lambda judge: loss
        neighbors = [tf.roll(part, 1, axis=0) for part in images]
        reals = self.step_inputs.reals(neighbors, draws.fold(seed, draws.PAIRED_REALS))
        return lambda judge: loss.against(judge(reals))

    def _leads(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """Returns how far logits of reals lie above what parts them from fakes: 0, or the fake of each pair."""
        return real_logits - fake_logits if isinstance(self.generator_loss, PairedLoss) else real_logits

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
