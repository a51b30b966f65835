"""SLE-GAN: train GANs on a small folder of images.

The library's front door; each name loads what it needs when it is first used, so that the command line
can tell a bad argument before TensorFlow is imported.
"""

import importlib
import os

# tfmot works with Keras 2 only, and TensorFlow reads this once, when it is imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"

_PUBLIC = {
    "Generator": "sle_gan.models.front_door",
    "Discriminator": "sle_gan.models.front_door",
    "create_input_noise": "sle_gan.models.io",
    "postprocess_images": "sle_gan.models.io",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sle_gan' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted(__all__)
