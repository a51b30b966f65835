"""The GAN: a `keras.Model` whose `train_step` updates the discriminator, the generator and its average.

Every random number of a step is a pure function of the seed and the step's number, so a run that was resumed
draws what the uninterrupted run would have drawn.
"""

import math

import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import TrainingError
from sle_gan.layers.resample import downsample_nearest
from sle_gan.training.classes import images_among
from sle_gan.training.ema import update_average

# What a step draws, each with numbers of its own.
_LATENT_CODES, _REAL_AUGMENTATION, _FAKE_AUGMENTATION, _MARGINS, _QUADRANT, _CRITIC_TURN, _PENALTY, _PATHS, _LABELS = (
    range(9)
)


class GAN(keras.Model):
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
        generator_masks: what keeps pruned weights of the generator at 0, as `sle_gan.sparsity.masks.Masks`; or None.
        discriminator_masks: the same of the discriminator.
        distillation: function of (images, logits) -> float32 scalar that is added to the discriminator's loss, for
            reals and fakes; or None.
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
        self.generator = generator
        self.discriminator = discriminator
        self.average_generator = average_generator
        self.reconstruction = reconstruction
        self.augment = augment
        self.regularizers = ()
        self.path_length = None
        self.average_decay = average_decay
        self.n_critic = n_critic
        self.seed = seed
        self.generator_masks = self.discriminator_masks = self.distillation = self.balance = None
        self.classes = None
        self.steps = tf.Variable(
            0,
            trainable=False,
            dtype=tf.int64,
            name="steps",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        names = [
            "generator_loss",
            "discriminator_loss",
            "reconstruction_loss",
            "real_logits",
            "fake_logits",
            "real_signs",
        ]
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
        # The slots must be there before a checkpoint is restored into them.
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    @property
    def metrics(self):
        """Nothing: `fit` would reset the means at its start, and they must outlive a resume."""
        return []

    @property
    def discriminator_variables(self):
        """The weights that the discriminator's optimizer trains."""
        variables = list(self.discriminator.trainable_variables)
        if self.reconstruction is not None:
            variables += self.reconstruction.decoders.trainable_variables
        return variables

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
        return items

    def raise_if_not_finite(self):
        """Ends a training whose losses are lost, before anything of it is written.

        Raises:
            TrainingError: if a mean of the losses since the last row is not finite.
        """
        broken = [mean.name for mean in self.loss_means if not math.isfinite(mean.result())]
        if broken:
            raise TrainingError(
                f"{', '.join(broken)} not finite at step {int(self.steps)}; the last checkpoint is kept. Try a lower "
                "learning rate or another --seed"
            )

    def call(self, inputs, training=False):
        """Draws images of the averaged generator: float32 `[batch, side, side, channels]` in [-1, 1]."""
        return self.average_generator(inputs, training=training)

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
            turn_seed = _fold(seed, _CRITIC_TURN, turn)
            fakes = self._fake_inputs(tf.shape(batch[0])[0], turn_seed)
            turns.append(self._discriminator_step(turn, self._real_inputs(batch, turn_seed), fakes, turn_seed))
        with tf.GradientTape() as generator_tape:
            fakes = self._fake_inputs(tf.shape(last[0])[0], seed)
        reals = self._real_inputs(last, seed)
        turns.append(self._discriminator_step(len(earlier), reals, fakes, seed))
        logs = {name: tf.reduce_mean([turn[name] for turn in turns]) for name in turns[0]}
        logs |= self._generator_step(fakes, generator_tape, seed)
        if self.balance is not None:
            self._observe_balance(reals, fakes, seed)
        decay = self.average_decay(self.steps) if callable(self.average_decay) else self.average_decay
        update_average(self.average_generator, self.generator, decay)
        if self.generator_masks is not None:
            self.generator_masks.follow_growth()
        self.steps.assign_add(1)
        for mean in self.loss_means:
            mean.update_state(logs[mean.name])
        return logs

    def _step_seed(self):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        # The counter counts this step's predecessors; both halves of a seed are 32 bits wide.
        seed = tf.stack([tf.constant(self.seed, tf.int32), tf.cast(self.steps, tf.int32)])
        return _fold(seed, replica)

    def _fake_inputs(self, count, seed):
        code_shape = [count, *self.generator.inputs[0].shape[1:]]
        codes = tf.random.stateless_normal(code_shape, _fold(seed, _LATENT_CODES))
        labels = [] if self.classes is None else [self.classes.draw(count, _fold(seed, _LABELS))]
        fakes = tf.nest.flatten(self.generator([codes, *labels] if labels else codes, training=True))
        fakes = [self._augmented(fake, _fold(seed, _FAKE_AUGMENTATION, index)) for index, fake in enumerate(fakes)]
        return fakes + labels

    def _real_inputs(self, batch, seed):
        images, *labels = batch
        reals = self._augmented(images, _fold(seed, _REAL_AUGMENTATION))
        reals = [downsample_nearest(reals, inputs.shape[1]) for inputs in images_among(self.discriminator.inputs)]
        return reals + [self.classes.one_hot(part) for part in labels]

    def _augmented(self, images, seed):
        return images if self.augment is None else self.augment(images, seed)

    def _judge(self, inputs):
        logits, *maps = tf.nest.flatten(self.discriminator(inputs, training=True))
        return logits, maps

    def _penalty(self, turn, reals, fakes, seed):
        step = self.steps * self.n_critic + turn
        return sum(
            regularizer(step, lambda inputs: self._judge(inputs)[0], reals, fakes, _fold(seed, _PENALTY))
            for regularizer in self.regularizers
        )

    def _discriminator_step(self, turn, reals, fakes, seed):
        reconstruction_loss = 0.0
        with tf.GradientTape() as tape:
            real_logits, maps = self._judge(reals)
            fake_logits, _ = self._judge(fakes)
            loss = self.discriminator_loss(real_logits, fake_logits, _fold(seed, _MARGINS))
            if self.reconstruction is not None:
                reconstruction_loss = self.reconstruction(reals[0], maps, _fold(seed, _QUADRANT))
            penalty = self._penalty(turn, reals, fakes, seed)
            total = loss + reconstruction_loss + penalty
            if self.distillation is not None:
                total += self.distillation(reals, real_logits) + self.distillation(fakes, fake_logits)
            total = _share_of_replica(total)
        variables = self.discriminator_variables
        gradients = tape.gradient(total, variables)
        _update(self.discriminator_optimizer, gradients, variables, self.discriminator_masks)
        logs = {
            "discriminator_loss": loss,
            "reconstruction_loss": reconstruction_loss,
            "real_logits": tf.reduce_mean(real_logits),
            "fake_logits": tf.reduce_mean(fake_logits),
            "real_signs": tf.reduce_mean(tf.sign(real_logits)),
        }
        return logs | ({"penalty": penalty} if self.regularizers else {})

    def _generator_step(self, fakes, generator_tape, seed):
        # The same fakes serve both steps, so the gradient is carried on from the images.
        images = images_among(fakes)
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits, _ = self._judge(fakes)
            loss = self.generator_loss(logits)
            total = _share_of_replica(loss)
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(images, variables, output_gradients=tape.gradient(total, images))
        if self.path_length is not None:
            with tf.GradientTape() as tape:
                penalty = self.path_length(self.steps, tf.shape(fakes[0])[0], _fold(seed, _PATHS))
                penalty = _share_of_replica(penalty)
            # The last picture's bias moves no path.
            added = tape.gradient(penalty, variables, unconnected_gradients="zero")
            gradients = [gradient + more for gradient, more in zip(gradients, added, strict=True)]
        _update(self.generator_optimizer, gradients, variables, self.generator_masks)
        return {"generator_loss": loss}

    def _observe_balance(self, reals, fakes, seed):
        def mean_logit(inputs):
            # Not as in training: that would move the discriminator's statistics. The generator draws as in training,
            # as it did before its step, at the price of one more power iteration of its spectral norms.
            return tf.reduce_mean(tf.nest.flatten(self.discriminator(inputs, training=False))[0])

        def mean_logits():
            return mean_logit(reals), mean_logit(fakes), mean_logit(self._fake_inputs(tf.shape(fakes[0])[0], seed))

        self.balance.observe(self.steps, mean_logits)


def _update(optimizer, gradients, variables, masks):
    if masks is not None:
        gradients = masks.masked(gradients, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    if masks is not None:
        masks.enforce()


def _share_of_replica(loss):
    # Optimizers sum the gradients of the replicas, each of which sees a part of the batch.
    return loss / tf.distribute.get_strategy().num_replicas_in_sync


def _fold(seed, *uses):
    for use in uses:
        seed = tf.random.experimental.stateless_fold_in(seed, use)
    return seed
