"""Kinds of picture files, by their first bytes: which are read here, which are not and what can be done about it.

Imports no TensorFlow.
"""

import functools
import importlib
from typing import NamedTuple

from PIL import features

HEAD_BYTES = 64
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})

_TO_PNG = "save them as PNG"
# Formats of Pillow, by how their files begin.
_BEGINNINGS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_RAW_EXTENSIONS = frozenset(
    {".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"}
)


class UnreadKind(NamedTuple):
    """A kind of file with pictures in it that is not read here.

    Attributes:
        name: for a person.
        mend: what makes its pictures readable.
        is_picture: whether a file is one picture; a film is none.
    """

    name: str
    mend: str
    is_picture: bool = True


_HEIC = UnreadKind("HEIC", "pip install pillow-heif, or save them as JPEG")
_AVIF = UnreadKind("AVIF", "install a Pillow that reads AVIF, or save them as JPEG")
_RAW = UnreadKind("camera raw", "develop them to JPEG or TIFF")
_FILM = UnreadKind("film", "take pictures out of it: ffmpeg -i FILM -vf fps=1 picture-%05d.png", is_picture=False)
_UNREAD_BEGINNINGS = {
    b"\xff\x0a": UnreadKind("JPEG XL", _TO_PNG),
    b"\0\0\0\x0cJXL ": UnreadKind("JPEG XL", _TO_PNG),
    b"\0\0\0\x0cjP  ": UnreadKind("JPEG 2000", _TO_PNG),
    b"8BPS": UnreadKind("Photoshop", _TO_PNG),
    b"gimp xcf": UnreadKind("GIMP", _TO_PNG),
    b"v/1\x01": UnreadKind("OpenEXR", _TO_PNG),
    b"%PDF": UnreadKind("PDF", "save its pictures as PNG"),
    b"\x1aE\xdf\xa3": _FILM,
}
_UNREAD_EXTENSIONS = {
    **dict.fromkeys(_RAW_EXTENSIONS, _RAW),
    ".svg": UnreadKind("SVG", "draw them as PNG"),
    ".heic": _HEIC,
    ".heif": _HEIC,
}


@functools.cache
def formats() -> tuple[str, ...]:
    """Returns Pillow's names for the formats that are read: more with a Pillow that has AVIF, or with pillow-heif."""
    names = ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]
    if features.check("avif"):
        names.append("AVIF")
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        pass
    else:
        names.append("HEIF")
    return tuple(names)


def is_read(head: bytes, extension: str) -> bool:
    """Returns whether a file begins as an image that is read here, whatever its name.

    Args:
        head: its first `HEAD_BYTES` bytes, or all.
        extension: of its name, in lower case, with the dot. That of a camera's raw file counts: it begins as a TIFF.
    """
    if extension in _RAW_EXTENSIONS:
        return False
    if any(head.startswith(beginning) for beginning in _BEGINNINGS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    brand = _brand(head)
    return (brand in _AVIF_BRANDS and "AVIF" in formats()) or (brand in _HEIC_BRANDS and "HEIF" in formats())


def unread_kind(head: bytes, extension: str) -> UnreadKind | None:
    """Returns the kind of a file with pictures that are not read here; None of any other file.

    Args:
        head: its first `HEAD_BYTES` bytes, or all.
        extension: of its name, in lower case, with the dot.
    """
    brand = _brand(head)
    if brand in _HEIC_BRANDS:
        return _HEIC
    if brand in _AVIF_BRANDS:
        return _AVIF
    if extension in _UNREAD_EXTENSIONS:
        return _UNREAD_EXTENSIONS[extension]
    if brand:
        return _FILM
    return next((kind for beginning, kind in _UNREAD_BEGINNINGS.items() if head.startswith(beginning)), None)


def _brand(head: bytes) -> bytes:
    """Returns the brand of an ISO media file; nothing of other files."""
    return head[8:12] if head[4:8] == b"ftyp" else b""
