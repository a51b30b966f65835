"""What is installed of the optional parts. Imports none of them."""

import importlib.util
from collections.abc import Mapping

from sle_gan.errors import InputError


def require_extra(extra: str, modules: Mapping[str, str], what: str, instead: str = "") -> None:
    """Makes sure, before anything costly begins, that an optional part can be imported.

    Args:
        extra: its name in `pyproject.toml`.
        modules: the packages that bring it, by the module that each is imported as.
        what: is done with it, such as `an MP4`.
        instead: what can be done without it.

    Raises:
        InputError: if a module is missing.
    """
    missing = [package for module, package in modules.items() if importlib.util.find_spec(module) is None]
    if missing:
        mend = f"pip install {' '.join(missing)}{f', or {instead}' if instead else ''}"
        raise InputError(f"{what} needs the extra `{extra}`, which is not installed: {mend}")
