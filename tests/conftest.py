import importlib
import sys
import warnings

import numpy as np
import pytest
from PIL import Image
from torch_files import names_of_torch

import sle_gan  # noqa: F401  (sets TF_USE_LEGACY_KERAS before TensorFlow is imported)

import tensorflow as tf  # isort: skip

pytest.register_assert_rewrite("processes")  # its assertions say what differs

# Two devices for the tests of several replicas; what does not ask for the second stays on the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def addons():
    """TensorFlow Addons, an independent reference; it needs Keras 2 in the place where it looks for it."""
    pytest.importorskip("typeguard")
    if importlib.util.find_spec("tensorflow_addons") is None:
        pytest.skip("TensorFlow Addons has no wheel for this Python")
    from tf_keras.src import engine

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its end of life and its TensorFlow version
        sys.modules["keras.src.engine"] = engine
        return importlib.import_module("tensorflow_addons")


@pytest.fixture(scope="session")
def two_replicas():
    """Two devices that share a batch. One for all tests: the sums of a second would take those of the first."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for index in range(6):
        coarse = rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((80, 72), Image.Resampling.BICUBIC).save(folder / f"photo {index}.png")
    return folder


@pytest.fixture
def torch_names():
    """Lets PyTorch files be written: see `torch_files`."""
    with names_of_torch():
        yield


@pytest.fixture(autouse=True)
def no_trial_of_precisions(monkeypatch):
    """Tests are the same on every processor: none has units for bfloat16, unless a test says so."""
    monkeypatch.setattr("sle_gan.assembly.precision.may_have_bfloat16_units", lambda: False)
