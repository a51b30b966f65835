"""CIFAR-10 and CIFAR-100, in their python and their binary files (Krizhevsky 2009). Imports no TensorFlow.

A python file is a pickle, and a pickle may name any function to call. Here it may name only arrays and their types, and
gets stand-ins for these, which hold values and do nothing.
"""

import pickle
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.archives.data_set import TEST, TRAIN, Picture, numbered
from sle_gan.data.archives.members import Members, texts_of
from sle_gan.errors import InputError

SIDE = 32
_PIXELS = 3 * SIDE**2


class Layout(NamedTuple):
    """Files of one of the four archives.

    Attributes:
        splits: names of the files of each split.
        names: the file with the names of the classes.
        labels: of a record: the bytes before its pixels, of which the last is its class; 0 in pickles.
        key: of the labels, and with `_names` of the names, in pickles.
    """

    splits: dict[str, tuple[str, ...]]
    names: str
    labels: int = 0
    key: str = ""


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
LAYOUTS = (
    Layout({TRAIN: _BATCHES, TEST: ("test_batch",)}, "batches.meta", key="label"),
    Layout({TRAIN: (TRAIN,), TEST: (TEST,)}, "meta", key="fine_label"),
    Layout({TRAIN: tuple(f"{name}.bin" for name in _BATCHES), TEST: ("test_batch.bin",)}, "batches.meta.txt", 1),
    Layout({TRAIN: ("train.bin",), TEST: ("test.bin",)}, "fine_label_names.txt", 2),
)


class Cifar:
    """Either data set.

    Args:
        members: of its archive or folder.
        paths: those of its files by name.
        layout: of them.
    """

    splits: tuple[str, ...] = (TRAIN, TEST)

    def __init__(self, members: Members, paths: dict[str, str], layout: Layout):
        self._members, self._paths, self._layout = members, paths, layout
        self.total_bytes = members.total_bytes

    def pictures(self, split: str | None) -> Iterator[Picture]:
        """Yields the pictures of a split.

        Raises:
            InputError: if a file is not what it should be.
        """
        names = self._class_names()
        wanted = [self._paths[name] for name in self._layout.splits[split or TRAIN]]
        # By name, not as they lie there: a picture has the same number in all four archives of it.
        batches = {name: self._batch(name, file) for name, file in self._members.opened(wanted)}
        rows = np.concatenate([batches[name][0] for name in wanted])
        labels = np.concatenate([batches[name][1] for name in wanted])
        return numbered(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels, names)

    def _class_names(self) -> list[str]:
        path = self._paths[self._layout.names]
        if self._layout.labels:
            return texts_of(self._members, [path])[path]
        ((_, file),) = ((name, _unpickled(path, file)) for name, file in self._members.opened([path]))
        names = file.get(f"{self._layout.key}_names".encode())
        if not isinstance(names, list):
            raise InputError(f"{path} should hold the names of the classes, and does not")
        return [bytes(name).decode() for name in names]

    def _batch(self, path: str, file: IO[bytes]) -> tuple[NDArray[np.uint8], Sequence[int]]:
        if not self._layout.labels:
            return _rows_of(path, _unpickled(path, file), f"{self._layout.key}s".encode())
        size = self._layout.labels + _PIXELS
        content = file.read()
        if not content or len(content) % size:
            raise InputError(f"{path} should hold records of {size} bytes; it has {len(content)} bytes")
        records = np.frombuffer(content, np.uint8).reshape(-1, size)
        return records[:, self._layout.labels :], records[:, self._layout.labels - 1].tolist()


def opened(members: Members) -> Cifar | None:
    """Opens CIFAR, if these are its files."""
    paths = {PurePosixPath(name).name: name for name in members.names}
    for layout in LAYOUTS:
        needed = {layout.names, *(name for names in layout.splits.values() for name in names)}
        if needed <= paths.keys() and len({PurePosixPath(paths[name]).parent for name in needed}) == 1:
            return Cifar(members, paths, layout)
    return None


class _Array:
    """Stands for a NumPy array while its pickle is read."""

    shape: tuple[int, ...] = ()
    content: bytes = b""
    type_name = ""

    def __setstate__(self, state: Any) -> None:
        _version, self.shape, dtype, _is_fortran, self.content = state
        self.type_name = dtype.name


class _Type:
    """Stands for the type of an array's numbers."""

    def __init__(self, name: str, *_options: object):
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """Keeps nothing: a byte has no order of its bytes."""


def _new_array(*_arguments: object) -> _Array:
    return _Array()


def _encoded(text: str, encoding: str) -> bytes:  # how Python 3 writes bytes in the pickles of Python 2
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for {encoding}, which no table of pictures needs")
    return text.encode("latin1")


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no table of pictures needs")
        return _ALLOWED[module, name]


def _unpickled(path: str, file: IO[bytes]) -> dict[Any, Any]:
    try:
        content = _Unpickler(file, encoding="bytes").load()
    except Exception as error:  # whatever a damaged pickle leads to
        raise InputError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} should hold a table of pictures, and holds a {type(content).__name__}")
    return {key.encode() if isinstance(key, str) else key: value for key, value in content.items()}


def _rows_of(path: str, content: dict[Any, Any], key: bytes) -> tuple[NDArray[np.uint8], list[int]]:
    data, labels = content.get(b"data"), content.get(key)
    if isinstance(data, _Array) and data.type_name in (b"u1", "u1") and isinstance(labels, list):
        shape = len(labels), _PIXELS
        if data.shape == shape and len(data.content) == shape[0] * _PIXELS and all(type(n) is int for n in labels):
            return np.frombuffer(data.content, np.uint8).reshape(shape), labels
    raise InputError(f"{path} should hold pictures of {_PIXELS} bytes with a label each, and does not")
