"""Advice that names settings: it is given where a training would take them. Imports no TensorFlow."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sle_gan.settings.field import flag_name
from sle_gan.settings.train import GIVABLE
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
        changes: settings by name; switches are turned on.
    """
    words: list[str] = []
    for name, value in changes.items():
        flag, described = flag_name(name), GIVABLE[name].flag
        text = _text(value)
        if value is True or (described is not None and value in described.bare):
            words.append(flag)
        elif text.startswith("-"):  # or it would be taken for a flag
            words.append(f"{flag}={text}")
        else:
            words += [flag, text]
    return shell_line(*words)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return str(value)
