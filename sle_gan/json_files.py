"""JSON files: read as plain data, whoever wrote them, and written atomically. Imports no TensorFlow."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sle_gan.errors import InputError


def read_json(file: Path | str) -> Any:
    """Reads a file of JSON.

    Args:
        file: path.

    Returns:
        The value in the file; every number in it is finite.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if the file is not JSON.
    """
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error})") from None


def stays_below(path: str) -> bool:
    """Returns whether a relative path stays in its folder: it is not absolute and does not contain `..`."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and "\0" not in path


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically: the file is either the whole old one or the whole new one.

    Args:
        path: the file.
        value: of types that JSON has.
    """
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Replaces a file atomically: it has another name until it is whole.

    Args:
        path: `Path` of the file.

    Yields:
        The path to write to, with the same suffix. It is deleted if the writing fails.
    """
    temporary = path.with_name(f".new-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")
