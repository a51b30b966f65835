"""The pages for people: no link leads nowhere, each picture has a text, each command is one that the programs take."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from sle_gan.cli.main import PARSERS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOR_NEWCOMERS = [ROOT / "README.md", ROOT / "docs" / "index.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")


def prose(text):
    """Returns a page without its code."""
    return re.sub(r"`[^`\n]*`", "code", re.sub(r"(?ms)^ *```.*?^ *```$", "", text))


@cache
def anchors(page):
    """Returns the anchors of the headings of a page, as GitHub and the site name them."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"))
    named, counts = set(), {}
    for heading in re.findall(r"(?m)^#{1,6} +(.+?) *$", text):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        named.add(plain if plain not in counts else f"{plain}-{counts[plain]}")
        counts[plain] = counts.get(plain, 0) + 1
    return named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    lost = []
    for _, _, address in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"https?:|mailto:", address):
            continue
        name, _, anchor = address.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.resolve())):
            lost.append(address)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_picture_has_a_text(page):
    pictures = [(text, address) for is_picture, text, address in LINK.findall(page.read_text("utf-8")) if is_picture]
    assert [address for text, address in pictures if not text.strip()] == []


def commands(page):
    """Returns the lines of `sle-gan` in the code of a page, as words."""
    blocks = re.findall(r"(?ms)^```\n(.*?)^```$", page.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("sle-gan ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("page", FOR_NEWCOMERS, ids=lambda page: page.stem)
def test_every_command_is_one_that_the_programs_take(page):
    for program, *words in commands(page):
        if program == "frontier":  # what follows -- is of train
            words, of_training = words[: words.index("--")], words[words.index("--") + 1 :]
            PARSERS["train"]().parse_args(["--data-folder", "flowers", *of_training])
        PARSERS[program]().parse_args(words)


def test_the_site_has_every_page():
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2].partition("\nplugins:")[0]
    assert set(re.findall(r"[\w/-]+\.md", navigation)) == pages


def test_the_guides_have_commands():
    assert sum(len(commands(page)) for page in FOR_NEWCOMERS) > 30
