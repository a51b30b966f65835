"""One of several workers that train a small GAN, sparse from its second step: `python tiny_worker.py FOLDER`."""

import os
import sys
from pathlib import Path

import numpy as np

from sle_gan.cluster import read_cluster, wait_for_chief
from sle_gan.run import RunFolder, start_run

FOLDER = Path(sys.argv[1])
cluster = read_cluster(os.environ)
shared = RunFolder(FOLDER / "run")
own = shared if cluster.is_chief else RunFolder(FOLDER / "own")
own.path.mkdir()
if cluster.is_chief:
    start_run(shared, {"seed": 0}, ["tiny_worker.py"], {}, {"images": []})
wait_for_chief(cluster)

from sle_gan.training.workers import join, largest_of_workers, together  # noqa: E402 (it loads TensorFlow)

strategy, gathered = join(batch_size=6)

from tiny_gan import train, values  # noqa: E402 (it begins with operations)

with together(cluster, gathered, shared, own, {"flags": sys.argv[2:]}):
    arrays = values(*train(strategy, steps=3))
    largest = largest_of_workers(strategy)(10 + cluster.index)
    np.savez(FOLDER / f"worker-{cluster.index}.npz", largest=largest, **arrays)
    assert own.config() == shared.config()
