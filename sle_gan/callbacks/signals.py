"""Ctrl-C and SIGTERM: the step is finished, the run is saved, the process ends with 130 or 143."""

import signal
import sys

import tf_keras as keras


class Signals(keras.callbacks.Callback):
    """Ends training after the step that a signal came in; a second signal ends the process at once.

    Args:
        largest: function of the number of the signal that this process received, 0 for none -> the largest of all
            processes that train together, which end together.

    Attributes:
        received: number of the signal, or None.
    """

    def __init__(self, largest):
        super().__init__()
        self._largest = largest
        self.received = None
        self._before = {}

    def on_train_begin(self, logs=None):
        """Takes SIGINT and SIGTERM, unless they are taken already: a training that goes back begins more than once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if number not in self._before:
                self._before[number] = signal.signal(number, self._receive)

    def on_train_batch_end(self, batch, logs=None):
        """Stops training if a signal came."""
        self.received = self._largest(self.received or 0) or None
        if self.received is not None:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _receive(self, number, frame):
        self.received = number
        print("finishing the step, saving; once more ends at once", file=sys.stderr, flush=True)
        for caught in self._before:
            signal.signal(caught, signal.SIG_DFL)
