"""Disk space: whether what a program will write fits, and which errors say that it did not.

Imports no TensorFlow.
"""

import errno
import shutil

from sle_gan.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error):
    """Returns whether an error of Python, HDF5, safetensors or TensorFlow says that a disk is full.

    Args:
        error: the exception.
    """
    told = str(error)
    return getattr(error, "errno", None) in _FULL or "No space left" in told or "File too large" in told


def reason(error):
    """Returns why something could not be written: `disk full`, or the first line of the error."""
    return "disk full" if is_full(error) else str(error).splitlines()[0]


def check_space(folder, needed_bytes, needed_for, mend):
    """Makes sure, before anything costly begins, that what will be written fits.

    Args:
        folder: an existing folder on the disk that is written to.
        needed_bytes: what is still to be written there.
        needed_for: what takes it, such as `the checkpoints`.
        mend: how less could be written.

    Raises:
        StorageError: if less is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        needed, free = (f"{count / 2**20:,.0f} MiB" for count in (needed_bytes, free_bytes))
        raise StorageError(f"{needed_for} need about {needed} in {folder}, where {free} are free; free space, {mend}")
