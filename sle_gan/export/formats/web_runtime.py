"""onnxruntime-web, which draws in a browser: from a folder, or once from the registry of npm. Imports no TensorFlow."""

import base64
import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path

from sle_gan.data.pictures import whole_file
from sle_gan.disk import cache_folder
from sle_gan.errors import InputError
from sle_gan.evaluation.download import fetch

RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_VERSION = "1.30.0"
_ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{_VERSION}.tgz"
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # as npm has it
_MEMBERS = "package/dist"


def find_runtime(folder: Path | str | None, tell: Callable[[str], object], address: str = _ADDRESS) -> Path:
    """Finds the files of onnxruntime-web; without a folder they are fetched once, and kept in the cache folder.

    Args:
        folder: an unpacked package of onnxruntime-web, or its folder `dist`; None for the cache folder.
        tell: function of a line of text, called during the download.
        address: where to download from.

    Returns:
        The folder of the `RUNTIME_FILES`.

    Raises:
        InputError: if they are not in the folder, or cannot be fetched whole.
        StorageError: if they cannot be written.
    """
    if folder is not None:
        places = [Path(folder) / part for part in ("", "dist", _MEMBERS)]
        found = next(filter(_is_whole, places), None)
        if found is None:
            raise InputError(
                f"--runtime must be a folder of onnxruntime-web with {', '.join(RUNTIME_FILES)}; got {folder}"
            )
        return found
    kept = cache_folder() / f"onnxruntime-web-{_VERSION}"
    if not _is_whole(kept):
        archive = kept.with_suffix(".tgz")
        fetch(address, archive, tell, "onnxruntime-web", "unpack it and give --runtime FOLDER")
        _unpack(archive, kept)
        archive.unlink()
    return kept


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in RUNTIME_FILES)


def _unpack(archive: Path, folder: Path) -> None:
    content = archive.read_bytes()
    checksum = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if checksum != _SHA512:
        archive.unlink()
        raise InputError(
            f"onnxruntime-web {_VERSION} must have the SHA-512 {_SHA512[:8]}...; it has {checksum[:8]}... "
            "and is not kept; try again, or give --runtime FOLDER"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as members:
        for name in RUNTIME_FILES:
            member = members.extractfile(f"{_MEMBERS}/{name}")
            if member is None:
                raise InputError(f"{archive} holds no {name}; give --runtime FOLDER")
            with whole_file(folder / name) as temporary:
                temporary.write_bytes(member.read())
