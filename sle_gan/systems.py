"""On which systems this runs: those that TensorFlow has a wheel for. Imports no TensorFlow."""

import importlib.util
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from sle_gan.errors import InputError

# By platform.system() and platform.machine(), in lower case.
_WITH_WHEEL = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("windows", "amd64")}
_BFLOAT16_UNITS = re.compile(r"\b(amx_bf16|avx512_bf16|bf16)\b")
_GPUS = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))  # the latter of WSL2
_NAMES = {"Darwin": "macOS"}
_WSL2 = "WSL2 (`wsl --install`, and in that Linux what README says)"


def missing_tensorflow() -> str | None:
    """Says why TensorFlow is not here, and the way to it; None where it is."""
    if importlib.util.find_spec("tensorflow") is not None:
        return None
    system, machine = platform.system(), platform.machine()
    without_glibc = system == "Linux" and platform.libc_ver()[0] != "glibc"
    if (system.lower(), machine.lower()) in _WITH_WHEEL and not without_glibc:
        return "TensorFlow is not installed here: pip install -r requirements.txt -c constraints.txt"
    where = "Linux without glibc" if without_glibc else f"{_NAMES.get(system, system)} on {machine}"
    way = _WSL2 if system == "Windows" else "Linux with glibc, such as in a container of Debian, or on another machine"
    return f"TensorFlow has no wheel for {where}: run this in {way}"


def check_tensorflow() -> None:
    """Checks that TensorFlow is here.

    Raises:
        InputError: if it is not, with the way to it.
    """
    missing = missing_tensorflow()
    if missing is not None:
        raise InputError(missing)


def unused_gpu() -> str | None:
    """Says that TensorFlow uses no GPU on this system, and the way to one; None where it can."""
    if platform.system() != "Windows":
        return None
    return f"on Windows itself TensorFlow computes on the CPU alone; where there is an NVIDIA GPU, run this in {_WSL2}"


def may_have_bfloat16_units(processor: Path = Path("/proc/cpuinfo"), gpus: Sequence[Path] = _GPUS) -> bool:
    """Returns whether there may be units for bfloat16: those of the processor that the system names, or of a GPU.

    Args:
        processor: file that names what the processor can do.
        gpus: files that are there where a GPU is.
    """
    if any(gpu.exists() for gpu in gpus):
        return True
    try:
        return bool(_BFLOAT16_UNITS.search(processor.read_text(encoding="utf-8", errors="replace")))
    except OSError:  # another system than Linux
        return False
