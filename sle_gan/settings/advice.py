"""Advice that names settings: it is given where a training would take them. Imports no TensorFlow."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sle_gan.settings.words import as_words
from sle_gan.shell import shell_line

Changes = Mapping[str, object]  # settings by name
Accepts = Callable[[Changes], bool]  # whether the training that is meant would begin with these changes


class Advice(NamedTuple):
    """A line for a person.

    Attributes:
        text: of the line.
        changes: the settings that it advises, with values that it names or means.
    """

    text: str
    changes: Changes


def acceptable(advice: Iterable[Advice], accepts: Accepts) -> Iterator[str]:
    """Yields the lines of those that advise nothing that would be refused.

    Args:
        advice: the lines.
        accepts: whether a training takes some changes.
    """
    return (one.text for one in advice if not one.changes or accepts(one.changes))


def first_accepted(candidates: Iterable[Changes], accepts: Accepts) -> Changes | None:
    """Returns the first changes that a training takes; None if it takes none of them.

    Args:
        candidates: the best first.
        accepts: whether a training takes some changes.
    """
    return next((changes for changes in candidates if accepts(changes)), None)


def as_flags(changes: Changes) -> str:
    """Returns changes as they are given to a program.

        >>> as_flags({"fit": "pad", "background": "#ff0000"})
        "--fit pad --background '#ff0000'"
        >>> as_flags({"range": (-1.0, 2.5), "conditional": True})
        '--range=-1,2.5 --conditional'

    Args:
        changes: settings by name.
    """
    return shell_line(*as_words({name: _short(value) for name, value in changes.items()}))


def _short(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else value
