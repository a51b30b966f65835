"""SLE-GAN: train GANs on a small folder of images.

The library's front door; each name loads what it needs when it is first used, so that the command line
can tell a bad argument before TensorFlow is imported.

- `load_images`: a folder of images as one array.
- `open_run`: a run, to draw from it, score it, export it and read it; `compare_runs`: several side by side.
- `import_fastgan`: a run of a PyTorch checkpoint of FastGAN.
- `Generator`, `Discriminator`: FastGAN's networks; `create_input_noise`, `postprocess_images`: what goes into a
  generator, and what comes out of it.
- `callbacks`: Keras callbacks for any GAN.
"""

import importlib
import os
from typing import Any

# tfmot works with Keras 2 only, and TensorFlow reads this once, when it is imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"

_PUBLIC = {
    "Generator": "sle_gan.models.front_door",
    "Discriminator": "sle_gan.models.front_door",
    "create_input_noise": "sle_gan.models.io",
    "postprocess_images": "sle_gan.models.io",
    "build": "sle_gan.assembly.library",
    "train": "sle_gan.assembly.library",
    "load_images": "sle_gan.data.load_images",
    "open_run": "sle_gan.assembly.opened_run",
    "import_fastgan": "sle_gan.assembly.imported",
    "compare_runs": "sle_gan.report.comparison",
}
_PACKAGES = ("callbacks",)

__all__ = [*_PUBLIC, *_PACKAGES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sle_gan' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
