"""Keras callbacks; `Reconfigure` prunes and regrows the generator of any GAN.

>>> import sle_gan
>>> generator = sle_gan.Generator(output_resolution=64, width=8)
>>> callback = sle_gan.callbacks.Reconfigure(generator, sparsity=0.3, warmup=100, interval=50)
>>> callback.sparsity
0.3
"""

import importlib
from typing import Any

__all__ = ["Reconfigure"]


def __getattr__(name: str) -> Any:
    # Imported when it is used, because the pruning library takes seconds to load.
    if name != "Reconfigure":
        raise AttributeError(f"module 'sle_gan.callbacks' has no attribute {name!r}")
    return importlib.import_module("sle_gan.sparsity.reconfigure").Reconfigure
