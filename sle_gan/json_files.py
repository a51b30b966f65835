"""Files of JSON: read as plain data whoever wrote them, written whole or not at all. Imports no TensorFlow."""

import contextlib
import json
import os
from pathlib import Path, PurePosixPath

from sle_gan.errors import InputError


def read_json(file):
    """Reads a file of JSON.

    Args:
        file: path.

    Returns:
        What it holds; every number is finite.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is no JSON.
    """
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error})") from None


def stays_below(path):
    """Returns whether a text is a relative path that leads to something in its folder or below it."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and "\0" not in path


def write_json(path, value):
    """Writes JSON so that the file is either the old one or the new one, whole.

    Args:
        path: the file.
        value: what it holds.
    """
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replaced(path):
    """Gives a file another name while it is written, so that the file is either the old one or the new one, whole.

    Args:
        path: `Path` of the file.

    Yields:
        The path to write to, of the same suffix. It is deleted if the writing fails.
    """
    temporary = path.with_name(f".new-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(constant):
    raise ValueError(f"{constant} is no number of JSON")
