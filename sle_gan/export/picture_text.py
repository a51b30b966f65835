"""The text in a picture that says how it was drawn, read as data that anyone may have written. No TensorFlow."""

import math
import re
from pathlib import Path

from PIL import Image

from sle_gan.data.folder import DAMAGE, pillow_warnings_ignored
from sle_gan.data.picture_kinds import formats
from sle_gan.errors import InputError

_LONGEST_WHOLE = 15  # digits


class PictureText(dict[str, str]):
    """Words by name, and the numbers in them. One that is missing is an `InputError`.

    Attributes:
        pixels: of the picture.
    """

    pixels: int

    def __missing__(self, name: str) -> str:
        """Tells that there is no word of a name."""
        raise InputError(f"{name} is missing")

    def whole(self, name: str) -> int:
        """Returns a whole number from 0.

        Raises:
            InputError: if it is none.
        """
        return whole(name, self[name])

    def numbers(self, name: str, separator: str) -> tuple[float, ...]:
        """Returns numbers, one or more.

        Raises:
            InputError: if one is none, or not finite.
        """
        try:
            found = tuple(float(part) for part in self[name].split(separator))
        except ValueError:
            found = (math.nan,)
        if not all(map(math.isfinite, found)):
            raise InputError(f"{name} must be numbers; got {self[name][:40]!r}")
        return found


def whole(name: str, text: str) -> int:
    """Reads a whole number from 0.

    Raises:
        InputError: if it is none.
    """
    if not re.fullmatch(rf"[0-9]{{1,{_LONGEST_WHOLE}}}", text):
        raise InputError(f"{name} must be a whole number; got {text[:40]!r}")
    return int(text)


def read_text(picture: Path) -> PictureText:
    """Reads the text of a PNG; nothing is decoded.

    Args:
        picture: path of the file.

    Raises:
        InputError: if it is no PNG, or a film.
    """
    try:
        with pillow_warnings_ignored(), Image.open(picture, formats=formats()) as image:
            if image.format != "PNG":
                raise InputError(f"{picture} is {image.format}, which holds no text of how it was drawn; give a PNG")
            if getattr(image, "is_animated", False):
                raise InputError(f"{picture} is a film; give a PNG of one picture, or a frame")
            text = PictureText({str(name): word for name, word in image.info.items() if isinstance(word, str)})
            text.pixels = image.width * image.height
            return text
    except FileNotFoundError:
        raise InputError(f"there is no picture {picture}") from None
    except (OSError, Image.DecompressionBombError, *DAMAGE) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{picture} cannot be read as a picture ({error})") from None
