"""Commands that are printed for a person, quoted so that a shell reads them as meant. Imports no TensorFlow."""

import os
import shlex


def shell_line(*words: object) -> str:
    r"""Returns words as a line that a shell reads as these words.

        >>> shell_line("python", "train.py", "--data-folder", "my photos")
        "python train.py --data-folder 'my photos'"
        >>> shell_line("a\nb")
        "$'a\\nb'"

    Args:
        *words: of a command, or a single one of its values; paths are taken by their names.

    Returns:
        Text of printable characters alone: what would move the cursor, and bytes that are no UTF-8, are written as Bash
        and Zsh read them.
    """
    return " ".join(map(_quoted, words))


def _quoted(word: object) -> str:
    text = os.fsdecode(word) if isinstance(word, os.PathLike) else str(word)
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character == "\n":
        return r"\n"
    return character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
