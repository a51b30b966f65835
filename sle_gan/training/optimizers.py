"""The optimizers of both networks, and how their rates fall over a training."""

import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.settings import OptimizationSettings, PenaltySettings

RateShare = Callable[[], tf.Tensor]  # float32 scalar: what is left of a learning rate at the step that is made

_EPSILON = 1e-8  # of the networks' references; Keras has 1e-7
_LAST_SHARE = 0.1


def build_optimizers(
    settings: OptimizationSettings,
    penalties: PenaltySettings,
    steps_done: tf.Variable,
    *,
    scales_losses: bool = False,
    begin_anew: bool = False,
) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
    """Builds the optimizers of the generator and of the discriminator.

    Args:
        settings: rates, betas, and how the rates fall.
        penalties: of which the lazy ones scale both, if they are asked to.
        steps_done: int64, the number of generator steps before this one, which rates that fall are read off.
        scales_losses: whether they scale their losses, for 16 bits in which small gradients are 0.
        begin_anew: whether they can begin anew.

    Returns:
        That of the generator, and that of the discriminator.
    """
    betas = settings.adam_beta_1, settings.adam_beta_2
    decay = RATE_DECAYS[settings.rate_decay]
    share = decay and functools.partial(decay, steps_done, settings.steps)
    is_scaled = penalties.lazy_scaling
    path_length_interval = penalties.path_length_interval if is_scaled and penalties.path_length_weight else None
    r1_interval = penalties.r1_interval if is_scaled and penalties.r1_gamma else None
    generator = adam(settings.G_learning_rate, *betas, path_length_interval, share, begins_anew=begin_anew)
    discriminator = adam(settings.D_learning_rate, *betas, r1_interval, share, begins_anew=begin_anew)
    if not scales_losses:
        return generator, discriminator
    scaled = keras.mixed_precision.LossScaleOptimizer
    return scaled(generator), scaled(discriminator)


def adam(
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    lazy_interval: int | None = None,
    share: RateShare | None = None,
    *,
    begins_anew: bool = False,
) -> keras.optimizers.Optimizer:
    """Builds Adam with the epsilon of the networks' references, 1e-8.

    Args:
        learning_rate: per step.
        beta_1: what is kept of the mean gradient at each step.
        beta_2: what is kept of the mean squared gradient at each step.
        lazy_interval: steps k between computations of a lazy regularizer; rate and betas are then scaled by
            k / (k + 1). None leaves them as they are.
        share: of the rate at each step; None for a constant rate.
        begins_anew: whether it is one that can begin anew.

    Returns:
        The optimizer.

    Source: the scaling is Karras et al. 2020, arXiv:1912.04958, appendix B.
    Differs: there a lazy regularizer has an optimizer step of its own, so that k iterations make k + 1 steps, which the
    scaling makes up for. Here its gradient joins that of the loss: k iterations make k steps, and nothing is to be made
    up for. So a training scales nothing unless it is asked to.
    """
    scale = 1.0 if lazy_interval is None else lazy_interval / (lazy_interval + 1)
    options = {"beta_1": beta_1**scale, "beta_2": beta_2**scale, "epsilon": _EPSILON}
    if begins_anew:
        return RestartedAdam(scale * learning_rate, share, **options)
    if share is None:
        return keras.optimizers.Adam(scale * learning_rate, **options)
    return DecayedAdam(scale * learning_rate, share, **options)


class DecayedAdam(keras.optimizers.Adam):
    """Adam at a share of its `learning_rate`.

    `learning_rate` itself does not fall. So what reads and assigns it, such as a phase of Re-GAN, a rollback or
    somebody's callback, need not know of the decay: the step is made at the product of both.

    Args:
        learning_rate: of which a share is taken.
        share: the share at each step.
        **options: as `keras.optimizers.Adam`; without `amsgrad`.
    """

    def __init__(self, learning_rate: float, share: RateShare, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self._share = share

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Moves a variable by Algorithm 1 of Adam (Kingma & Ba 2015, arXiv:1412.6980), in the order of section 2."""
        count = tf.cast(self._steps_since_start() + 1, variable.dtype)
        beta_1_power = tf.pow(tf.cast(self.beta_1, variable.dtype), count)
        beta_2_power = tf.pow(tf.cast(self.beta_2, variable.dtype), count)
        rate = tf.cast(self.learning_rate * self._share(), variable.dtype)
        rate *= tf.sqrt(1 - beta_2_power) / (1 - beta_1_power)
        index = self._index_dict[self._var_key(variable)]
        mean, mean_square = self._momentums[index], self._velocities[index]
        mean.assign_add((gradient - mean) * (1 - self.beta_1))
        mean_square.assign_add((tf.square(gradient) - mean_square) * (1 - self.beta_2))
        variable.assign_sub(mean * rate / (tf.sqrt(mean_square) + self.epsilon))

    def _steps_since_start(self) -> tf.Tensor:
        return self.iterations


class RestartedAdam(DecayedAdam):
    """Adam that can begin anew while its count of steps goes on.

    Keras' Adam corrects its means by the number of all steps, `iterations`. With means that were set to 0 late in a
    training that would leave the first steps 1 / sqrt(1 - beta_2) times as long as they should be, 10 times for 0.99.
    So this one counts the steps since it began anew for that, and leaves `iterations` to those who tell the time by it.

    Args:
        learning_rate: of which a share is taken.
        share: the share at each step; None for all of it.
        **options: as `keras.optimizers.Adam`; without `amsgrad`.
    """

    def __init__(self, learning_rate: float, share: RateShare | None, **options: Any) -> None:
        super().__init__(learning_rate, share or (lambda: tf.ones([])), **options)
        self.began = tf.Variable(
            0, trainable=False, dtype=tf.int64, name="began", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    def begin_anew(self) -> None:
        """Forgets the means of gradients and of their squares; the optimizer must be built."""
        for variable in (*self._momentums, *self._velocities):
            variable.assign(tf.zeros_like(variable))
        self.began.assign(self.iterations)

    def _steps_since_start(self) -> tf.Tensor:
        return self.iterations - self.began


def linear_share(steps_done: tf.Tensor | tf.Variable, total_steps: int) -> tf.Tensor:
    """Returns a share that falls evenly, from 1 at the first step to a tenth at the last.

    Args:
        steps_done: int64 scalar, the number of steps before this one.
        total_steps: of the training.

    Returns:
        float32 scalar in [0.1, 1].
    """
    return 1.0 - (1.0 - _LAST_SHARE) * _progress(steps_done, total_steps)


def cosine_share(steps_done: tf.Tensor | tf.Variable, total_steps: int) -> tf.Tensor:
    """Returns a share that falls along half a period of a cosine, from 1 at the first step to a tenth at the last.

    Args:
        steps_done: int64 scalar, the number of steps before this one.
        total_steps: of the training.

    Returns:
        float32 scalar in [0.1, 1].

    Source: Equation 5 of Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
    """
    return _LAST_SHARE + (1.0 - _LAST_SHARE) * 0.5 * (1.0 + tf.cos(math.pi * _progress(steps_done, total_steps)))


RATE_DECAYS = {"constant": None, "cosine": cosine_share, "linear": linear_share}


def _progress(steps_done: tf.Tensor | tf.Variable, total_steps: int) -> tf.Tensor:
    return tf.minimum(tf.cast(steps_done, tf.float32) / max(total_steps - 1, 1), 1.0)
