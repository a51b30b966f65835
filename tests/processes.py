"""Trainings as processes of their own, and what is left when they end."""

import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).parent.parent


def script(*words):
    """Returns the words that run `train.py`."""
    return [sys.executable, str(ROOT / "train.py"), *words]


def final_state(run):
    """Every variable of the last checkpoint, and the metrics."""
    path = tf.train.latest_checkpoint(str(run.checkpoints))
    reader = tf.train.load_checkpoint(path)
    arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: value for name, value in arrays.items() if "save_counter" not in name}, run.metrics_file.read_bytes()


def assert_same_end(run, expected_run):
    """Asserts that two runs have the same metrics and variables, bit for bit; returns those of the first."""
    (arrays, metrics), (expected, expected_metrics) = final_state(run), final_state(expected_run)
    assert arrays.keys() == expected.keys()
    assert [name for name, value in arrays.items() if not np.array_equal(value, expected[name])] == []
    assert metrics == expected_metrics
    return arrays, metrics


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the process ended early"
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)
