"""Weights from elsewhere: looked at before Keras opens them, or given to a network. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
from numpy.typing import NDArray

from sle_gan.errors import InputError
from sle_gan.keras_version import needs_keras_2

if TYPE_CHECKING:
    import tf_keras as keras

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KNOWN = {
    b"PK": "a zip archive, such as a whole model (.keras)",
    b"\x80": "a pickle, which can hold code",
    b"\x93NUMPY": "a NumPy array",
}
_WHOLE_MODEL = ("model_config", "training_config")


def check_weights_file(path: Path | str) -> None:
    """Makes sure that a file holds arrays of weights and nothing else.

    A whole model can hold code that runs when it is loaded, and HDF5 can name other files whose bytes it takes.

    Args:
        path: the file.

    Raises:
        InputError: if it is no HDF5 file of weights alone.
    """
    path = Path(path)
    must = "must be an HDF5 file of weights alone (.h5), as train.py writes them"
    with path.open("rb") as file:
        start = file.read(len(_HDF5))
    if start != _HDF5:
        found = next((kind for magic, kind in _KNOWN.items() if start.startswith(magic)), "something else")
        raise InputError(f"{path} {must}; it is {found}")
    if path.suffix not in {".h5", ".hdf5"}:
        raise InputError(f"{path} {must}; its name must end in .h5")
    try:
        with h5py.File(path, "r") as archive:
            reason = _more_than_weights(archive)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} {must}; it is damaged ({str(error).splitlines()[0]})") from None
    if reason:
        raise InputError(f"{path} {must}; {reason}")


@needs_keras_2
def assign_arrays(network: keras.Model, arrays: Mapping[str, NDArray[Any]], source: object) -> None:
    """Gives each variable of a network the array of its name.

    Args:
        network: whose variables have names of their own each.
        arrays: by the names of all its variables.
        source: where they come from, for an error.

    Raises:
        InputError: if they are not those of the network; nothing is changed then.
    """
    variables = {variable.name: variable for variable in network.variables}
    must = f"{source} must hold the weights of this {network.name}"
    if arrays.keys() != variables.keys():
        raise InputError(f"{must}; {min(arrays.keys() ^ variables.keys())} is in one of them alone")
    for name, variable in variables.items():
        if arrays[name].shape != tuple(variable.shape):
            shapes = f"{list(arrays[name].shape)} there and {list(variable.shape)} here"
            raise InputError(f"{must}; {name} has the shape {shapes}")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _more_than_weights(archive: h5py.File) -> str | None:
    """Returns what an open archive holds beside weights, in words; None if that is nothing."""
    if any(name in archive.attrs for name in _WHOLE_MODEL):
        return "it is a whole model, which can hold code; save it with save_weights"

    def look(name: str, part: h5py.Group | h5py.Dataset) -> str | None:
        if isinstance(part, h5py.Dataset):
            is_elsewhere = part.external is not None or part.is_virtual
            return f"its {name} lies in another file" if is_elsewhere else None
        links = (below for below in part if type(part.get(below, getlink=True)) is not h5py.HardLink)
        return next((f"its {below} is a link" for below in links), None)

    return look("root", archive) or archive.visititems(look)
