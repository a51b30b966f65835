"""What lies in a folder and its sub-folders: images, pictures of other kinds, this tool's own output, and the rest.

Imports no TensorFlow.
"""

import os
import stat
from pathlib import Path

from sle_gan.data.picture_kinds import EXTENSIONS, HEAD_BYTES, UnreadKind, is_read, unread_kind
from sle_gan.marks import is_output_folder


class FolderEntries:
    """What lies in a folder and its sub-folders.

    Attributes:
        candidates: paths of the files that begin as images, or are named like them.
        skipped: (path, reason) of what cannot be read.
        unread: (path, kind) of the files with pictures of kinds that are not read.
        written: paths of the folders that this tool wrote.
        folders: names of the sub-folders of the first level.
        ignored: number of the others.
    """

    def __init__(self, folder: Path, *, with_written: bool):
        self.candidates: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        self.unread: list[tuple[str, UnreadKind]] = []
        self.written: list[str] = []
        self.folders: list[str] = []
        self.ignored = 0
        self._folder = folder
        self._with_written = with_written
        self._walk()

    def _walk(self) -> None:
        entered = set()
        for below, folders, names in os.walk(self._folder, onerror=self._cannot_be_listed, followlinks=True):
            status = Path(below).stat()
            if (status.st_dev, status.st_ino) in entered:
                folders.clear()  # a link to a folder that was entered before
                continue
            entered.add((status.st_dev, status.st_ino))
            self.ignored += sum(name.startswith(".") for name in folders)
            # Sorted, so that of two names for one folder the same one is entered on every machine.
            folders[:] = sorted((name for name in folders if self._enters(Path(below, name))), key=os.fsencode)
            if Path(below) == self._folder:
                self.folders = list(folders)
            for name in names:
                self._look_at(Path(below, name))

    def _enters(self, folder: Path) -> bool:
        if folder.name.startswith("."):
            return False
        if self._with_written or not is_output_folder(folder):
            return True
        self.written.append(f"{relative_path(folder, self._folder)}/")
        return False

    def _look_at(self, file: Path) -> None:
        path, extension = relative_path(file, self._folder), file.suffix.lower()
        if file.name.startswith("."):
            self.ignored += 1
            return
        try:
            is_regular = stat.S_ISREG(file.stat().st_mode)
            head = _head_of(file) if is_regular else b""
        except OSError as error:
            if extension in EXTENSIONS:
                self.skipped.append((path, reason_of(error)))
            else:
                self.ignored += 1
            return
        kind = unread_kind(head, extension)
        if is_regular and (is_read(head, extension) or (extension in EXTENSIONS and kind is None)):
            self.candidates.append(path)
        elif kind is not None:
            self.unread.append((path, kind))
        else:
            self.ignored += 1

    def _cannot_be_listed(self, error: OSError) -> None:
        self.skipped.append((relative_path(error.filename, self._folder), reason_of(error)))


def _head_of(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(HEAD_BYTES)


def relative_path(path: Path | str, folder: Path) -> str:
    """Returns the path of what lies below a folder, relative to it, with `/` between its parts."""
    return Path(path).relative_to(folder).as_posix()


def reason_of(error: Exception) -> str:
    """Returns why something cannot be read, without the path that the system's errors name."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
