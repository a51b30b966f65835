"""The averaged copy of a generator that samples are drawn from, and its batch statistics.

Source: Yazici et al. 2019, arXiv:1806.04498.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.settings import OptimizationSettings
from sle_gan.training.classes import ClassShares
from sle_gan.training.terms import Logs, StepOutcome

Decay = float | Callable[[tf.Tensor], tf.Tensor]  # what an average keeps of itself, or that by the number of steps done

_CALIBRATION_BATCHES = 16
_UNTRAINED_BATCHES = 2  # enough for a picture that is looked at once; at full width each more delays the first step


@needs_keras_2
def copy_weights(average: keras.Model, model: keras.Model) -> None:
    """Makes every variable of `average` equal to its model's: where an average starts.

    Args:
        average: a model with layers of the names of those of `model`; its other layers stay as they are.
        model: the model in training.
    """
    for copy, variable in zip(*_twins(average, model, lambda layer: layer.weights), strict=True):
        copy.assign(variable)


@needs_keras_2
def update_average(average: keras.Model, model: keras.Model, decay: float | tf.Tensor) -> None:
    """Moves the averaged copy one step towards the model.

    Weights are averaged. Statistics of batch normalization are left to `Calibration`: those of the model are
    not those of the averaged weights. All other state, such as the singular vectors of spectral
    normalization, is copied.

    Args:
        average: a model with layers of the names of those of `model`; its other layers stay as they are.
        model: the model in training.
        decay: what is kept of the average at each step, in [0, 1).
    """
    averaged = list(zip(*_twins(average, model, lambda layer: layer.trainable_weights), strict=True))
    copied = list(zip(*_twins(average, model, _copied_state), strict=True))

    def update(strategy: tf.distribute.Strategy) -> None:
        # All replicas hold the same weights, so each device updates its own copy of the average.
        for copy, variable in averaged:
            strategy.extended.update(copy, lambda c, v: c.assign_add((1.0 - decay) * (v - c)), args=(variable,))
        for copy, variable in copied:
            strategy.extended.update(copy, lambda c, v: c.assign(v), args=(variable,))

    tf.distribute.get_replica_context().merge_call(update)


class MovingAverage:
    """Moves the averaged generator after each step, as an `sle_gan.training.terms.AfterStep`: see `update_average`.

    Args:
        decay: what the average keeps of itself at each step, in [0, 1); or a function of the number of steps done.
    """

    metrics: Sequence[str] = ()

    def __init__(self, decay: Decay = 0.999):
        self.decay = decay

    def after_step(self, outcome: StepOutcome) -> Logs:
        """Updates the average, and logs nothing."""
        decay = self.decay(outcome.step) if callable(self.decay) else self.decay
        update_average(outcome.average_generator, outcome.generator, decay)
        return {}

    def checkpoint_items(self) -> dict[str, Any]:
        """Returns nothing: the average is the model's."""
        return {}


def half_life_decay(kimg: float, images_per_step: int, ramp: float | None) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the decay under which what the average holds of a step halves with the images that are shown.

    Args:
        kimg: the half-life in thousands of images.
        images_per_step: images that a step shows.
        ramp: the half-life is at most this share of the images that were shown, so that the start is forgotten; 0
            for no such bound.

    Returns:
        A function of the number of steps done -> float32 scalar in [0, 1).

    Source: Karras et al. 2020, arXiv:2006.06676.
    """

    def decay(steps: tf.Tensor) -> tf.Tensor:
        shown = tf.cast(steps, tf.float32) * images_per_step
        half_life = tf.minimum(1000.0 * kimg, ramp * shown) if ramp else 1000.0 * kimg
        return tf.where(steps > 0, 0.5 ** (images_per_step / tf.maximum(half_life, 1e-8)), 0.0)

    return decay


def decay_from(first_step: int, decay: Decay) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the decay of an average that is a copy until it begins.

    Args:
        first_step: number of steps for which it is a copy.
        decay: what it keeps of itself at each later step, in [0, 1); or a function of the number of steps done.

    Returns:
        A function of the number of steps done -> float32 scalar in [0, 1).

    Source: Brock et al. 2019, arXiv:1809.11096, whose average begins late.
    """

    def decay_at(steps: tf.Tensor) -> tf.Tensor:
        return tf.where(steps < first_step, 0.0, decay(steps) if callable(decay) else decay)

    return decay_at


