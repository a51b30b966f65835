"""On which systems this runs: those that TensorFlow has a wheel for. Imports no TensorFlow."""

import importlib.util
import platform

from sle_gan.errors import InputError

# By platform.system() and platform.machine(), in lower case.
_WITH_WHEEL = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("windows", "amd64")}
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
