"""How a training is fed: how long it waits for its input, and where its images lie.

The wait is measured within the compiled function that draws the input.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.data.resident import ResidentImages


class FedModel(keras.Model):
    """A model whose `fit` adds up the time for which its steps waited for their batches.

    That is the time from when a step asks for a batch until the batch is there: what is prepared beside the step before
    does not count. Several devices are timed alike, and so are several steps in one call. Nothing is drawn, and
    nothing that a step computes changes.

    Attributes:
        resident: the images where they lie on the device that trains, as `sle_gan.data.resident.ResidentImages`; a step
            is then given what that takes instead of a batch. None where batches come with the images.
    """

    train_function: Any  # that of `keras.Model`

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.resident: ResidentImages | None = None
        self._input_clock = _InputClock()
        self._other_batches: Iterator[Any] | None = None

    @property
    def waited_seconds(self) -> float:
        """The time since the model was built, in seconds; no part of a checkpoint."""
        return self._input_clock.seconds

    def make_train_function(self, force: bool = False) -> Callable[[Iterator[Any]], dict[str, tf.Tensor]]:
        """Makes what `fit` calls for each step, as Keras does, with the input timed.

        Args:
            force: make it anew although it is there.

        Returns:
            A function of an iterator -> the logs of the step.
        """
        if self.train_function is not None and not force:
            return self.train_function
        made, clock = super().make_train_function(force), self._input_clock
        if self.run_eagerly:
            self.train_function = lambda iterator: made(_TimedIterator(iterator, clock))
        else:
            # Read by AutoGraph here: it leaves alone what functions of Keras do that are called by others.
            step = tf.autograph.to_graph(made.python_function)

            def train_function(iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
                return step(_TimedIterator(iterator, clock))

            self.train_function = self.train_tf_function = tf.function(train_function, reduce_retracing=True)
        if self._other_batches is not None:
            self.train_function = functools.partial(self._step_on_other_batches, self.train_function)
        return self.train_function

    def take_batches_from(self, dataset: tf.data.Dataset | None) -> None:
        """Takes the batches of the steps from a data set of other shapes, in place of the one that `fit` was given.

        Args:
            dataset: of batches as `fit` takes them; None for those that `fit` was given.
        """
        self._other_batches = None if dataset is None else iter(dataset)
        if self.train_function is not None:
            self.make_train_function(force=True)

    def _step_on_other_batches(self, step: Callable[[Any], dict[str, tf.Tensor]], given: Any) -> dict[str, tf.Tensor]:
        return step(self._other_batches)


class _InputClock:
    """Adds up times; from Python, because TensorFlow has no clock where its operations are to be deterministic.

    What is handed to TensorFlow is of NumPy: run eagerly it makes float32 of a Python number, milliseconds off.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def ask(self) -> np.float64:
        return np.float64(time.monotonic())

    def answer(self, asked: float) -> np.float64:
        self.seconds += time.monotonic() - float(asked)
        return np.float64(self.seconds)


class _TimedIterator:
    """Hands on the batches of an iterator, and adds up how long each took to come."""

    def __init__(self, iterator: Iterator[Any], clock: _InputClock) -> None:
        self._iterator = iterator
        self._clock = clock

    def __iter__(self) -> "_TimedIterator":
        return self

    def __next__(self) -> Any:
        # In a scope of its own, so that nothing in the step is called otherwise than without it.
        with tf.name_scope("waiting_for_input"):
            asked = tf.numpy_function(self._clock.ask, [], tf.float64)
        with tf.control_dependencies([asked]):
            batch = next(self._iterator)
        there = tf.nest.flatten(batch, expand_composites=True)
        with tf.name_scope("waiting_for_input"), tf.control_dependencies(there):
            answered = tf.numpy_function(self._clock.answer, [asked], tf.float64)
            if not all(tf.is_tensor(part) for part in tf.nest.flatten(batch)):
                return batch  # a part for each device, each where it belongs
            with tf.control_dependencies([answered]):
                return tf.nest.map_structure(tf.identity, batch)


def fed(step: Callable[..., dict[str, tf.Tensor]]) -> Callable[..., dict[str, tf.Tensor]]:
    """Decorates the step of a model: it begins when its batch is there, which is taken from resident images if any.

    On few cores the time of what a step can do before would count as waiting.

    Args:
        step: method of a model and a batch -> logs.
    """

    @functools.wraps(step)
    def begun(self: FedModel, data: Any) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(tf.nest.flatten(data)):
            return step(self, data if self.resident is None else self.resident(*data))

    return begun
