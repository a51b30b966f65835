"""Decoded images that are kept between runs, in the user's cache folder. Imports no TensorFlow.

A set of images is a file: a ZIP archive, whose checksums tell what was damaged, of `images.npy` and of `kept.json`,
the places in the set of the images that could be decoded. Its name says all that decides over the pixels.
"""

import contextlib
import hashlib
import json
import math
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import features

from sle_gan.data.folder import DAMAGE, ImageFile
from sle_gan.data.pictures import whole_file
from sle_gan.disk import cache_folder
from sle_gan.errors import InputError
from sle_gan.settings import ImageSettings

FEWEST_PIXELS = 250_000_000  # of the files of a set, from which decoding takes longer than a few seconds

_DAMAGED = (OSError, RuntimeError, zipfile.BadZipFile, *DAMAGE)  # what a damaged file raises

_RULE = 1  # raise it where the same file is decoded to other pixels than before
_PIXELS, _PLACES = "images.npy", "kept.json"
_DECODERS = ("pil", "libjpeg_turbo", "zlib", "libtiff", "webp", "avif")


class KeptImages(NamedTuple):
    """Where a set of decoded images is kept.

    Attributes:
        file: path of the archive.
        shape: of the set: images, height, width, channels; those that could not be decoded are counted too.
        limit_bytes: of all sets together.
    """

    file: Path
    shape: tuple[int, ...]
    limit_bytes: int

    def places(self) -> list[int] | None:
        """Returns the places in the set of the images that are kept, rising; None if the set is not."""
        try:
            with zipfile.ZipFile(self.file) as archive:
                places: list[int] = json.loads(archive.read(_PLACES))
            if sorted(set(places)) == places and set(places) <= set(range(self.shape[0])):
                return places
        except FileNotFoundError:
            return None
        except _DAMAGED:
            pass
        self._forget()
        return None

    def rows(self, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yields the pixels of one kept image after the other.

        Args:
            count: of the kept images.

        Raises:
            InputError: if the file is damaged, which may show with the last image only; it is deleted.
        """
        try:
            with zipfile.ZipFile(self.file) as archive, archive.open(_PIXELS) as content:
                np.lib.format.read_magic(content)
                shape, _, kind = np.lib.format.read_array_header_1_0(content)
                if shape != (count, *self.shape[1:]) or kind != np.uint8:
                    raise ValueError(f"images of {shape}, {kind}")
                for _ in range(count):
                    yield np.frombuffer(content.read(math.prod(shape[1:])), np.uint8).reshape(shape[1:])
        except _DAMAGED as error:
            self._forget()
            raise InputError(f"{self.file} is damaged ({error})") from None
        with contextlib.suppress(OSError):
            os.utime(self.file)  # those that were used last stay longest

    def keep(self, images: NDArray[np.uint8], places: Sequence[int]) -> None:
        """Keeps the images, if there is room; those that were not used for the longest time make it.

        Args:
            images: uint8 `[count, height, width, channels]`.
            places: of each in the set.
        """
        with contextlib.suppress(OSError):  # it was only to save time
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if images.nbytes > min(self.limit_bytes, shutil.disk_usage(self.file.parent).free / 2):
                return
            self._make_room(self.limit_bytes - images.nbytes)
            with whole_file(self.file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                archive.writestr(_PLACES, json.dumps(list(places)))
                with archive.open(_PIXELS, "w", force_zip64=True) as content:
                    np.lib.format.write_array(content, images, (1, 0), allow_pickle=False)

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)

    def _make_room(self, most_bytes: int) -> None:
        by_use = sorted(
            ((facts.st_mtime, facts.st_size, file) for file, facts in _files(self.file.parent)), key=lambda one: one[0]
        )
        total = sum(size for _, size, _ in by_use)
        for _, size, file in by_use:
            if total <= most_bytes:
                return
            with contextlib.suppress(OSError):  # another program may hold it
                file.unlink()
                total -= size


def kept_images(images: Sequence[ImageFile], settings: ImageSettings) -> KeptImages | None:
    """Finds where a set of decoded images is, or would be, kept.

    Args:
        images: the `ImageFile`s of the set, in order.
        settings: how they are decoded, and how many bytes are kept.

    Returns:
        A `KeptImages`; None for small sets, which are decoded as fast, and where nothing is to be kept.
    """
    limit_bytes = settings.keep_decoded * 2**20
    if not limit_bytes or sum(image.width_px * image.height_px for image in images) < FEWEST_PIXELS:
        return None
    decoders = {name: features.version(name) for name in _DECODERS}
    with contextlib.suppress(metadata.PackageNotFoundError):
        decoders["pillow-heif"] = metadata.version("pillow-heif")
    how = [settings.resolution, settings.channels, settings.fit, settings.background_rgb, settings.range]
    content = [_RULE, decoders, how, [image.sha256 for image in images]]
    name = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    shape = len(images), *settings.shape.size, settings.channels
    return KeptImages(cache_folder() / "decoded" / f"{name}.zip", shape, limit_bytes)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for file in folder.iterdir():
        with contextlib.suppress(OSError):  # another program may have deleted it
            yield file, file.stat()
