"""Disk space: whether there is enough of it, which errors say that there was not; the user's cache folder.

Imports no TensorFlow.
"""

import errno
import shutil
from pathlib import Path

import platformdirs

from sle_gan.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def cache_folder() -> Path:
    """Returns the folder of what can be made again; it need not exist.

    Where the system keeps such things: on Linux `$XDG_CACHE_HOME/sle-gan`, or `~/.cache/sle-gan`.
    """
    return platformdirs.user_cache_path("sle-gan", appauthor=False)


def is_full(error: BaseException) -> bool:
    """Returns whether an error of Python, HDF5, safetensors or TensorFlow says that a disk is full.

    Args:
        error: the exception.
    """
    message = str(error)
    return getattr(error, "errno", None) in _FULL or "No space left" in message or "File too large" in message


def reason(error: BaseException) -> str:
    """Returns why something could not be written: `disk full`, or the first line of the error."""
    return "disk full" if is_full(error) else str(error).splitlines()[0]


def check_space(folder: Path | str, needed_bytes: float, needed_for: str, mend: str) -> None:
    """Checks, before anything costly begins, that what will be written fits on the disk.

    Args:
        folder: an existing folder on the disk that is written to.
        needed_bytes: what is still to be written there.
        needed_for: what needs the space, such as `the checkpoints`.
        mend: how the user can write less, for the message.

    Raises:
        StorageError: if less space is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        needed, free = (f"{count / 2**20:,.0f} MiB" for count in (needed_bytes, free_bytes))
        raise StorageError(f"{needed_for} need about {needed} in {folder}, where {free} are free; free space, {mend}")
