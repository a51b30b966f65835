"""PyTorch files, written byte by byte, since PyTorch is not installed.

Python's pickler writes down names only where they can be looked up: write within `names_of_torch`.
"""

import collections
import contextlib
import io
import pickle
import struct
import sys
import types
import unittest.mock
import zipfile


@contextlib.contextmanager
def names_of_torch():
    """Puts names into `sys.modules` that Python's pickler can write down; they do nothing."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "BoolStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    utils._rebuild_tensor_v2 = type("_rebuild_tensor_v2", (), {"__module__": "torch._utils"})
    with unittest.mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield


class Numbers:
    """A one-dimensional storage to be pickled by reference."""

    def __init__(self, key, values):
        self.key, self.values = key, values


class Tensor:
    """A view of a storage, pickled as a call of PyTorch's rebuilding function."""

    def __init__(self, storage, offset, size, strides):
        self.arguments = (storage, offset, size, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class StateDictPickler(pickle.Pickler):
    """Pickles by way of the names that PyTorch uses; `trailer` is what follows the device and the count."""

    def __init__(self, file, trailer):
        super().__init__(file, protocol=2)
        self.trailer = trailer

    def persistent_id(self, obj):
        if not isinstance(obj, Numbers):
            return None
        names = {"<f4": "FloatStorage", "<i8": "LongStorage", "|b1": "BoolStorage"}
        storage_type = getattr(sys.modules["torch"], names[obj.values.dtype.str])
        return ("storage", storage_type, obj.key, "cpu", obj.values.size, *self.trailer)


def legacy_bytes(state_dict, storages):
    file = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(head, file, protocol=2)
    StateDictPickler(file, trailer=(None,)).dump(state_dict)
    pickle.dump([storage.key for storage in storages], file, protocol=2)
    for storage in storages:
        file.write(struct.pack("<q", storage.values.size) + storage.values.tobytes())
    return file.getvalue()


def zip_bytes(state_dict, storages, compression=zipfile.ZIP_STORED):
    description, file = io.BytesIO(), io.BytesIO()
    StateDictPickler(description, trailer=()).dump(state_dict)
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("weights/data.pkl", description.getvalue())
        archive.writestr("weights/byteorder", b"little")
        for storage in storages:
            archive.writestr(f"weights/data/{storage.key}", storage.values.tobytes())
    return file.getvalue()
