"""The step of alphaGAN's search: weights, best responses and architecture in turn, by the duality gap.

Source: Tian et al. 2021, "AlphaGAN: Fully Differentiable Architecture Search for Generative Adversarial Networks",
arXiv:2006.09134, in first order: neither network's weights are differentiated through.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.batch import count_of
from sle_gan.search.rounds import Rounds
from sle_gan.training import draws
from sle_gan.training.accumulation import Share
from sle_gan.training.feeding import fed
from sle_gan.training.gan import GAN
from sle_gan.training.optimizers import adam
from sle_gan.training.terms import Logs

_FAST_ROUNDS, _LATER_SHARE = 30, 0.5  # best responses learn at the networks' rates, from round 31 on at half of them
_BETAS = 0.5, 0.999  # of the architecture's Adam
_LOGGED = (
    "best_discriminator_loss",  # of the best response while it learns
    "best_generator_loss",
    "best_discriminator_value",  # V(G, best D)
    "best_generator_value",  # V(best G, D)
    "duality_gap",  # their difference
)


_WHOLE = Share(0, 1)


class SearchParts(NamedTuple):
    """What a search has beside two networks.

    Attributes:
        rounds: the `Rounds`.
        architecture: the architecture parameters of the generator.
        best_generator: a copy of the generator, which answers to the discriminator.
        best_discriminator: a copy of the discriminator, which answers to the generator.
        learning_rate: of the architecture's Adam.
        decay: of the architecture parameters: this share of each is added to its gradient.
        betas: of the best responses' Adams.
    """

    rounds: Rounds
    architecture: Sequence[tf.Variable]
    best_generator: keras.Model
    best_discriminator: keras.Model
    learning_rate: float
    decay: float
    betas: tuple[float, float]


class ArchitectureSearch(GAN):
    """A GAN whose generator is a supernet. A step is one of the four parts of a round.

    1. The weights: a step of the discriminator, and after every so many of them one of the generator.
    2. A step of a fresh copy of the discriminator against the generator, which stands still.
    3. A step of a fresh copy of the generator, of its weights alone, against the discriminator, which stands still.
    4. A step of the architecture parameters, which makes the duality gap V(G, best D) - V(best G, D) smaller. Only its
       first half holds them. V(G, D) is minus the discriminator's loss.

    Best responses are GANs too: their steps are those of a GAN of one network and the other's copy.

    Args:
        *networks: as `GAN`.
        parts: the `SearchParts`.
        **options: as `GAN`.
    """

    def __init__(self, *networks: keras.Model, parts: SearchParts, **options: Any) -> None:
        super().__init__(*networks, **options)
        self.parts = parts
        self.architecture_optimizer = adam(parts.learning_rate, *_BETAS)
        shared: dict[str, Any] = {"augment": self.augment, "classes": self.classes, "seed": self.seed}
        self._against_generator = GAN(self.generator, parts.best_discriminator, self.average_generator, **shared)
        self._against_discriminator = GAN(parts.best_generator, self.discriminator, self.average_generator, **shared)

    def compile(self, *optimizers_and_losses: Any, **methods: Any) -> None:
        """Sets the optimizers and the losses, of the best responses too.

        Args:
            *optimizers_and_losses: as `GAN.compile`, of the generator and the discriminator.
            **methods: as `GAN.compile`.
        """
        super().compile(*optimizers_and_losses, **methods)
        losses = self.generator_loss, self.discriminator_loss
        self.loss_means += [keras.metrics.Mean(name=name) for name in _LOGGED]
        self._best_generator_optimizer, self._best_discriminator_optimizer = (
            adam(1.0, *self.parts.betas)
            for _ in range(2)  # rates are set when a round's best responses begin
        )
        self._against_generator.compile(self.generator_optimizer, self._best_discriminator_optimizer, *losses)
        self._against_discriminator.compile(self._best_generator_optimizer, self.discriminator_optimizer, *losses)
        self.architecture_optimizer.build(self.parts.architecture)

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns everything that a resumed search needs, by name, for `tf.train.Checkpoint`."""
        return super().checkpoint_items() | {
            "best_generator": self.parts.best_generator,
            "best_discriminator": self.parts.best_discriminator,
            "best_generator_optimizer": self._best_generator_optimizer,
            "best_discriminator_optimizer": self._best_discriminator_optimizer,
            "architecture_optimizer": self.architecture_optimizer,
        }

    @tf.autograph.experimental.do_not_convert  # nothing here branches on tensors; reading the source takes seconds
    @fed
    def train_step(self, data: Any) -> Logs:
        """Makes the step that is due in the round.

        Args:
            data: real images of the half that the part takes, float32 `[batch, height, width, channels]` in [-1, 1];
                with classes a pair of them and labels, int32 `[batch]`.

        Returns:
            The means since the last row of metrics, by name.
        """
        batch, seed = tf.nest.flatten(data), self._step_seed()
        place = self.parts.rounds.place_of(self.steps)
        part = tf.reduce_sum(tf.cast(place >= list(self.parts.rounds.ends[:-1]), tf.int32))
        parts = (self._move_weights, self._answer_generator, self._answer_discriminator, self._move_architecture)
        tf.switch_case(part, [_without_result(functools.partial(step, batch, seed)) for step in parts])
        self.steps.assign_add(1)
        return {mean.name: mean.result() for mean in self.loss_means}

    def _move_weights(self, batch: list[tf.Tensor], seed: tf.Tensor) -> None:
        count = count_of(batch[0])
        draw_fakes = functools.partial(self.drawn_fakes, count, seed)
        discriminator_logs = self.update_discriminator(0, batch, draw_fakes, seed)
        self._log(discriminator_logs)

        def move_generator() -> None:
            own_seed = draws.fold(seed, draws.CRITIC_TURN, 1)
            draw = functools.partial(self.drawn_fakes, count, own_seed)
            logs, fakes = self.update_generator(draw, batch, own_seed)
            outcome = self._outcome(discriminator_logs | logs, batch, fakes, own_seed)
            for action in self.after_step:
                logs |= action.after_step(outcome)
            self._log(logs)

        is_due = self.parts.rounds.moves_generator(self.steps)
        tf.cond(is_due, _without_result(move_generator), _nothing)

    def _answer_generator(self, batch: list[tf.Tensor], seed: tf.Tensor) -> None:
        is_first = self.parts.rounds.place_of(self.steps) == self.parts.rounds.inner
        tf.cond(is_first, _without_result(self._begin_best_responses), _nothing)
        rival = self._against_generator
        draw_fakes = functools.partial(rival.drawn_fakes, count_of(batch[0]), seed)
        logs = rival.update_discriminator(0, batch, draw_fakes, seed)
        self._log({"best_discriminator_loss": logs["discriminator_loss"]})

    def _answer_discriminator(self, batch: list[tf.Tensor], seed: tf.Tensor) -> None:
        rival = self._against_discriminator
        draw_fakes = functools.partial(rival.drawn_fakes, count_of(batch[0]), seed)
        logs, _ = rival.update_generator(draw_fakes, batch, seed)
        self._log({"best_generator_loss": logs["generator_loss"]})

    def _move_architecture(self, batch: list[tf.Tensor], seed: tf.Tensor) -> None:
        variables = self.parts.architecture
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            first = value_of(self._against_generator, batch, seed)
        gradients = tape.gradient(first, variables)
        second = value_of(self._against_discriminator, batch, draws.fold(seed, draws.CRITIC_TURN, 1))
        decayed = [gradient + self.parts.decay * one for gradient, one in zip(gradients, variables, strict=True)]
        self.architecture_optimizer.apply_gradients(zip(decayed, variables, strict=True))
        values = {"best_discriminator_value": first, "best_generator_value": second}
        self._log(values | {"duality_gap": first - second})

    def _begin_best_responses(self) -> None:
        """Makes the copies anew, with optimizers that remember nothing."""
        share = tf.where(self.parts.rounds.round_of(self.steps) < _FAST_ROUNDS, 1.0, _LATER_SHARE)
        for copy, network, own, optimizer in (
            (self.parts.best_generator, self.generator, self._best_generator_optimizer, self.generator_optimizer),
            (
                self.parts.best_discriminator,
                self.discriminator,
                self._best_discriminator_optimizer,
                self.discriminator_optimizer,
            ),
        ):
            for variable, value in zip(copy.weights, network.weights, strict=True):
                variable.assign(value)
            for variable in own.variables:
                variable.assign(tf.zeros_like(variable))
            own.learning_rate.assign(share * optimizer.learning_rate)

    def _log(self, logs: Logs) -> None:
        for mean in self.loss_means:
            if mean.name in logs:
                mean.update_state(logs[mean.name])


@needs_keras_2
def value_of(gan: GAN, batch: list[tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
    """Returns V(G, D) of a GAN's two networks: float32 scalar, minus the discriminator's loss.

    Args:
        gan: a compiled `GAN`.
        batch: a list of real images in [-1, 1]; with classes and labels, int32 `[batch]`.
        seed: int32 `[2]`, of the fakes and of augmentation.
    """
    fakes = gan.step_inputs.fakes(count_of(batch[0]), seed, _WHOLE)
    real, fake = (gan.judges.judge(images).logits for images in (gan.step_inputs.reals(batch, seed), fakes))
    return -gan.discriminator_loss(real, fake, draws.fold(seed, draws.MARGINS))


def _without_result(act: Callable[[], None]) -> Callable[[], tf.Tensor]:
    """Returns a branch of a graph that acts, and returns nothing that anybody needs."""

    def branch() -> tf.Tensor:
        act()
        return tf.zeros([], tf.bool)

    return branch


_nothing = _without_result(lambda: None)
