"""A run folder as a training leaves it, small and made in a second."""

import dataclasses

import numpy as np
import tensorflow as tf

from sle_gan.assembly.resolve import resolve
from sle_gan.data.folder import scan
from sle_gan.data.manifest import manifest
from sle_gan.json_files import write_json
from sle_gan.models import GENERATORS, MODELS
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig


def write_run(
    path,
    *,
    model="fastgan",
    resolution=64,
    channels=3,
    steps=(4, 8),
    data_folder=".",
    class_names=(),
    **settings,
):
    """Writes a run of width 8 with a checkpoint of other weights for each step.

    Batch statistics, averages of styles and the scales of noise get values that a wrong restore or a
    training-mode pass would show.

    Returns:
        The run, and the generator as it is in the last checkpoint.
    """
    run = RunFolder(path)
    given = {
        "data_folder": data_folder,
        "model": model,
        "resolution": resolution,
        "channels": channels,
        "width": 8,
    }
    config = RunConfig(resolve({**given, "cache_limit": 64, **settings}, class_names=class_names), {}, ["train.py"])
    with run.locked():
        start_run(run, config, {"images": []})
    network = GENERATORS[MODELS[model].generator].build(resolution, channels, 8, 0, len(class_names))
    checkpoint = tf.train.Checkpoint(average_generator=network, steps=tf.Variable(0, dtype=tf.int64))
    manager = tf.train.CheckpointManager(checkpoint, str(run.checkpoints), max_to_keep=len(steps) or None)
    for step in steps:
        _fill(network, np.random.default_rng(step))
        manager.save(checkpoint_number=step)
    return run, network


def set_training_images(run, folder):
    """Makes a run one that was trained on the images of a folder."""
    config = run.config()
    settings = config.settings
    images = dataclasses.replace(settings.images, data_folder=str(folder))
    config = config._replace(settings=dataclasses.replace(settings, images=images))
    write_json(run.config_file, config.to_json())
    write_json(run.manifest_file, manifest(scan(folder)))


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
