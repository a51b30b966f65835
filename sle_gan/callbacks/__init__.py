"""Keras callbacks; `Reconfigure` prunes and regrows the generator of any GAN.

>>> import sle_gan
>>> generator = sle_gan.Generator(output_resolution=64, width=8)
>>> callback = sle_gan.callbacks.Reconfigure(generator, sparsity=0.3, warmup=100, interval=50)
>>> callback.sparsity
0.3
"""

import importlib

__all__ = ["Reconfigure"]


def __getattr__(name):
    # Loaded when it is asked for: the pruning library takes its time.
    if name != "Reconfigure":
        raise AttributeError(f"module 'sle_gan.callbacks' has no attribute {name!r}")
    return importlib.import_module("sle_gan.sparsity.reconfigure").Reconfigure
