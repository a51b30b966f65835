"""Reads the tensors of a PyTorch weight file with NumPy alone, and executes no code that the file names.

It reads both formats of `torch.save`: the one from before PyTorch 1.6 (several pickles, then the raw numbers), and the
zip archive since. In both, a pickle describes the tensors, and a pickle may name any function to call. Here it may
name only an ordered dictionary, "rebuild a tensor", "rebuild a parameter" and the types of storage. For all but the
first it gets stand-ins that do nothing but hold values; every other name is refused.
"""

import functools
import io
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.errors import InputError, StorageError

Tensors = dict[str, NDArray[Any]]
RawOf = Callable[[str], bytes | memoryview]  # the bytes of a storage, by its key

ZIP_START = b"PK\x03\x04"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


class Parts(NamedTuple):
    """What was read of a file that holds several tables.

    Attributes:
        tensors: of the parts that were asked for and are there, by their names: read-only arrays by name, or a list.
        names: of all parts of the file.
    """

    tensors: dict[str, Tensors | list[NDArray[Any]]]
    names: tuple[str, ...]


class StorageType(NamedTuple):
    """Stands for a PyTorch storage class: the type of one number, little-endian."""

    dtype: str


class Storage(NamedTuple):
    """Stands for a block of numbers elsewhere in the file.

    Attributes:
        key: its name in the file.
        dtype: type of one number.
    """

    key: str
    dtype: np.dtype[Any]


class TensorPlan(NamedTuple):
    """How a tensor lies in its storage; offset, size and strides are counted in numbers, not bytes."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, raw: bytes | memoryview) -> NDArray[Any]:
        """Returns the tensor as a read-only view of the bytes of its whole storage.

        Raises:
            ValueError: if the tensor does not lie within them.
        """
        dtype = self.storage.dtype
        # With strides of 0, a few bytes could pretend to be a tensor of any size.
        if np.prod(self.size, dtype=object) * dtype.itemsize > len(raw):
            raise ValueError(f"a tensor of size {self.size} does not fit in {len(raw)} bytes")
        strides = [step * dtype.itemsize for step in self.strides]
        tensor: NDArray[Any] = np.ndarray(self.size, dtype, raw, self.offset * dtype.itemsize, strides)
        return tensor


class TensorRebuilder:
    """Stands for `torch._utils._rebuild_tensor_v2`; holds nothing that a pickle could change."""

    __slots__ = ()

    def __call__(
        self,
        storage: Storage,
        offset: int,
        size: tuple[int, ...],
        strides: tuple[int, ...],
        *_gradient_settings: object,
    ) -> TensorPlan:
        """Returns the plan of one tensor."""
        return TensorPlan(storage, offset, size, strides)


class ParameterRebuilder:
    """Stands for `torch._utils._rebuild_parameter`; holds nothing that a pickle could change."""

    __slots__ = ()

    def __call__(self, tensor: TensorPlan, *_gradient_settings: object) -> TensorPlan:
        """Returns the plan of the parameter's tensor."""
        return tensor


