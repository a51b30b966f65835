"""Self-contained HTML pages: elements, pictures, style.

A page is built as a tree of elements, never by joining text, so a name with `<` in it stays text. There are no scripts,
and the page's policy forbids them.
"""

import base64
import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_QUALITY = 88  # of WebP
_LOSSLESS_PIXELS = 200_000

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1c1b19; --soft: #66635c; --line: #e2dfd8;
  --c0: #1f6fb2; --c1: #c4511b; --c2: #2c8a4b; --c3: #8251c0; --good: #1e7a3f; --warn: #a85b00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161614; --card: #1f1f1c; --ink: #ecebe6; --soft: #a19e95; --line: #37362f;
    --c0: #6db3f2; --c1: #f0935f; --c2: #6cc98a; --c3: #bb9af0; --good: #6cc98a; --warn: #f2b35e; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; } ul { margin: .4rem 0; padding-left: 1.2rem; }
li, p, figcaption, .card { overflow-wrap: anywhere; }
.rows td { white-space: nowrap; }
.soft, figcaption, th { color: var(--soft); font-weight: normal; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.verdict { border-left: .4rem solid var(--soft); margin-top: 1rem; }
.verdict strong { font-size: 1.15rem; }
.good { border-left-color: var(--good); } .warn { border-left-color: var(--warn); }
.bad { border-left-color: var(--bad); }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.strip { display: flex; gap: .8rem; overflow-x: auto; scroll-snap-type: x proximity; padding-bottom: .5rem; }
.strip figure { flex: 0 0 min(82vw, 23rem); scroll-snap-align: start; }
figure { margin: 0; } img { display: block; width: 100%; height: auto; border-radius: .3rem; background: #fff; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child > * { border-top: 0; } .number { text-align: right; }
code { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
summary { cursor: pointer; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
.axis { stroke: var(--line); fill: none; }
.curve { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); }
circle.c0 { fill: var(--c0); } circle.c1 { fill: var(--c1); } circle.c2 { fill: var(--c2); }
circle.c3 { fill: var(--c3); }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; }
.legend svg { display: inline-block; width: 1.6rem; height: .7rem; margin-right: .35rem; }
"""


def element(tag: str, *children: Any, **attributes: Any) -> ElementTree.Element:
    """Makes an element.

    Args:
        tag: name of the element.
        *children: elements; everything else is turned into text.
        **attributes: attributes by name; `class_` becomes `class`, other underscores become dashes.

    Returns:
        An `xml.etree.ElementTree.Element`.
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    made = ElementTree.Element(tag, {names[name]: _text(value) for name, value in attributes.items()})
    for child in children:
        if isinstance(child, ElementTree.Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _text(child)
        else:
            made.text = (made.text or "") + _text(child)
    return made


def table(head: Sequence[str] | None, rows: Iterable[Sequence[str | ElementTree.Element]]) -> ElementTree.Element:
    """Makes a table; numbers are aligned to the right.

    Args:
        head: cells of the header, or None for no header.
        rows: lists of cells: text, formatted numbers, or elements.

    Returns:
        An element that scrolls sideways if it is too wide.
    """
    lines = [element("tr", *(element("th", word, **_side(word)) for word in head))] if head else []
    lines += [element("tr", *(element("td", cell, **_side(cell)) for cell in row)) for row in rows]
    return element("div", element("table", *lines, class_="rows"), class_="wide")


def facts(pairs: Iterable[tuple[str, Any]]) -> ElementTree.Element:
    """Makes a table of names and values.

    Args:
        pairs: (name, text or element); pairs whose value is None are left out.
    """
    rows = [element("tr", element("th", name), element("td", value)) for name, value in pairs if value is not None]
    return element("div", element("table", *rows), class_="wide")


def picture(file: Path | BinaryIO, label: str, *, widest_px: int) -> ElementTree.Element:
    """Makes a figure of a picture file; the bytes of the picture are in the page.

    Args:
        file: path of an image, or an open file.
        label: caption below the picture.
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
    width, height = image.size
    return element(
        "figure",
        element("img", src=address, alt=label, width=width, height=height),
        element("figcaption", label),
    )


def page(title: str, *body: ElementTree.Element) -> bytes:
    """Makes a whole page.

    Args:
        title: title of the window.
        *body: elements.

    Returns:
        Bytes, UTF-8.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _STYLE),
    )
    tree = element("html", head, element("body", *body), lang="en")
    html: bytes = ElementTree.tostring(tree, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + html + b"\n"


def html_text(made: ElementTree.Element) -> str:
    """Returns an element as text of HTML."""
    return ElementTree.tostring(made, encoding="unicode", method="html")


def _text(value: Any) -> str:
    # Python holds a file name that is not UTF-8 with surrogates, which cannot be written.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _side(cell: object) -> dict[str, str]:
    is_number = isinstance(cell, str) and cell[:1] in set("-0123456789") and not cell[-1:].isalpha()
    return {"class_": "number"} if is_number else {}
