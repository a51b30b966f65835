"""Keras callbacks; `Reconfigure` prunes and regrows the generator of any GAN."""

import importlib

__all__ = ["Reconfigure"]


def __getattr__(name):
    # Loaded when it is asked for: the pruning library takes its time.
    if name != "Reconfigure":
        raise AttributeError(f"module 'sle_gan.callbacks' has no attribute {name!r}")
    return importlib.import_module("sle_gan.sparsity.reconfigure").Reconfigure
