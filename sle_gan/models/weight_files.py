"""Files of weights: what network they are of, and those from elsewhere. Imports no TensorFlow."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py

from sle_gan.errors import InputError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KNOWN = {
    b"PK": "a zip archive, such as a whole model (.keras)",
    b"\x80": "a pickle, which can hold code",
    b"\x93NUMPY": "a NumPy array",
}
_WHOLE_MODEL = ("model_config", "training_config")
_NOTE = "sle_gan"  # attribute that says which network the weights are of


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


def note_network(path: Path | str, network: Mapping[str, object]) -> None:
    """Writes into a file of weights which network they are of.

    Args:
        path: of a file that `save_weights` wrote.
        network: settings by name that its shapes follow from, as plain data.
    """
    with h5py.File(path, "r+") as archive:
        archive.attrs[_NOTE] = json.dumps(network)


def read_network(path: Path | str) -> dict[str, Any] | None:
    """Returns what `note_network` wrote into a file that `check_weights_file` accepts; None if there is nothing."""
    with h5py.File(path, "r") as archive:
        try:
            noted = json.loads(archive.attrs.get(_NOTE, "null"))
        except (TypeError, ValueError):
            return None
    return noted if isinstance(noted, dict) else None


def describe_difference(path: Path | str, shapes: Mapping[str, Sequence[int]], width: int | None = None) -> str | None:
    """Says where a file of weights differs from a network.

    Args:
        path: of a file that `check_weights_file` accepts.
        shapes: of the network's variables, by name.
        width: that the network was built with, if that is known.

    Returns:
        The first variable of another shape or name, in words, with the width that fits if that is all that differs;
        None if nothing does.
    """
    theirs = _shapes_in(path)
    for name in (*shapes, *theirs):
        if name not in theirs or name not in shapes:
            having, lacking = ("the file", "the network") if name in theirs else ("the network", "the file")
            return f"{having} has {_plain_name(name)}, {lacking} has not"
        there, here = tuple(theirs[name]), tuple(shapes[name])
        if there != here:
            fitting = _fitting_width(theirs, shapes, width)
            way = "" if fitting is None else f"; give --width {fitting}"
            return f"{_plain_name(name)} is {_in_words(there)} there and {_in_words(here)} here{way}"
    return None


def _shapes_in(path: Path | str) -> dict[str, tuple[int, ...]]:
    with h5py.File(path, "r") as archive:
        layers = (part for part in archive.values() if isinstance(part, h5py.Group))
        return {
            name.decode() if isinstance(name, bytes) else str(name): layer[name].shape
            for layer in layers
            for name in layer.attrs.get("weight_names", ())
        }


def _fitting_width(
    theirs: Mapping[str, Sequence[int]], ours: Mapping[str, Sequence[int]], width: int | None
) -> int | None:
    """Returns the width at which all shapes fit, if widths are all that differ."""
    if width is None or theirs.keys() != ours.keys() or any(len(theirs[name]) != len(ours[name]) for name in ours):
        return None
    differing = [name for name in ours if tuple(theirs[name]) != tuple(ours[name])]
    pairs = [(a, b) for name in differing for a, b in zip(theirs[name], ours[name], strict=True) if a != b]
    fitting = Fraction(*pairs[0]) * width
    # A map of the batch's deviation is one channel more, at any width. Other settings change a few variables alone.
    is_width = 2 * len(differing) > len(ours) and all(abs(a - b * fitting / width) < 1 for a, b in pairs)
    return int(fitting) if is_width and fitting % 8 == 0 else None


def _plain_name(name: str) -> str:
    return name.removesuffix(":0")


def _in_words(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a number"


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
