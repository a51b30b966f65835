"""The images of a run as its `manifest.json` keeps them. Imports no TensorFlow."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sle_gan.data.folder import FolderScan, ImageFile
from sle_gan.errors import InputError
from sle_gan.json_files import read_json, stays_below

MANIFEST_SCHEMA = 1

Manifest = dict[str, Any]  # see `manifest`


def manifest(scanned: FolderScan, held_out: FolderScan | None = None) -> Manifest:
    """Returns what a run keeps of its images, ready for JSON.

    Args:
        scanned: a `FolderScan` of the images to train on.
        held_out: a `FolderScan` of the held-out images, or None.

    Returns:
        A dictionary: `schema`; `images`, a list of `ImageFile`s as dictionaries; `held_out`, the same of the held-out
        images; `skipped`, path and reason of each; `ignored`, the number of other files; `unread`, path and kind of
        each; `written`, the paths.
    """
    return {
        "schema": MANIFEST_SCHEMA,
        "images": [asdict(image) for image in scanned.images],
        "held_out": [asdict(image) for image in held_out.images] if held_out else [],
        "skipped": scanned.skipped,
        "ignored": scanned.ignored,
        "unread": [(path, kind.name) for path, kind in scanned.unread],
        "written": scanned.written,
    }


def read_manifest(file: Path) -> Manifest:
    """Reads a manifest.

    Args:
        file: path of `manifest.json`.

    Returns:
        The dictionary that `manifest` made.

    Raises:
        InputError: if it is damaged.
    """
    try:
        content: Manifest = read_json(file)
        images = content["images"] + content.get("held_out", [])
        if content["schema"] == MANIFEST_SCHEMA and all(
            stays_below(image["path"]) and re.fullmatch(r"[0-9a-f]{64}", image["sha256"]) for image in images
        ):
            return content
    except (InputError, KeyError, TypeError, AttributeError):
        pass  # reported below, like a manifest of another schema
    raise InputError(f"{file} is damaged or of another version; restore it, or train another run")


def images_in(content: Manifest, file: Path, kind: str = "images") -> tuple[ImageFile, ...]:
    """Returns the images of a manifest.

    Args:
        content: what `read_manifest` read.
        file: its path, for the error.
        kind: `images` to train on, or `held_out`.

    Raises:
        InputError: if it is damaged.
    """
    try:
        return tuple(ImageFile(**image) for image in content.get(kind, ()))
    except (TypeError, ValueError):
        raise InputError(f"{file} is damaged or of another version") from None


def changed_images(old: Manifest, new: Manifest) -> tuple[list[str], list[str], list[str]]:
    """Compares two manifests, the held-out images included.

    Args:
        old: the manifest of the run.
        new: the manifest of the folder as it is now.

    Returns:
        `(added, removed, changed)`: lists of paths.
    """
    before, now = (
        {image["path"]: image["sha256"] for image in content["images"] + content.get("held_out", [])}
        for content in (old, new)
    )
    return (
        [path for path in now if path not in before],
        [path for path in before if path not in now],
        [path for path in now if path in before and now[path] != before[path]],
    )
