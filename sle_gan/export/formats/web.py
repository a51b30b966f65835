"""A folder that draws in any browser by itself: a page, the generator as ONNX, and onnxruntime-web."""

import base64
import importlib.resources
import json
import shutil
from pathlib import Path

from sle_gan.export.formats import onnx
from sle_gan.export.formats.exporting import Drawn, Source
from sle_gan.export.formats.web_runtime import RUNTIME_FILES, find_runtime

_PAGE = ("index.html", "page.js")
_RUNTIME = "runtime"
_READ_BY_PAGE = (onnx.FILE, *(f"{_RUNTIME}/{name}" for name in RUNTIME_FILES[1:]))  # the first is a script


def write(source: Source, folder: Path) -> None:
    """Writes the page, the model, the codes of the seeds, onnxruntime-web, and `from-disk/`.

    A page that a browser opens from a disk may read no files but scripts. So the files that it reads lie in
    `from-disk/` too, as texts in scripts; a web server does not need that folder.
    """
    onnx.write_model(source, folder)
    page = importlib.resources.files("sle_gan.export.formats") / "page"
    for name in _PAGE:
        (folder / name).write_bytes((page / name).read_bytes())
    inputs = source.inputs(source.seeds)
    drawn = {
        "seeds": list(source.seeds),
        "codes": _text(inputs["z"].astype("<f4").tobytes()),
        "labels": inputs["label"].tolist() if "label" in inputs else [],
    }
    description = json.dumps(source.describe() | drawn)
    (folder / "generator.js").write_text(f"const GENERATOR = {description};\n", encoding="utf-8")
    (folder / _RUNTIME).mkdir()
    runtime = find_runtime(source.runtime, print)
    for name in RUNTIME_FILES:
        shutil.copyfile(runtime / name, folder / _RUNTIME / name)
    for name in _READ_BY_PAGE:
        script = folder / "from-disk" / f"{name}.js"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'window.FROM_DISK = "{_text((folder / name).read_bytes())}";\n', encoding="ascii")


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with onnxruntime, from the model that the page draws with."""
    return onnx.draw(source, folder)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
