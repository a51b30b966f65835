"""Finds the weights of the 2015 Inception: at a given path, in the cache folder, or by a download into it.

Imports no TensorFlow, so that missing weights are reported before it is loaded.
"""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sle_gan.data.pictures import whole_file
from sle_gan.disk import cache_folder
from sle_gan.errors import InputError, StorageError
from sle_gan.shell import shell_line

INCEPTION_ADDRESS = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_TIMEOUT_SECONDS = 20  # without a byte
_BLOCK_BYTES = 2**20


def inception_file(path: Path | str | None, address: str = INCEPTION_ADDRESS) -> Path:
    """Returns where the weights of the 2015 Inception should be: the given path, or one in the cache folder if None."""
    return Path(path) if path else cache_folder() / address.rpartition("/")[2]


def inception_weights(path: Path | str | None, tell: Callable[[str], object], address: str = INCEPTION_ADDRESS) -> Path:
    """Finds the weights of the 2015 Inception, and downloads them if they are missing and no path is given.

    Args:
        path: where they lie, or None for the cache folder.
        tell: function of a line of text, called during the download.
        address: where to download from.

    Returns:
        The path of a file with the right SHA-256.

    Raises:
        InputError: if the file is missing and cannot be downloaded, or has another SHA-256.
        StorageError: if it cannot be read or written.
    """
    target = inception_file(path, address)
    if not target.exists():
        if path:
            raise InputError(
                f"--inception-weights {shell_line(target)} is no file; without it they are fetched from {address}"
            )
        fetch(address, target, tell, "the 2015 Inception's weights", f"put it at {target}", "give --inception-weights")
    try:
        checksum = hashlib.sha256(target.read_bytes()).hexdigest()
    except OSError as error:
        raise StorageError(f"cannot read the weights {target}: {error.strerror}") from error
    if checksum != INCEPTION_SHA256:
        raise InputError(
            f"{target} must be the 2015 Inception's weights, SHA-256 {INCEPTION_SHA256[:8]}...; "
            f"it has {checksum[:8]}...; get a fresh copy from {address}"
        )
    return target


def fetch(
    address: str, target: Path, tell: Callable[[str], object], what: str, mend: str, mend_of_target: str = ""
) -> None:
    """Downloads a file, whole or not at all.

    Args:
        address: of the file.
        target: where it is written; its folder is made.
        tell: function of a line of text, called during the download.
        what: it is, for an error.
        mend: what to do with the file where this program cannot fetch it.
        mend_of_target: what to do where it cannot be written.

    Raises:
        InputError: if it cannot be fetched.
        StorageError: if it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer, whole_file(target) as temporary:
            size_bytes = int(answer.headers.get("Content-Length") or 0)
            tell(f"fetching {address} to {target}")
            with temporary.open("wb") as file:
                done_bytes, tenths = 0, 0
                while block := answer.read(_BLOCK_BYTES):
                    file.write(block)
                    done_bytes += len(block)
                    if size_bytes and done_bytes * 10 // size_bytes > tenths:
                        tenths = done_bytes * 10 // size_bytes
                        tell(f"{done_bytes / 2**20:.0f} of {size_bytes / 2**20:.0f} MiB")
            if done_bytes < size_bytes:
                raise urllib.error.URLError(f"it ended after {done_bytes} of {size_bytes} bytes")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{what} cannot be fetched ({reason}); get {address} and {mend}") from error
    except OSError as error:
        way = f"; {mend_of_target}" if mend_of_target else ""
        raise StorageError(f"cannot write {target}: {error.strerror or error}{way}") from error
