"""The formats that a generator is exported in: a row and a file each. Imports no TensorFlow.

A format's file has two functions. `write(source, folder)` writes it into an empty folder. `draw(source, folder)` reads
it back and draws the first eight seeds with each of its parts, as `Drawn` by the part's name, so that it can be
compared with the run.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Any

from sle_gan.errors import InputError
from sle_gan.export.formats.web_runtime import find_runtime
from sle_gan.extras import require_extra
from sle_gan.hub import check_publishing


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
        check: function of the values of its options by name, called before TensorFlow is loaded; raises an `InputError`
            if one cannot be used.
    """

    title: str
    about: str
    module: str
    options: frozenset[str] = frozenset()
    extra: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], object] = dict

    def load(self) -> ModuleType:
        """Imports the format's file."""
        return importlib.import_module(f"{__name__}.{self.module}")


_NOTHING: Mapping[str, object] = MappingProxyType({})
UNKNOWN_LICENSE = "unknown"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_ONNX = {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}


def _check_hub(given: Mapping[str, Any]) -> None:
    license = given.get("license", UNKNOWN_LICENSE)
    if not _LICENSE.fullmatch(license):
        raise InputError(f"--license must be a name that the Hub knows, such as cc-by-4.0 or mit; got {license!r}")
    if "push" in given:
        check_publishing(given["push"])


def _check_web(given: Mapping[str, Any]) -> None:
    find_runtime(given.get("runtime"), print)


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
    "hub": Format(
        "A folder for the Hub",
        "weights with a card, pictures and scores",
        "hub",
        frozenset({"license", "push"}),
        check=_check_hub,
    ),
    "web": Format(
        "A page",
        "draws in any browser",
        "web",
        frozenset({"seeds", "truncation", "runtime"}),
        "onnx",
        _ONNX,
        check=_check_web,
    ),
}


def _one_of(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def check_format(name: str, given: Mapping[str, object] = _NOTHING) -> Format:
    """Returns the row of a format.

    Args:
        name: of the format.
        given: the values of the options that it is asked for with, by name.

    Raises:
        InputError: if there is no such format, it takes no such option or value, or what it needs is not installed.
    """
    if name not in FORMATS:
        raise InputError(f"--format must be one of {', '.join(FORMATS)}; got {name!r}")
    row = FORMATS[name]
    for option in sorted(given.keys() - row.options):
        takers = [other for other, format in FORMATS.items() if option in format.options]
        raise InputError(f"--{option} goes with --format {_one_of(takers)}; got {name}")
    if row.extra:
        require_extra(row.extra, row.packages, f"--format {name}")
    row.check(given)
    return row
