"""The formats that a generator is exported in: a row and a file each. Imports no TensorFlow.

A format's file has two functions. `write(source, folder)` writes it into an empty folder. `draw(source, folder)` reads
it back and draws the first eight seeds with each of its parts, as `Drawn` by the part's name, so that it can be
compared with the run.
"""

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType

from sle_gan.errors import InputError
from sle_gan.extras import require_extra


@dataclass(frozen=True)
class Format:
    """What is known of a format before TensorFlow is loaded.

    Attributes:
        title: what it is called in a line of text.
        about: what it is for, for a help text.
        module: name of its file.
        options: flags of the export that it takes.
        extra: name of what must be installed for it; empty for nothing.
        packages: what brings the extra, by the module that it is imported as.
    """

    title: str
    about: str
    module: str
    options: frozenset[str] = frozenset()
    extra: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> ModuleType:
        """Imports the format's file."""
        return importlib.import_module(f"{__name__}.{self.module}")


_ONNX = {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}

FORMATS = {
    "saved-model": Format("SavedModel", "for TensorFlow", "saved_model", frozenset({"truncation"})),
    "onnx": Format("ONNX", "for onnxruntime and most else", "onnx", frozenset({"seeds", "truncation"}), "onnx", _ONNX),
    "lite": Format(
        "LiteRT",
        "for phones and small machines",
        "lite",
        frozenset({"seeds", "truncation"}),
        "lite",
        {"ai_edge_litert": "ai-edge-litert"},
    ),
    "weights": Format("weights", "numbers alone, safetensors and JSON", "weights"),
}


def check_format(name: str, given: Collection[str] = ()) -> Format:
    """Returns the row of a format.

    Args:
        name: of the format.
        given: the options that it is asked for with.

    Raises:
        InputError: if there is no such format, it takes no such option, or what it needs is not installed.
    """
    if name not in FORMATS:
        raise InputError(f"--format must be one of {', '.join(FORMATS)}; got {name!r}")
    row = FORMATS[name]
    for option in sorted(set(given) - row.options):
        takers = [other for other, format in FORMATS.items() if option in format.options]
        raise InputError(f"--{option} goes with --format {' or '.join(takers)}; got {name}")
    if row.extra:
        require_extra(row.extra, row.packages, f"--format {name}")
    return row
