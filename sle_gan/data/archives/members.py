"""What lies in an archive or a folder: names, and the bytes behind them. Imports no TensorFlow."""

import contextlib
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from sle_gan.errors import InputError

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class Members(Protocol):
    """Files with names.

    Attributes:
        names: of the regular files, with `/` between their parts; none leads out of the archive, and none of their
            parts begins with a dot.
        total_bytes: of all of them.
    """

    names: tuple[str, ...]
    total_bytes: int

    def opened(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yields (name, file to read) of the wanted ones, in the order in which they lie there."""


class FileMembers:
    """Files of a folder, or one file.

    Args:
        folder: where they lie.
        names: theirs.
    """

    def __init__(self, folder: Path, names: Collection[str]):
        self._folder = folder
        self.names = tuple(sorted(names))
        self.total_bytes = sum((folder / name).stat().st_size for name in names)

    def opened(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yields (name, file to read)."""
        for name in self.names:
            if name in wanted:
                with (self._folder / name).open("rb") as file:
                    yield name, file


class ZipMembers:
    """Files of a zip archive.

    Args:
        path: of the archive.

    Raises:
        InputError: if it is none.
    """

    def __init__(self, path: Path):
        self._path = path
        with _damage_told(path), zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and not _is_link(info)]
        self._infos = {info.filename: info for info in infos if _is_inside(info.filename)}
        self.names = tuple(self._infos)
        self.total_bytes = sum(info.file_size for info in self._infos.values())

    def opened(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yields (name, file to read)."""
        with _damage_told(self._path), zipfile.ZipFile(self._path) as archive:
            for name, info in self._infos.items():
                if name in wanted:
                    with archive.open(info) as file:
                        yield name, file


class TarMembers:
    """Files of a tar archive, compressed or not; links and devices are none.

    Args:
        path: of the archive.

    Raises:
        InputError: if it is none.
    """

    def __init__(self, path: Path):
        self._path = path
        with _damage_told(path), tarfile.open(path) as archive:
            sizes = {member.name: member.size for member in archive if member.isreg() and _is_inside(member.name)}
        self.names, self.total_bytes = tuple(sizes), sum(sizes.values())

    def opened(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yields (name, file to read)."""
        with _damage_told(self._path), tarfile.open(self._path) as archive:
            for member in archive:
                if member.isreg() and member.name in wanted:
                    yield member.name, archive.extractfile(member) or io.BytesIO()


def members_of(path: Path) -> Members | None:
    """Opens a file as an archive, by its first bytes or its name; None if it is none.

    Args:
        path: of the file.

    Raises:
        InputError: if it has an archive's name and cannot be read as one.
    """
    if path.suffix.lower() == ".npz":
        return None  # a zip of arrays
    if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
        return ZipMembers(path)
    if ".tar" in (suffix.lower() for suffix in path.suffixes[-2:]) or path.suffix.lower() in {".tgz", ".txz", ".tbz2"}:
        return TarMembers(path)
    return None


def texts_of(members: Members, names: Collection[str]) -> dict[str, list[str]]:
    """Reads small text files.

    Args:
        members: among which they are.
        names: of the files.

    Returns:
        The lines of each that are not empty, by name.
    """
    texts = {name: file.read().decode("utf-8", "replace") for name, file in members.opened(names)}
    return {name: [line.strip() for line in text.splitlines() if line.strip()] for name, text in texts.items()}


@contextlib.contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system; gzip's own have no number
        raise InputError(f"{path} cannot be read as an archive: {error}; load it down again") from None


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)
