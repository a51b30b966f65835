"""Marks on what this tool writes, so that it is not taken for training images later.

Imports nothing of the project.
"""

from pathlib import Path

from PIL import Image

SOFTWARE = "SLE-GAN"  # in the metadata of pictures
_MARKER = ".sle-gan-output"
_TEXT = "SLE-GAN wrote this folder. What lies in it is not taken for training images.\n"
_EXIF_SOFTWARE = 0x0131
_OF_A_RUN = ("config.json", "manifest.json", "checkpoints")  # also of a run that has no marker yet


def make_output_folder(folder: Path) -> None:
    """Makes a folder and marks it; one that is there may hold a person's images, and gets no mark.

    Args:
        folder: path of the folder.

    Raises:
        OSError: if it cannot be written.
    """
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    mark_folder(folder)


def mark_folder(folder: Path) -> None:
    """Marks a folder that holds nothing but what this tool writes.

    Args:
        folder: path of the folder, which exists.

    Raises:
        OSError: if it cannot be written.
    """
    (folder / _MARKER).write_text(_TEXT, encoding="utf-8")


def is_output_folder(folder: Path) -> bool:
    """Returns whether this tool wrote a folder: it is marked, or it is a run folder."""
    return (folder / _MARKER).is_file() or all((folder / name).exists() for name in _OF_A_RUN)


def exif_mark() -> Image.Exif:
    """Returns the mark in the metadata of a JPEG or a WebP."""
    exif = Image.Exif()
    exif[_EXIF_SOFTWARE] = SOFTWARE
    return exif


def is_marked(image: Image.Image) -> bool:
    """Returns whether this tool wrote a picture.

    Args:
        image: as Pillow opens it; nothing is decoded.
    """
    if image.format == "PNG":  # looking for EXIF behind its pixels would decode them
        return image.info.get("Software") == SOFTWARE
    if image.format == "GIF":
        return image.info.get("comment") == SOFTWARE.encode()
    return image.getexif().get(_EXIF_SOFTWARE) == SOFTWARE
