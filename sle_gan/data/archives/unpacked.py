"""From the path of a data set to a folder of images, which is unpacked once. Imports no TensorFlow."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from sle_gan.data.archives import cifar, stl10
from sle_gan.data.archives.arrays import Arrays
from sle_gan.data.archives.data_set import DataSet, Picture
from sle_gan.data.archives.image_files import ImageFiles
from sle_gan.data.archives.members import FileMembers, Members, members_of
from sle_gan.data.archives.parquet import SUFFIX, Parquet
from sle_gan.data.picture_kinds import EXTENSIONS
from sle_gan.disk import cache_folder, check_space
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import read_json, write_json

_LAYOUTS = (cifar.opened, stl10.opened)
_SPLITS = "splits.json"
_AND = "+"  # between splits that are taken together
_MOST_FILES = 64  # of a folder that may be one of the layouts


def image_folder(path: Path) -> Path:
    """Returns a folder of images: the path itself, or what an archive holds, unpacked.

    The archives and files are those of CIFAR-10, CIFAR-100 and STL-10, `.npz`, `.parquet`, `.zip` and `.tar` with what
    compresses it; the same files in a folder count as well. Behind the path may stand a split, or several with `+` in
    between, and the name of a folder: `stl10_binary.tar.gz/train+unlabeled`, `cifar-10-python.tar.gz/test/cat`. Without
    one it is the split to train on. Pictures without a file of their own become BMP, in the folder of their class.

    What was unpacked lies in the cache folder of the user and is used again while path, size and time of the archive
    stay as they are.

    Args:
        path: of a folder or an archive, or of a part of one.

    Raises:
        InputError: if the archive cannot be read, or has no such part.
        StorageError: if there is no space for what it holds.
    """
    for archive in (path, *path.parents):
        mode = _mode_of(archive)
        if stat.S_ISDIR(mode):
            files = _files_of_layout(archive)
            if not files:
                return path
        elif stat.S_ISREG(mode):
            files = [archive]
        else:
            continue
        kept = cache_folder() / "unpacked" / f"{archive.name}-{_key_of(archive, files)}"
        splits = _splits_in(kept)
        data_set = None
        if splits is None:
            data_set = _opened(archive, files)
            if data_set is None:
                continue  # such as a file of CIFAR, which has no ending, by the name of its split
            splits = data_set.splits
        split, below = _split_of(archive, splits, path.relative_to(archive).parts)
        folder = kept / (split or "all")
        if not folder.is_dir():
            _unpack(archive, data_set or _opened(archive, files), split, folder)
        return _existing(folder.joinpath(*below), path)
    return path


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # nothing is there, or nothing can be
        return 0


def _files_of_layout(folder: Path) -> list[Path]:
    """Returns the files of a folder that is a data set, as it is after somebody unpacked its archive; else none."""
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    except OSError:
        return []
    if len(files) > _MOST_FILES and not all(file.name.endswith(SUFFIX) for file in files):
        return []
    paths = sorted(Path(file.path) for file in files)
    tables = [path for path in paths if path.suffix.lower() == SUFFIX]
    if tables and not any(path.suffix.lower() in EXTENSIONS for path in paths):
        return tables
    members = FileMembers(folder, [path.name for path in paths])
    return paths if any(opened(members) for opened in _LAYOUTS) else []


def _opened(archive: Path, files: list[Path]) -> DataSet | None:
    if files[0].suffix.lower() == SUFFIX:
        return Parquet(files)
    if archive.suffix.lower() == ".npz":
        return Arrays(archive)
    members: Members | None
    members = FileMembers(archive, [file.name for file in files]) if archive.is_dir() else members_of(archive)
    if members is None:
        return None
    return next((found for opened in _LAYOUTS if (found := opened(members))), None) or ImageFiles(members)


def _splits_in(kept: Path) -> tuple[str, ...] | None:
    """Returns the splits of a data set that was unpacked, so that its archive need not be read; None if it was not."""
    try:
        return tuple(read_json(kept / _SPLITS))
    except (InputError, OSError, TypeError):
        return None


def _split_of(archive: Path, splits: tuple[str, ...], parts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Parts what stands behind an archive into its splits, joined by `+`, and the folder in them."""
    if not splits:
        return "", parts
    if not parts:
        return splits[0], ()
    unknown = [name for name in parts[0].split(_AND) if name not in splits]
    if unknown:
        raise InputError(f"{archive} has the splits {', '.join(splits)}; got {unknown[0]}")
    return parts[0], parts[1:]


def _key_of(archive: Path, files: list[Path]) -> str:
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((str(archive.resolve()), facts)).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _unpack(archive: Path, data_set: DataSet | None, split: str, folder: Path) -> None:
    if data_set is None:  # it was one when it was unpacked before
        raise InputError(f"{archive} is no data set any more; restore it")
    print(f"unpacking {archive}{f' ({split})' if split else ''} to {folder}", file=sys.stderr, flush=True)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        check_space(folder.parent, data_set.total_bytes, f"the pictures of {archive.name}", "or unpack it elsewhere")
        # Beside its place, so that what is there is whole, even after a kill.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as unfinished:
            inner = Path(unfinished, "all")
            inner.mkdir()
            for name in split.split(_AND):
                # Splits may have files of the same names.
                _write(data_set.pictures(name or None), inner, f"{name}-" if _AND in split else "")
            if not any(inner.iterdir()):
                raise InputError(f"there is no picture in {archive}")
            _rename(inner, folder)
        write_json(folder.parent / _SPLITS, data_set.splits)
    except OSError as error:
        raise StorageError(f"{archive} cannot be unpacked to {folder}: {error.strerror or error}") from None


def _rename(folder: Path, to: Path) -> None:
    try:
        folder.rename(to)
    except OSError:
        if not to.is_dir():  # else another process was faster
            raise


def _write(pictures: Iterable[Picture], folder: Path, prefix: str) -> None:
    for picture in pictures:
        below = folder / picture.folder
        below.mkdir(parents=True, exist_ok=True)
        if isinstance(picture.content, bytes):
            (below / f"{prefix}{picture.name}").write_bytes(picture.content)
        else:
            # Not compressed: the bytes, whose checksums a run keeps, rest on no version of a library.
            image = Image.fromarray(np.squeeze(np.ascontiguousarray(picture.content)))
            suffix = "tiff" if image.mode == "RGBA" else "bmp"
            image.save(below / f"{prefix}{picture.name}.{suffix}")


def _existing(folder: Path, path: Path) -> Path:
    if not folder.is_dir():
        there = ", ".join(sorted(entry.name for entry in folder.parent.iterdir() if entry.is_dir())[:20])
        raise InputError(f"there is no {path}; there are {there or 'no folders'} beside it")
    return folder
