"""What a picture is drawn from in place of a seed: a latent code, or styles; in files and in the text of pictures.

All of it is checked as plain data. Imports no TensorFlow.
"""

import base64
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sle_gan.data.pictures import whole_file
from sle_gan.errors import InputError

Numbers: TypeAlias = NDArray[np.float32]

LARGEST_NUMBER = 1e4  # in a code or a style: those of seeds are far below
_LARGEST_FILE_BYTES = 2**28
_ARRAYS = {"codes": (2,), "styles": (2, 3), "classes": (2,)}  # of a file, and how many dimensions each may have


@dataclass(frozen=True, eq=False)
class Code:
    """A latent code.

    Attributes:
        numbers: float32 `[latent size]`.
        classes: float32 `[classes]`, the share of each class; None if nothing says it.
    """

    numbers: Numbers
    classes: Numbers | None = None


@dataclass(frozen=True, eq=False)
class Styles:
    """The styles of a network that has them.

    Attributes:
        numbers: float32 `[1, size]` for one style of all layers, or `[layers, size]` for one of each.
    """

    numbers: Numbers


Latent: TypeAlias = Code | Styles
Point: TypeAlias = int | Code | Styles  # where a picture lies: a seed, a code or styles


def read_latents(files: Iterable[Path | str], generator: str) -> list[Latent]:
    """Reads codes and styles from files, such as `project` writes them.

    Each holds `codes`, float32 `[count, latent size]`, or `styles`, float32 `[count, size]` or `[count, layers, size]`;
    beside codes it may hold `classes`, `[count, classes]`, the share of each class, and it may name its `generator`.

    Args:
        files: paths of `.npz` files.
        generator: the name of the network that is to draw them.

    Raises:
        InputError: if a file is not there or holds something else.
    """
    return [latent for file in files for latent in _read(Path(file), generator)]


def write_latents(file: Path, latents: Sequence[Latent], words: Mapping[str, str]) -> None:
    """Writes codes, or styles, as `read_latents` reads them.

    Args:
        file: path of a `.npz` file.
        latents: all of one kind, with classes or without.
        words: texts by name, `generator` among them.
    """
    if isinstance(latents[0], Styles):
        numbers = np.stack([latent.numbers for latent in latents])
        arrays = {"styles": numbers[:, 0] if numbers.shape[1] == 1 else numbers}
    else:
        arrays = {"codes": np.stack([latent.numbers for latent in latents])}
        classes = [latent.classes for latent in latents if isinstance(latent, Code) and latent.classes is not None]
        arrays |= {"classes": np.stack(classes)} if classes else {}
    with whole_file(file) as temporary, temporary.open("wb") as opened:
        np.savez(opened, allow_pickle=False, **arrays, **words)


def latents_text(latents: Iterable[Latent]) -> str:
    """Writes codes and styles as text, to the last bit, as `latents_of_text` reads it."""
    return json.dumps([_plain(latent) for latent in latents], separators=(",", ":"))


def latents_of_text(text: str) -> list[Latent]:
    """Reads what `latents_text` wrote, wherever it comes from.

    Raises:
        InputError: if it is something else.
    """
    try:
        latents = [_of_plain(entry) for entry in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        raise InputError("latents must be codes and styles as this tool writes them") from None
    for latent in latents:
        _check_numbers("latents", latent.numbers)
    return latents


def _plain(latent: Latent) -> dict[str, Any]:
    if isinstance(latent, Styles):
        return {"styles": [_encoded(style) for style in latent.numbers]}
    classes = {} if latent.classes is None else {"classes": _encoded(latent.classes)}
    return {"code": _encoded(latent.numbers)} | classes


def _of_plain(entry: Any) -> Latent:
    match entry:
        case {"styles": [*styles], **more} if styles and not more:
            return Styles(np.stack([_decoded(style) for style in styles]))
        case {"code": code, **more} if not more:
            return Code(_decoded(code))
        case {"code": code, "classes": classes, **more} if not more:
            shares = _decoded(classes)
            _check_numbers("classes", shares)
            return Code(_decoded(code), shares)
    raise ValueError("neither a code nor styles")


def _encoded(numbers: Numbers) -> str:
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode()


def _decoded(text: Any) -> Numbers:
    numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    if not numbers.size:
        raise ValueError("no numbers")
    return numbers


def _read(file: Path, generator: str) -> list[Latent]:
    if not file.is_file():
        raise InputError(f"there is no file {file}, which --latents names")
    arrays = _arrays(file)
    kinds = sorted(arrays.keys() & {"codes", "styles"})
    if len(kinds) != 1:
        raise InputError(f"{file} must hold codes or styles, as generate.py project writes them")
    named = arrays.get("generator")
    if named is not None and str(named) != generator:
        raise InputError(f"{file} holds {kinds[0]} of {_short(named)}; the run is {generator}")
    for name in arrays.keys() & _ARRAYS.keys():
        _check_array(file, name, arrays[name])
    if kinds == ["styles"]:
        styles = arrays["styles"].astype(np.float32)
        return [Styles(one[None] if one.ndim == 1 else one) for one in styles]
    codes, classes = arrays["codes"].astype(np.float32), arrays.get("classes")
    if classes is None:
        return [Code(code) for code in codes]
    if len(classes) != len(codes):
        raise InputError(f"{file}: classes must be as many as codes, {len(codes)}; got {len(classes)}")
    return [Code(code, shares) for code, shares in zip(codes, classes.astype(np.float32), strict=True)]


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(file) as members:  # what claims to unpack to more than memory has is refused
            if sum(member.file_size for member in members.infolist()) > _LARGEST_FILE_BYTES:
                raise InputError(f"{file} must hold {_LARGEST_FILE_BYTES // 2**20} MiB at most")
        with np.load(file, allow_pickle=False) as archive:
            known = archive.keys() & {*_ARRAYS, "generator"}
            return {name: archive[name] for name in known}
    except InputError:
        raise
    except Exception as error:  # of zip, zlib, NumPy and its headers: a damaged file fails in many ways
        raise InputError(f"{file} cannot be read as a file of codes or styles ({_short(error)})") from None


def _check_array(file: Path, name: str, array: NDArray[Any]) -> None:
    dimensions = _ARRAYS[name]
    if array.dtype.kind != "f" or array.ndim not in dimensions or not array.size:
        what = "[count, size]" if dimensions == (2,) else "[count, size] or [count, layers, size]"
        raise InputError(f"{file}: {name} must be floats {what}; got {array.dtype} {list(array.shape)}")
    _check_numbers(f"{file}: {name}", array)


def _check_numbers(name: str, numbers: NDArray[Any]) -> None:
    if not (np.abs(numbers) <= LARGEST_NUMBER).all():  # NaN is refused too
        raise InputError(f"{name} must be finite numbers from {-LARGEST_NUMBER:g} to {LARGEST_NUMBER:g}")


def _short(value: object) -> str:
    lines = str(value).splitlines() or [type(value).__name__]
    return lines[0][:80]
