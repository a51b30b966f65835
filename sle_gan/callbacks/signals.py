"""Handles Ctrl-C and SIGTERM: the step is finished, the run is saved, and the process ends with 130 or 143."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import tf_keras as keras

from sle_gan.callbacks.clock import Logs


class Signals(keras.callbacks.Callback):
    """Ends training after the step in which a signal came; a second signal ends the process at once.

    Args:
        largest: function of the number of the signal that this process received, 0 for none -> the largest number of
            all processes that train together, so that they end together.

    Attributes:
        received: number of the signal, or None.
    """

    def __init__(self, largest: Callable[[int], int]) -> None:
        super().__init__()
        self._largest = largest
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Installs the handlers, unless they are installed: a training that is rolled back begins more than once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if number not in self._before:
                self._before[number] = signal.signal(number, self._receive)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stops training if a signal came."""
        self.received = self._largest(self.received or 0) or None
        if self.received is not None:
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restores the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        print("finishing the step, saving; once more ends at once", file=sys.stderr, flush=True)
        for caught in self._before:
            signal.signal(caught, signal.SIG_DFL)
