"""What the `config.json` of a run may hold: plain data, checked before anything is made of it.

A run folder may come from elsewhere. Imports no TensorFlow.
"""

import math
import re

from PIL import ImageColor

from sle_gan.errors import InputError
from sle_gan.json_files import read_json

CONFIG_SCHEMA = 1
_PARTS = {"schema", "settings", "versions", "command"}
_LONGEST_TEXT = 4096
_LARGEST = 2**31 - 1
_PLAIN = "plain text, a finite number, true, false, null or a list of these"


def read_config(file):
    """Reads the configuration of a run.

    Args:
        file: path of `config.json`.

    Returns:
        A dictionary with `schema`, `settings`, `versions` and `command`.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it holds something else than this version writes.
    """
    config = read_json(file)
    if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
        raise InputError(f"{file} is not a configuration: it has no settings")
    if config.get("schema") != CONFIG_SCHEMA:
        raise InputError(f"{file} has schema {config.get('schema')!r}; this version reads {CONFIG_SCHEMA}")
    unknown = sorted(config.keys() - _PARTS)
    if unknown:
        raise InputError(f"{file} must hold {', '.join(sorted(_PARTS))} alone; got {unknown[0]!r} too")
    versions, command = config.get("versions", {}), config.get("command", [])
    if not isinstance(versions, dict) or not all(map(_is_text, versions.values())):
        raise InputError(f"{file}: versions must be texts by name")
    if not isinstance(command, list) or not all(map(_is_text, command)):
        raise InputError(f"{file}: command must be a list of words")
    for name, value in config["settings"].items():
        is_allowed, told = _KINDS.get(name, (_is_plain_or_list, _PLAIN))
        if not re.fullmatch(r"[A-Za-z]\w*", name) or not is_allowed(value):
            raise InputError(f"{file}: the setting {name!r} must be {told}; got {_shortened(value)}")
    return config


def _shortened(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _is_text(value):
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and "\0" not in value


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_count(value):
    return _is_whole(value) and value > 0


def _is_number(value):
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) <= _LARGEST and math.isfinite(value)


def _is_plain(value):
    return value is None or isinstance(value, bool) or _is_number(value) or _is_text(value)


def _is_plain_or_list(value):
    return all(map(_is_plain, value)) if isinstance(value, list) else _is_plain(value)


def _is_schedule(value):
    if value is None:
        return True
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_plain, value.values()))


def _is_color(value):
    try:
        return _is_text(value) and bool(ImageColor.getrgb(value))
    except ValueError:
        return False


# Of what other programs than `train.py` read: that one compares every setting with those that it resolves itself.
_KINDS = {
    **dict.fromkeys(("model", "generator", "discriminator", "data_folder", "loss"), (_is_text, "text")),
    **dict.fromkeys(
        (
            "resolution",
            "width",
            "batch_size",
            "n_critic",
            "steps",
            "cache_limit",
            "checkpoint_frequency",
            "keep_checkpoints",
            "sample_frequency",
            "log_frequency",
        ),
        (_is_count, f"a whole number from 1 to {_LARGEST}"),
    ),
    **dict.fromkeys(
        ("G_learning_rate", "D_learning_rate", "held_out", "data_ratio", "sparsity"), (_is_number, "a finite number")
    ),
    "seed": (_is_whole, f"a whole number from 0 to {_LARGEST}"),
    "channels": (lambda value: _is_count(value) and value in {1, 3, 4}, "1, 3 or 4"),
    "fit": (lambda value: value in ("crop", "pad", "stretch"), "crop, pad or stretch"),
    "background": (_is_color, "a color such as white or #204060"),
    "schedule": (_is_schedule, "plain values by name, or null"),
}
