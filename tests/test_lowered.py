import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_gan import compiled_gan

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SETTINGS = {"model": "tiny", "resolution": 4, "width": 8, "batch_size": 6, "n_critic": 1, "mixed_precision": None}


@pytest.fixture(scope="module")
def lowering():
    spec = importlib.util.spec_from_file_location("lower_step", BENCHMARKS / "lower_step.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def images():
    return tf.random.stateless_uniform([6, 4, 4, 1], [1, 2], -1, 1)


def test_the_outputs_that_a_lowered_step_feeds_back_are_the_variables_that_it_changes(lowering, images):
    tf.random.set_seed(0)  # TensorFlow draws a number to find out the device, without one where all is deterministic
    gan = compiled_gan()
    lowered = lowering.lower(gan, images)
    before, next_arguments = lowered["arguments"], lowered["next_arguments"]
    np.testing.assert_array_equal(before[0], images)
    assert lowered["returned"] == sorted(gan.train_step(images))
    after = lowering.lower(gan, images)["arguments"]
    assert len(before) == len(after) == len(next_arguments)
    changed = {index for index, (a, b) in enumerate(zip(before, after, strict=True)) if not np.array_equal(a, b)}
    fed_back = {index for index, output in enumerate(next_arguments) if output is not None}
    # A mean's count, the step's counter and all weights; a few that are written may come out as they were.
    assert changed <= fed_back
    assert len(fed_back) - len(changed) < 5
    outputs = [output for output in next_arguments if output is not None]
    assert sorted(outputs) == list(range(6, 6 + len(outputs)))  # behind the six losses


def test_a_lowered_step_makes_tensorflows_losses_through_jax(lowering, images, tmp_path):
    python = os.environ.get("JAX_PYTHON")
    if python is None:
        pytest.skip("JAX_PYTHON names no Python that has JAX")
    gan = compiled_gan()
    lowering.write_step(tmp_path, lowering.lower(gan, images), SETTINGS)
    command = [python, str(BENCHMARKS / "run_lowered.py"), str(tmp_path), "--steps", "1", "--warm-up", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    step = tf.function(gan.train_step, jit_compile=True, autograph=False)
    for number in (1, 2, 3):
        line = re.search(rf"^step {number}: (.*)$", done.stdout, re.MULTILINE)[1]
        told = {name: float(value) for name, value in (part.split() for part in line.split(", "))}
        assert told == pytest.approx({name: float(value) for name, value in step(images).items()}, rel=1e-4, abs=1e-6)


def test_a_shape_that_train_refuses_is_refused_in_one_line(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "lower_step.py"), str(tmp_path / "x"), "--resolution", "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: --resolution must be one of (64, 128, 256, 512, 1024) for fastgan; got 100\n"
    assert not (tmp_path / "x").exists()
