"""How long a training waits for its input, measured within the compiled function that draws it."""

import tensorflow as tf
import tf_keras as keras


class TimedModel(keras.Model):
    """A model whose `fit` adds up the time for which its steps waited for their batches.

    That is the time from when a step asks for a batch until the batch is there, on the machine's clock: what is
    prepared beside the step before does not count. Several devices are timed alike, and so are several steps in one
    call. Nothing is drawn, and nothing that a step computes changes.

    Attributes:
        waited_seconds: float64 scalar since the model was built, in seconds; no part of a checkpoint.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.waited_seconds = tf.Variable(
            0.0,
            trainable=False,
            dtype=tf.float64,
            name="waited_seconds",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def make_train_function(self, force=False):
        """Makes what `fit` calls for each step, as Keras does, with the input timed.

        Args:
            force: make it anew although it is there.

        Returns:
            A function of an iterator -> the logs of the step.
        """
        if self.train_function is not None and not force:
            return self.train_function
        made = super().make_train_function(force)
        if self.run_eagerly:
            self.train_function = lambda iterator: made(_TimedIterator(iterator, self.waited_seconds))
            return self.train_function
        # Read by AutoGraph here: it leaves alone what functions of Keras do that are called by others.
        step = tf.autograph.to_graph(made.python_function)

        def train_function(iterator):
            return step(_TimedIterator(iterator, self.waited_seconds))

        self.train_function = self.train_tf_function = tf.function(train_function, reduce_retracing=True)
        return self.train_function


class _TimedIterator:
    """Hands on the batches of an iterator, and adds up how long each took to come."""

    def __init__(self, iterator, seconds):
        self._iterator = iterator
        self._seconds = seconds

    def __iter__(self):
        return self

    def __next__(self):
        # In a scope of its own, so that nothing in the step is called otherwise than without it.
        with tf.name_scope("waiting_for_input"):
            asked = tf.timestamp()
        with tf.control_dependencies([asked]):
            batch = next(self._iterator)
        with tf.name_scope("waiting_for_input"):
            with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
                came = tf.timestamp()
            self._seconds.assign_add(came - asked)
        return batch
