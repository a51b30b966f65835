import importlib
import sys
import warnings

import pytest
from torch_files import names_of_torch

import sle_gan  # noqa: F401  (sets TF_USE_LEGACY_KERAS before TensorFlow is imported)


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


@pytest.fixture
def torch_names():
    """Lets PyTorch files be written: see `torch_files`."""
    with names_of_torch():
        yield
