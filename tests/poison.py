"""`train.py` with a generator that loses a weight: `python poison.py STEP TIMES [words of train.py]`."""

import sys

import numpy as np

from sle_gan.assembly import session
from sle_gan.callbacks.signals import Signals
from sle_gan.cli.train import main


def poisonous(poisoned_step, times):
    """Makes the last callback of a training that writes NaN into a kernel behind a step.

    Args:
        poisoned_step: the step, whose checkpoint and row are written before.
        times: it does so while the training has gone back less often.
    """

    class Poison(Signals):
        def on_epoch_begin(self, epoch, logs=None):
            self._steps_before = int(self.model.steps)

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self._steps_before + batch + 1 == poisoned_step and int(self.model.seed_offset) < times:
                kernel = self.model.generator.get_layer("start").kernel
                kernel.assign(np.full(kernel.shape, np.nan))

    return Poison


if __name__ == "__main__":
    session.Signals = poisonous(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
