"""Where the weights of the 2015 Inception are: named by a path, in the cache folder, or fetched into it.

Imports no TensorFlow, so that missing weights are told before it is loaded.
"""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from sle_gan.data.pictures import whole_file
from sle_gan.errors import InputError, StorageError

INCEPTION_ADDRESS = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_PATIENCE_S = 20  # without a byte
_BLOCK_BYTES = 2**20


def cache_folder():
    """Returns the folder of what was fetched: `$XDG_CACHE_HOME/sle-gan`, or `~/.cache/sle-gan`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sle-gan"


def inception_file(path, address=INCEPTION_ADDRESS):
    """Returns where the weights of the 2015 Inception are looked for: at a path, or in the cache folder if None."""
    return Path(path) if path else cache_folder() / address.rpartition("/")[2]


def inception_weights(path, tell, address=INCEPTION_ADDRESS):
    """Finds the weights of the 2015 Inception, and fetches them where they are nowhere.

    Args:
        path: where they lie, or None for the cache folder.
        tell: function of a line of text, called while they are fetched.
        address: where they are fetched from.

    Returns:
        The path of a file of the right SHA-256.

    Raises:
        InputError: if the file is missing and cannot be fetched, or is another one.
        StorageError: if it cannot be read or written.
    """
    target = inception_file(path, address)
    if not target.exists():
        if path:
            raise InputError(f"--inception-weights {target} is no file; without it they are fetched from {address}")
        _fetch(address, target, tell)
    try:
        found = hashlib.sha256(target.read_bytes()).hexdigest()
    except OSError as error:
        raise StorageError(f"cannot read the weights {target}: {error.strerror}") from error
    if found != INCEPTION_SHA256:
        raise InputError(
            f"{target} must be the 2015 Inception's weights, SHA-256 {INCEPTION_SHA256[:8]}...; it has {found[:8]}...; "
            f"get a fresh copy from {address}"
        )
    return target


def _fetch(address, target, tell):
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer, whole_file(target) as temporary:
            size_bytes = int(answer.headers.get("Content-Length") or 0)
            tell(f"fetching {address} to {target}")
            with temporary.open("wb") as file:
                done_bytes, told = 0, 0
                while block := answer.read(_BLOCK_BYTES):
                    file.write(block)
                    done_bytes += len(block)
                    if size_bytes and done_bytes * 10 // size_bytes > told:
                        told = done_bytes * 10 // size_bytes
                        tell(f"{done_bytes / 2**20:.0f} of {size_bytes / 2**20:.0f} MiB")
            if done_bytes < size_bytes:
                raise urllib.error.URLError(f"it ended after {done_bytes} of {size_bytes} bytes")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"the 2015 Inception's weights cannot be fetched ({reason}); get {address} and put it at {target}"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}; give --inception-weights") from error
