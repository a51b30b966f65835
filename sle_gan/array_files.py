"""Files of arrays by name, as safetensors: numbers, and nothing that runs. Imports no TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from sle_gan.disk import reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import replaced


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Writes arrays, whole or not at all.

    Args:
        file: path; its folder is made if it is not there.
        arrays: by name.
        metadata: texts by name. Several are written in no order, so equal files need a single one.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
        with replaced(file) as temporary:
            safetensors.numpy.save_file(contiguous, temporary, dict(metadata))
    except (OSError, safetensors.SafetensorError) as error:
        raise StorageError(f"{file} cannot be written ({reason(error)})") from error


def read_arrays(file: Path | str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Reads arrays and metadata, each by name.

    Raises:
        InputError: if there is no such file, or it is damaged.
    """
    try:
        with safetensors.safe_open(file, framework="numpy") as archive:
            return {name: archive.get_tensor(name) for name in archive.keys()}, archive.metadata() or {}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error})") from error
