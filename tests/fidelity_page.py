"""`python tests/fidelity_page.py`: writes `docs/fidelity.md`, the numbers of papers that tests assert.

A test that asserts what a paper says carries a mark, and the page is made from the marks:

    @pytest.mark.paper("method", "paper, and where it says so", "what the test asserts")
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "fidelity.md"
_INTRODUCTION = """\
# Fidelity
What papers and their code say, and the test that asserts it of this code: counts, formulas, schedules, defaults.
Made from the marks of the tests by `python tests/fidelity_page.py`; a test fails where this page is another. What
differs from a paper, and why, is in [methods.md](methods.md).
"""


class Claim(NamedTuple):
    """A mark of a test.

    Attributes:
        method: whose numbers.
        source: the paper, and where it says so.
        number: what the test asserts.
        file: name of the test's file.
        test: its name.
    """

    method: str
    source: str
    number: str
    file: str
    test: str


def claims(folder: Path) -> Iterator[Claim]:
    """Finds the marks of all tests, in the order of the files' names and of the tests in them.

    Args:
        folder: of the tests.

    Raises:
        ValueError: if a mark is not three texts.
    """
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.paper":
                    texts = [part.value for part in mark.args if isinstance(part, ast.Constant)]
                    if mark.keywords or len(texts) != len(mark.args) or list(map(type, texts)) != [str] * 3:
                        raise ValueError(f"{file.name}, {node.name}: a mark must be of three texts")
                    yield Claim(*texts, file.name, node.name)


def page(found: list[Claim]) -> str:
    """Returns the page as Markdown: a table for each method.

    Args:
        found: the marks.
    """
    lines = [_INTRODUCTION]
    for method in sorted({claim.method for claim in found}, key=str.lower):
        lines += [f"## {method}", "", "| what | paper | test |", "|---|---|---|"]
        lines += [
            f"| {claim.number} | {claim.source} | `tests/{claim.file}`: `{claim.test}` |"
            for claim in found
            if claim.method == method
        ]
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Runs the program: exit code 0, or 2 if the page that is checked is another."""
    parser = argparse.ArgumentParser(description="Write docs/fidelity.md.")
    parser.add_argument("--check", action="store_true", help="end with exit code 2 if it is not up to date")
    content = page(list(claims(TESTS)))
    if not parser.parse_args().check:
        PAGE.write_text(content, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != content:
        print(f"error: {PAGE} is not the page of these tests; run python tests/fidelity_page.py", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
