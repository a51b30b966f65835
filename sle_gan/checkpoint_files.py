"""The checkpoint files of a run, of which a run that trains deletes the older ones. Imports no TensorFlow."""

import re
from collections.abc import Callable
from pathlib import Path

from sle_gan.errors import InputError

_INDEX = re.compile(r"ckpt-(\d+)\.index")
_TRIES = 5  # a reader that is slower than the training saves, time after time, ends


def checkpoints_in(folder: Path) -> dict[int, Path]:
    """Lists the checkpoints of a folder.

    Args:
        folder: path; it need not exist.

    Returns:
        The path of each as TensorFlow names it, without an ending, by its step.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return {int(match[1]): folder / f"ckpt-{match[1]}" for match in map(_INDEX.fullmatch, names) if match}


def step_of(path: Path | str) -> int:
    """Returns the step of a checkpoint."""
    return int(str(path).rpartition("-")[2])


def index_of(path: Path) -> Path:
    """Returns the file of a checkpoint that is written last and deleted first."""
    return path.with_name(f"{path.name}.index")


def read_saved(find: Callable[[], tuple[int, Path]], read: Callable[[Path], object]) -> int:
    """Reads a checkpoint or a weight file; where it was deleted before it was read, what is found then.

    Args:
        find: function that returns the step and the path of what is to be read.
        read: function of the path that reads it, also a second time.

    Returns:
        The step of what was read.

    Raises:
        InputError: what `find` and `read` raise; and if it is gone and nothing else was found.
    """
    for _ in range(_TRIES):
        step, path = find()
        try:
            read(path)
        except (InputError, OSError):
            if path.is_file() or index_of(path).is_file():
                raise
        else:
            return step
        try:
            find()
        except InputError as error:
            raise InputError(f"{path} is gone, deleted before it was read; {error}") from None
    raise InputError(f"{path} is gone: its run saves faster than it can be read; wait until it has ended")
