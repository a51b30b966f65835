"""One of several workers that train a small GAN: `python tiny_worker.py FOLDER`.

It is sparse from its second step. In the third worker 1 receives a SIGTERM, and all of them end.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from sle_gan.assembly.resolve import resolve
from sle_gan.cluster import read_cluster, wait_for_chief
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig

FOLDER = Path(sys.argv[1])
cluster = read_cluster(os.environ)
shared = RunFolder(FOLDER / "run")
own = shared if cluster.is_chief else RunFolder(FOLDER / "own")
own.path.mkdir()
if cluster.is_chief:
    start_run(shared, RunConfig(resolve({"data_folder": "."}), {}, ["tiny_worker.py"]), {"images": []})
wait_for_chief(cluster)

from sle_gan.training.workers import join, largest_of_workers, together  # noqa: E402 (it loads TensorFlow)

strategy, gathered = join(batch_size=6, accumulate=1)

import tf_keras as keras  # noqa: E402 (it begins with operations)
from tiny_gan import train, values  # noqa: E402

from sle_gan.callbacks.signals import Signals  # noqa: E402


class SignalInThirdStep(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2 and cluster.index == 1:
            os.kill(os.getpid(), signal.SIGTERM)


with together(cluster, gathered, shared, own, {"flags": sys.argv[2:]}):
    signals = Signals(largest_of_workers(strategy))
    arrays = values(*train(strategy, steps=9, callbacks=[SignalInThirdStep(), signals]))
    np.savez(FOLDER / f"worker-{cluster.index}.npz", signal=signals.received, **arrays)
