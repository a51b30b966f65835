"""A run folder as a training leaves it, small and made in a second."""

import numpy as np
import tensorflow as tf

from sle_gan.models import GENERATORS, MODELS
from sle_gan.run import RunFolder, start_run


def write_run(path, *, model="fastgan", channels=3, background="#ffffff", steps=(4, 8)):
    """Writes a run of 64 px and width 8 with a checkpoint of other weights for each step.

    Batch statistics, averages of styles and the scales of noise get values that a wrong restore or a
    training-mode pass would show.

    Returns:
        The run, and the generator as it is in the last checkpoint.
    """
    run = RunFolder(path)
    settings = {"model": model, "resolution": 64, "channels": channels, "width": 8, "seed": 0}
    with run.locked():
        start_run(run, settings | {"background": background}, ["train.py"], {}, {"images": []})
    network = GENERATORS[MODELS[model].generator].build(64, channels, 8, 0)
    checkpoint = tf.train.Checkpoint(average_generator=network, steps=tf.Variable(0, dtype=tf.int64))
    manager = tf.train.CheckpointManager(checkpoint, str(run.checkpoints), max_to_keep=len(steps) or None)
    for step in steps:
        _fill(network, np.random.default_rng(step))
        manager.save(checkpoint_number=step)
    return run, network


def _fill(network, rng):
    ranges = {
        "moving_mean:0": (-0.3, 0.3),
        "moving_variance:0": (0.2, 1.0),
        "gamma:0": (1, 3),
        "scale:0": (0.3, 0.6),
        "average:0": (-0.5, 0.5),
    }
    for variable in network.variables:
        kind = variable.name.rpartition("/")[2]
        if kind in ranges:
            variable.assign(rng.uniform(*ranges[kind], size=variable.shape))
