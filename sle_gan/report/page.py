"""Self-contained pages of HTML: the templates beside this file, which escape by themselves, and pictures for them.

A name with `<` in it stays text, because templates escape all that they are given. There are no scripts, and the
policy of each page forbids them.
"""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jinja2
from PIL import Image

TEMPLATES = Path(__file__).parent / "templates"

_QUALITY = 88  # of WebP
_LOSSLESS_PIXELS = 200_000
_WIDEST_PLOT_PX = 2000
_INK, _CARD, _LINE = "#ecebe6", "#1e1e1b", "#55534a"
_DARK_PLOT: dict[Any, Any] = {
    "figure.facecolor": _CARD,
    "axes.facecolor": _CARD,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _LINE,
    "legend.edgecolor": _LINE,
}


class Picture(NamedTuple):
    """A picture in a page.

    Attributes:
        address: its bytes, as an address.
        label: caption below it.
        text: what it shows, for people who do not see it.
        width: pixels.
        height: pixels.
        dark_address: what stands in its place on a dark page; None if it is the same.
    """

    address: str
    label: str
    text: str
    width: int
    height: int
    dark_address: str | None = None


def picture(file: Path | BinaryIO, label: str, text: str, *, widest_px: int) -> Picture:
    """Reads a picture for a page.

    Args:
        file: path of an image, or an open file.
        label: caption below the picture.
        text: what it shows, for people who do not see it.
        widest_px: a wider picture is scaled down to this width.

    Raises:
        OSError: if it cannot be read.
    """
    with Image.open(file) as opened:
        opened.load()
    image: Image.Image = opened
    if image.width > widest_px:
        image = image.resize((widest_px, round(image.height * widest_px / image.width)), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    lossless = image.width * image.height <= _LOSSLESS_PIXELS
    image.save(encoded, "WEBP", quality=_QUALITY, lossless=lossless)
    address = "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode()
    return Picture(address, label, text, *image.size)


def plot(draw: Callable[[], bytes | None], label: str, text: str) -> Picture | None:
    """Draws a plot for a page twice: on white, and in the colors of a dark page.

    Args:
        draw: draws with Matplotlib; returns a picture file, or None if there is nothing to draw.
        label: caption below the plot.
        text: what it shows, for people who do not see it.

    Returns:
        A `Picture`, or None if there is nothing to draw.
    """
    import matplotlib  # not needed by a report

    light = draw()
    with matplotlib.rc_context(_DARK_PLOT):
        dark = draw()
    if light is None or dark is None:
        return None
    on_dark = picture(io.BytesIO(dark), label, text, widest_px=_WIDEST_PLOT_PX)
    on_white = picture(io.BytesIO(light), label, text, widest_px=_WIDEST_PLOT_PX)
    return on_white._replace(dark_address=on_dark.address)


def render(template: str, **values: Any) -> str:
    """Fills in a template; what it is given stays text.

    Args:
        template: name of a file in `TEMPLATES`.
        **values: all that the template names.

    Returns:
        HTML. A file name that is not UTF-8, which Python holds with surrogates, has question marks in their place.

    Raises:
        jinja2.UndefinedError: if a value is missing.
    """
    text = _ENVIRONMENT.get_template(template).render(values)
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_numeric(cell: str) -> bool:
    return cell[:1] in set("-0123456789") and not cell[-1:].isalpha()


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.tests["numeric"] = _is_numeric