ALLOWED_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): TensorRebuilder(),
    ("torch._utils", "_rebuild_parameter"): ParameterRebuilder(),
    ("torch", "HalfStorage"): StorageType("<f2"),
    ("torch", "FloatStorage"): StorageType("<f4"),
    ("torch", "DoubleStorage"): StorageType("<f8"),
    ("torch", "CharStorage"): StorageType("<i1"),
    ("torch", "ShortStorage"): StorageType("<i2"),
    ("torch", "IntStorage"): StorageType("<i4"),
    ("torch", "LongStorage"): StorageType("<i8"),
    ("torch", "ByteStorage"): StorageType("<u1"),
    ("torch", "BoolStorage"): StorageType("?"),
}


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the names of `ALLOWED_NAMES` and no others.

    Args:
        file: binary file that stands at the pickle's beginning.

    Attributes:
        storages: the `Storage`s that the pickle has named so far, by key.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Returns the stand-in for a name.

        Raises:
            pickle.UnpicklingError: if the name is not allowed.
        """
        if (module, name) not in ALLOWED_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no table of weights needs")
        return ALLOWED_NAMES[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        """Returns the storage that `pid` names: ("storage", type, key, device, count), in old files with a view of it.

        Raises:
            pickle.UnpicklingError: if `pid` is something else.
        """
        kind, storage_type, key, _device, _count, *view = pid
        if kind != "storage" or not isinstance(storage_type, StorageType) or view not in ([], [None]):
            raise pickle.UnpicklingError(f"its reference {pid!r} is not a whole storage")
        self.storages[key] = Storage(key, np.dtype(storage_type.dtype))
        return self.storages[key]


def read_state_dict(path: Path | str) -> Tensors:
    """Reads the weights of a PyTorch file.

    Args:
        path: file that `torch.save` wrote of a state dict (a flat table of tensors by name).

    Returns:
        Read-only arrays by name, with the file's order, shapes and types. In PyTorch the kernel of a convolution is
        `[out, in, height, width]` and that of a dense layer `[out, in]`.

    Raises:
        InputError: if there is no such file, or it is damaged, or holds anything but tensors.
        StorageError: if the file cannot be read.
    """
    return _read(path, "state dict", _tensors)


def read_checkpoint(path: Path | str, names: Collection[str]) -> Parts:
    """Reads parts of a PyTorch file that holds several tables, such as networks beside the states of optimizers.

    Args:
        path: file that `torch.save` wrote of a dictionary of state dicts, or of lists of tensors.
        names: of the parts that are read; the numbers of others are not touched.

    Raises:
        InputError: if there is no such file, or it is damaged, or a part holds anything but tensors.
        StorageError: if the file cannot be read.
    """

    def parts(content: Any, raw_of: RawOf) -> Parts:
        if not isinstance(content, dict):
            raise pickle.UnpicklingError("it holds something else than a dictionary of parts")
        tensors: dict[str, Tensors | list[NDArray[Any]]] = {}
        for name in names:
            part = content.get(name, {})
            if isinstance(part, list):
                tensors[name] = list(_tensors(dict(enumerate(part)), raw_of).values())
            elif name in content:
                tensors[name] = _tensors(part, raw_of)
        return Parts(tensors, tuple(map(str, content)))

    return _read(path, "checkpoint", parts)


def _read(path: Path | str, what: str, contents: Callable[[Any, RawOf], Any]) -> Any:
    try:
        file_bytes = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"a PyTorch weight file must exist; there is none at {path}") from error
    except OSError as error:
        raise StorageError(f"cannot read the weights {path}: {error.strerror}") from error
    try:
        read = _read_zip if file_bytes.startswith(ZIP_START) else _read_legacy
        return contents(*read(file_bytes))
    except Exception as error:  # damaged bytes make an unpickler, zipfile or NumPy raise nearly anything
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"{path} must be a whole PyTorch {what}; {cause}; get a fresh copy") from error


def _tensors(plans: Any, raw_of: RawOf) -> Tensors:
    if not isinstance(plans, dict) or not all(isinstance(plan, TensorPlan) for plan in plans.values()):
        raise pickle.UnpicklingError("it holds something else than a flat table of tensors")
    return {name: plan.view(raw_of(plan.storage.key)) for name, plan in plans.items()}


def _read_zip(file_bytes: bytes) -> tuple[Any, RawOf]:
    archive = zipfile.ZipFile(io.BytesIO(file_bytes))  # lies in memory: there is nothing to be closed
    # PyTorch never compresses. Without compression, the size of the file bounds the memory that is needed.
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise pickle.UnpicklingError("its archive is compressed, which PyTorch does not do")
    members = {name.partition("/")[2]: name for name in archive.namelist()}
    if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
        raise pickle.UnpicklingError("its numbers are not little-endian")
    plans, _ = _unpickle(io.BytesIO(archive.read(members["data.pkl"])))
    return plans, functools.cache(lambda key: archive.read(members[f"data/{key}"]))  # many tensors may name one storage


def _read_legacy(file_bytes: bytes) -> tuple[Any, RawOf]:
    file = io.BytesIO(file_bytes)
    if [_unpickle(file)[0], _unpickle(file)[0]] != [LEGACY_MAGIC, LEGACY_PROTOCOL]:
        raise pickle.UnpicklingError("it does not begin as PyTorch's files do")
    if not _unpickle(file)[0]["little_endian"]:
        raise pickle.UnpicklingError("its numbers are not little-endian")
    plans, storages = _unpickle(file)
    keys, _ = _unpickle(file)
    numbers, position = memoryview(file_bytes), file.tell()
    raw_by_key: dict[str, memoryview] = {}
    for key in keys:
        (count,) = struct.unpack_from("<q", numbers, position)
        start = position + 8
        position = start + count * storages[key].dtype.itemsize
        if not start <= position <= len(numbers):
            raise pickle.UnpicklingError(f"it ends within the storage {key}")
        raw_by_key[key] = numbers[start:position]
    return plans, raw_by_key.__getitem__


def _unpickle(file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Returns the object that the pickle at the file's position describes, and the storages that it names, by key."""
    start, size = file.tell(), file.seek(0, io.SEEK_END)
    file.seek(start)
    for opcode, argument, _ in pickletools.genops(file):
        # An unpickler allocates memory for the highest index of a remembered object, so that must be bounded.
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > size:
            raise pickle.UnpicklingError(f"it numbers an object {argument} within {size} bytes")
    file.seek(start)
    unpickler = RestrictedUnpickler(file)
    return unpickler.load(), unpickler.storages
