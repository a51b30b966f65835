"""Settings as the words of a command line that asks for them."""

from collections.abc import Mapping

from sle_gan.settings.field import Flag, flag_name
from sle_gan.settings.kinds import SWITCH
from sle_gan.settings.train import GIVABLE


def as_command(given: Mapping[str, object]) -> list[str]:
    """Returns a command line, with the program's name, that trains or searches as settings ask for.

    Args:
        given: settings by name, as `as_words` takes them.
    """
    if given.get("variant") is None:
        return ["train.py", *as_words(given)]
    others = {name: value for name, value in given.items() if name != "data_folder"}
    return ["sle-gan", "search", str(given["data_folder"]), *as_words(others)]


def as_words(given: Mapping[str, object]) -> list[str]:
    """Returns the words of a command line that asks for settings.

    Args:
        given: settings by name; those that are None are as if they were not given, but for what a flag turns off.
    """
    words: list[str] = []
    for name, value in given.items():
        setting = GIVABLE[name]
        flag = setting.flag or Flag()
        spelling = flag.names[0] if flag.names else flag_name(name)
        if value is None:
            words += [flag.off[0]] if flag.off else []
        elif setting.kind is not SWITCH:
            text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
            words += [f"{spelling}={text}"] if text.startswith("-") else [spelling, text]
        elif value:
            words.append(spelling)
        elif flag.is_flip:
            words.append(spelling.replace("--", "--no-", 1))
    return words