def average_decay(settings: OptimizationSettings) -> Decay:
    """Returns the decay of the averaged generator that the settings of a training ask for."""
    decay: Decay
    if settings.ema_decay is not None:
        decay = settings.ema_decay
    else:
        decay = half_life_decay(cast(float, settings.ema_kimg), settings.images_per_step, settings.ema_ramp)
    return decay_from(settings.ema_start, decay) if settings.ema_start else decay


class Calibration:
    """Measures the batch statistics of an averaged generator, from its own passes over drawn codes.

    Args:
        generator: model of latent codes `[batch, size]`, or of codes and labels; without batch normalization nothing is
            done.
        batch_size: of the passes; that of training, whose statistics these stand for.
        classes: the `ClassShares` that labels are drawn by; None without.
    """

    @needs_keras_2
    def __init__(self, generator: keras.Model, batch_size: int, classes: ClassShares | None = None) -> None:
        self._code_shape = [batch_size, generator.inputs[0].shape[-1]]
        self._classes = classes
        self._norms = [layer for layer in generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
        self._statistics = [variable for norm in self._norms for variable in (norm.moving_mean, norm.moving_variance)]
        self._generator = generator
        self._pass = tf.function(self._measure_batch)
        self._calibrated_step: int | None = None

    def __call__(self, step: int) -> None:
        """Sets the moving means and variances to the mean over the batches, once for each step.

        Args:
            step: number of generator steps done; a second call at the same step does nothing. At 0 two batches are
                drawn, later sixteen.
        """
        if not self._norms or step == self._calibrated_step:
            return
        totals = [tf.zeros_like(variable) for variable in self._statistics]
        batches = _CALIBRATION_BATCHES if step else _UNTRAINED_BATCHES
        for index in range(batches):
            self._pass(self._drawn_inputs(index))
            totals = [total + variable for total, variable in zip(totals, self._statistics, strict=True)]
        for variable, total in zip(self._statistics, totals, strict=True):
            variable.assign(total / batches)
        self._calibrated_step = step

    def forget(self) -> None:
        """Measures anew when it is called next: the weights are no longer those of the step that it measured."""
        self._calibrated_step = None

    def _drawn_inputs(self, index: int) -> tf.Tensor | list[tf.Tensor]:
        codes = tf.random.stateless_normal(self._code_shape, [index, _CALIBRATION_BATCHES])
        if self._classes is None:
            return codes
        return [codes, self._classes.draw(self._code_shape[0], [index, _CALIBRATION_BATCHES + 1])]

    def _measure_batch(self, inputs: tf.Tensor | list[tf.Tensor]) -> None:
        # With momentum 0 the moving statistics become those of the batch; read while the graph is traced. From
        # zero they do so without a rounding error that would remember the values before.
        for variable in self._statistics:
            variable.assign(tf.zeros_like(variable))
        momenta = [norm.momentum for norm in self._norms]
        for norm in self._norms:
            norm.momentum = 0.0
        self._generator(inputs, training=True)
        for norm, momentum in zip(self._norms, momenta, strict=True):
            norm.momentum = momentum


def _copied_state(layer: keras.layers.Layer) -> list[tf.Variable]:
    return [] if isinstance(layer, keras.layers.BatchNormalization) else layer.non_trainable_weights


def _twins(
    average: keras.Model, model: keras.Model, variables_of: Callable[[keras.layers.Layer], list[tf.Variable]]
) -> tuple[list[tf.Variable], list[tf.Variable]]:
    """Lists variables of the copy's layers, and those of the model's layers of the same names."""
    trained = {layer.name for layer in model.layers}
    layers = [layer for layer in average.layers if layer.weights and layer.name in trained]
    return (
        [variable for layer in layers for variable in variables_of(layer)],
        [variable for layer in layers for variable in variables_of(model.get_layer(layer.name))],
    )
