"""The GAN: a `keras.Model` whose `train_step` updates the discriminator, the generator and its average.

Every random number of a step is a pure function of the seed and the step's number, so a run that was resumed
draws what the uninterrupted run would have drawn.
"""

import functools

import tensorflow as tf
import tf_keras as keras

from sle_gan.layers.batch import count_of
from sle_gan.layers.resample import downsample_nearest
from sle_gan.training import draws
from sle_gan.training.accumulation import in_turn, mean_over, summed
from sle_gan.training.classes import images_among
from sle_gan.training.ema import update_average
from sle_gan.training.feeding import FedModel, fed
from sle_gan.training.finite import check_finite
from sle_gan.training.updates import to_differentiate, update_weights


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
        reconstruction: function of (real images, maps, seed) -> float32 scalar that is added to the
            discriminator's loss, with `decoders` whose weights the discriminator's optimizer trains; or None.
        augment: function of (images, seed int32 `[2]`) -> images, for reals and fakes alike; or None.
        average_decay: what the averaged generator keeps of itself at each step, in [0, 1); or a function of the
            number of steps done.
        n_critic: steps of the discriminator for each step of the generator, each with images and codes of its own;
            the generator's step shares the fakes of the last.
        seed: of everything that training draws.

    Attributes:
        accumulate: equal shares of the batch that a step goes through in turn, 1 by itself, set before `compile`; the
            generator's step draws the fakes of several again. See `sle_gan.training.accumulation`.
        generator_masks: what keeps pruned weights of the generator at 0, as `sle_gan.sparsity.masks.Masks`; or None.
        discriminator_masks: the same of the discriminator.
        distillation: function of (images, logits) -> float32 scalar that is added to the discriminator's loss, for
            reals and fakes; or None.
        perturbation: what both networks are trained against beside their images, as
            `sle_gan.training.perturbation.AdversarialFeatures`; or None.
        teacher: a frozen discriminator that judges the generator too, as `sle_gan.training.teacher.Teacher`; or None.
        frozen_layers: the discriminator's layers whose weights are not trained; set them before `compile`.
        adaptation: what sets the strength of the augmentation after each step, as
            `sle_gan.augment.adaptive.AdaptiveAugment`, set before `compile`; or None.
        seed_offset: int32 variable that is added to the seed; another one gives other draws.
        balance: what observes the mean logits around the generator's step, as
            `sle_gan.sparsity.adapt.BalanceRatio`; or None.
        classes: the `sle_gan.training.classes.ClassShares` of networks whose last input is one-hot labels; or None.
    """

    def __init__(
        self,
        generator,
        discriminator,
        average_generator,
        *,
        reconstruction=None,
        augment=None,
        average_decay=0.999,
        n_critic=1,
        seed=0,
    ):
        super().__init__(name="gan")
        # What a step logs is of the first device; its sum over devices would be no loss. The means are of all of them.
        self.distribute_reduction_method = "first"
        self.generator = generator
        self.discriminator = discriminator
        self.average_generator = average_generator
        self.reconstruction = reconstruction
        self.augment = augment
        self.regularizers = ()
        self.path_length = None
        self.average_decay = average_decay
        self.n_critic = n_critic
        self.accumulate = 1
        self.seed = seed
        self.generator_masks = self.discriminator_masks = self.distillation = self.balance = None
        self.perturbation = self.teacher = self.adaptation = self.classes = None
        self.frozen_layers = ()
        self.steps = _counter("steps", tf.int64)
        # A variable, so that other draws need no other graph, whose sums would be ordered otherwise.
        self.seed_offset = _counter("seed_offset", tf.int32)
        losses = ("generator_loss", "discriminator_loss", "reconstruction_loss")
        names = (*losses, "real_logits", "fake_logits", "real_signs")
        self.loss_means = [keras.metrics.Mean(name=name) for name in names]

    def compile(
        self,
        generator_optimizer,
        discriminator_optimizer,
        generator_loss,
        discriminator_loss,
        regularizers=(),
        path_length=None,
        **kwargs,
    ):
        """Sets the optimizers and losses.

        Args:
            generator_optimizer: of the generator's weights.
            discriminator_optimizer: of the discriminator's weights and the decoders'.
            generator_loss: function of (fake logits) -> float32 scalar.
            discriminator_loss: function of (real logits, fake logits, seed int32 `[2]`) -> float32 scalar.
            regularizers: `sle_gan.training.regularizers.Regularizer`s that are added to the discriminator's loss.
            path_length: `sle_gan.training.path_length.PathLength` that is added to the generator's loss; or None.
            **kwargs: as `keras.Model.compile`.
        """
        super().compile(**kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.generator_loss = generator_loss
        self.discriminator_loss = discriminator_loss
        self.regularizers = regularizers
        self.path_length = path_length
        if regularizers:
            self.loss_means.append(keras.metrics.Mean(name="penalty"))
        if self.teacher is not None:
            self.loss_means.append(keras.metrics.Mean(name="teacher_loss"))
        if self.adaptation is not None:
            self.loss_means.append(keras.metrics.Mean(name="augment_probability"))
        # The slots must be there before a checkpoint is restored into them.
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    @property
    def metrics(self):
        """Nothing: `fit` would reset the means at its start, and they must outlive a resume."""
        return []

    @property
    def discriminator_variables(self):
        """The weights that the discriminator's optimizer trains: the discriminator's own, then the decoders'."""
        decoders = [] if self.reconstruction is None else self.reconstruction.decoders.trainable_variables
        return self._judging_variables + decoders

    @property
    def _judging_variables(self):
        frozen = {id(variable) for layer in self.frozen_layers for variable in layer.weights}
        return [variable for variable in self.discriminator.trainable_variables if id(variable) not in frozen]

    def checkpoint_items(self):
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
        if self.reconstruction is not None:
            items["decoders"] = self.reconstruction.decoders
        if self.path_length is not None:
            items["mean_path_length"] = self.path_length.mean_length
        if self.adaptation is not None:
            items |= self.adaptation.checkpoint_items()
        return items

    def raise_if_not_finite(self):
        """Ends a training whose numbers are lost, before anything of it is written.

        Raises:
            NotFiniteError: if a mean of the losses since the last row, or a variable of the checkpoint, is not finite.
        """
        check_finite(self.loss_means, self.checkpoint_items(), int(self.steps.numpy()))

    def call(self, inputs, training=False):
        """Draws images of the averaged generator: float32 `[batch, side, side, channels]` in [-1, 1]."""
        return self.average_generator(inputs, training=training)

    @tf.autograph.experimental.do_not_convert  # nothing here branches on tensors; reading the source takes seconds
    @fed
    def train_step(self, data):
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
            draw = functools.partial(self._fake_inputs, count_of(batch[0]), turn_seed)
            turns.append(self._discriminator_step(turn, batch, draw, turn_seed))

        def draw_on_tape(share):
            with tf.GradientTape() as tape:
                return self._fake_inputs(count_of(last[0]), seed, share), tape

        # The same fakes serve both steps; shares are drawn again, or all their maps would have to be kept in between.
        drawn = functools.cache(draw_on_tape) if self.accumulate == 1 else draw_on_tape
        turns.append(self._discriminator_step(len(earlier), last, lambda share: drawn(share)[0], seed))
        logs = {name: tf.reduce_mean([turn[name] for turn in turns]) for name in turns[0]}
        generator_logs, fakes = self._generator_step(drawn, seed)
        logs |= generator_logs
        if self.balance is not None:
            self._observe_balance(last, fakes, seed)
        decay = self.average_decay(self.steps) if callable(self.average_decay) else self.average_decay
        update_average(self.average_generator, self.generator, decay)
        if self.generator_masks is not None:
            self.generator_masks.follow_growth()
        if self.adaptation is not None:
            logs["augment_probability"] = tf.identity(self.adaptation.probability)
            self.adaptation.observe(self.steps, logs["real_signs"])
        self.steps.assign_add(1)
        for mean in self.loss_means:
            mean.update_state(logs[mean.name])
        return logs

    def _step_seed(self):
        # The counter counts this step's predecessors; both halves of a seed are 32 bits wide.
        return tf.stack([self.seed + self.seed_offset, tf.cast(self.steps, tf.int32)])

    def _generator_inputs(self, count, seed, share):
        codes = draws.latent_codes(self.generator, count, seed, share)
        if self.classes is None:
            return codes
        drawn = self.classes.draw(count, draws.of_replica(draws.fold(seed, draws.LABELS)))
        return [codes, share.rows(drawn)]

    def _fake_inputs(self, count, seed, share):
        inputs = self._generator_inputs(count, seed, share)
        _, *labels = tf.nest.flatten(inputs)
        fakes = tf.nest.flatten(self.generator(inputs, training=True))
        seed = share.seed(seed)
        fakes = [
            self._augmented(fake, draws.fold(seed, draws.FAKE_AUGMENTATION, index)) for index, fake in enumerate(fakes)
        ]
        return fakes + labels

    def _real_inputs(self, batch, seed):
        images, *labels = batch
        reals = self._augmented(images, draws.fold(seed, draws.REAL_AUGMENTATION))
        reals = [downsample_nearest(reals, inputs.shape[1]) for inputs in images_among(self.discriminator.inputs)]
        return reals + [self.classes.one_hot(part) for part in labels]

    def _augmented(self, images, seed):
        return images if self.augment is None else self.augment(images, draws.of_replica(seed))

    def _judge(self, inputs):
        if self.perturbation is not None:
            return self.perturbation.judge(inputs)
        logits, *maps = tf.nest.flatten(self.discriminator(inputs, training=True))
        return logits, maps, None

    def _penalty(self, turn, batch, reals, fakes, seed):
        step = self.steps * self.n_critic + turn

        def judge(inputs):
            return self._judge(inputs)[0]

        def augment_and_judge(inputs):
            return judge(self._real_inputs(inputs, seed))

        seen = {False: (judge, reals), True: (augment_and_judge, list(batch))}
        return sum(
            regularizer(
                step, *seen[regularizer.before_augmentation], fakes, draws.of_replica(draws.fold(seed, draws.PENALTY))
            )
            for regularizer in self.regularizers
        )

    def _discriminator_step(self, turn, batch, draw_fakes, seed):
        def gradients_of(share):
            rows = [share.rows(part) for part in batch]
            return self._discriminator_gradients(turn, rows, draw_fakes, share, share.seed(seed))

        gradients, judged = summed(self.accumulate, gradients_of)
        variables = self.discriminator_variables
        update_weights(self.discriminator_optimizer, gradients, variables, self.discriminator_masks)
        return mean_over([self._judgement_logs(*each) for each in judged])

    def _judgement_logs(self, losses, logits):
        real_logits, fake_logits = logits
        logs = {
            "discriminator_loss": losses[0],
            "reconstruction_loss": losses[1],
            "real_logits": tf.reduce_mean(real_logits),
            "fake_logits": tf.reduce_mean(fake_logits),
            "real_signs": tf.reduce_mean(tf.sign(real_logits)),
        }
        return logs | ({"penalty": losses[2]} if self.regularizers else {})

    def _discriminator_gradients(self, turn, batch, draw_fakes, share, seed):
        reals = self._real_inputs(batch, seed)

        def adversarial_loss(real_logits, fake_logits):
            return self.discriminator_loss(real_logits, fake_logits, draws.of_replica(draws.fold(seed, draws.MARGINS)))

        tape = tf.GradientTape()
        with tape:
            real_logits, maps, real_features = self._judge(reals)
        reconstruction_loss, map_gradients, decoder_gradients = self._reconstruct(reals[0], maps, seed)
        # What the decoders and the distance held is free before the fakes take as much.
        with tf.control_dependencies(map_gradients):
            fakes = draw_fakes(share)
        with tape:
            fake_logits, _, fake_features = self._judge(fakes)
            loss = adversarial_loss(real_logits, fake_logits)
            penalty = self._penalty(turn, batch, reals, fakes, seed)
            total = loss + penalty
            if self.perturbation is not None:
                total += (self.perturbation.weight - 1.0) * loss
                total += self.perturbation.discriminator_loss(real_features, fake_features, adversarial_loss)
            if self.distillation is not None:
                total += self.distillation(reals, real_logits) + self.distillation(fakes, fake_logits)
            total = to_differentiate(total, self.discriminator_optimizer, self.accumulate)
        gradients = tape.gradient(
            [total, *maps], self._judging_variables, output_gradients=[tf.ones_like(total), *map_gradients]
        )
        # The reconstruction is a sum over the images, not a mean.
        losses = loss, share.whole(reconstruction_loss), penalty
        return gradients + decoder_gradients, (losses, (real_logits, fake_logits))

    def _reconstruct(self, images, maps, seed):
        """Returns the reconstruction loss, and its gradients to the maps and to the decoders' weights."""
        if self.reconstruction is None:
            return 0.0, [tf.zeros_like(features) for features in maps], []
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = self.reconstruction(images, maps, draws.fold(seed, draws.QUADRANT))
            total = to_differentiate(loss, self.discriminator_optimizer, shares=1)  # its shares add up
        sources = [maps, self.reconstruction.decoders.trainable_variables]
        return loss, *tape.gradient(total, sources, unconnected_gradients="zero")

    def _generator_step(self, drawn, seed):
        def gradients_of(share):
            return self._generator_gradients(*drawn(share), share, seed)

        gradients, parts = summed(self.accumulate, gradients_of)
        update_weights(self.generator_optimizer, gradients, self.generator.trainable_variables, self.generator_masks)
        return mean_over([logs for logs, _ in parts]), [fakes for _, fakes in parts]

    def _generator_gradients(self, fakes, generator_tape, share, seed):
        # The same fakes serve both steps, so the gradient is carried on from the images.
        images = images_among(fakes)
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = self.generator_loss(self._judge(fakes)[0])
            logs = {"generator_loss": loss}
            total = loss if self.perturbation is None else self.perturbation.weight * loss
            if self.teacher is not None:
                logs["teacher_loss"] = self.teacher(fakes, self.generator_loss)
                total += self.teacher.weight * logs["teacher_loss"]
            total = to_differentiate(total, self.generator_optimizer, self.accumulate)
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(images, variables, output_gradients=tape.gradient(total, images))
        for term in self._generator_terms(count_of(images[0]), share, seed):
            with tf.GradientTape() as tape:
                total = to_differentiate(term(), self.generator_optimizer, self.accumulate)
            # The last picture's bias moves no path.
            added = tape.gradient(total, variables, unconnected_gradients="zero")
            gradients = [gradient + more for gradient, more in zip(gradients, added, strict=True)]
        return gradients, (logs, fakes)

    def _generator_terms(self, count, share, seed):
        """Yields what joins the generator's loss with passes of its own: functions of nothing -> float32 scalar."""
        if self.path_length is not None:
            paths_seed = draws.of_replica(draws.fold(share.seed(seed), draws.PATHS))
            yield lambda: self.path_length(self.steps, count, paths_seed, self.classes)
        if self.perturbation is not None:
            inputs = functools.partial(self._generator_inputs, share.whole(count), seed, share)
            yield lambda: self.perturbation.generator_loss(inputs(), self.generator_loss)

    def _observe_balance(self, batch, fakes, seed):
        def mean_logit(inputs):
            # Not as in training: that would move the discriminator's statistics. The generator draws as in training,
            # as it did before its step, at the price of one more power iteration of its spectral norms.
            return tf.reduce_mean(tf.nest.flatten(self.discriminator(inputs, training=False))[0])

        def measured(share, before):
            reals = self._real_inputs([share.rows(part) for part in batch], share.seed(seed))
            old = fakes[share.index]
            new = self._fake_inputs(share.whole(count_of(old[0])), seed, share)
            return [*(before or []), (mean_logit(reals), mean_logit(old), mean_logit(new))]

        self.balance.observe(self.steps, lambda: mean_over(in_turn(self.accumulate, measured)))


def _counter(name, dtype):
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(0, trainable=False, dtype=dtype, name=name, aggregation=first)
