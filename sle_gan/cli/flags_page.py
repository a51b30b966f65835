"""`python -m sle_gan.cli.flags_page`: writes `docs/flags.md`, the flags of `train.py`, from the fields of settings."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sle_gan.cli.program import ArgumentParser, run_program
from sle_gan.cli.train_flags import ALL_GROUPS, CHOICES
from sle_gan.errors import InputError
from sle_gan.settings.field import REQUIRED, Flag, Group, Setting, flag_name, flags_of
from sle_gan.settings.kinds import SWITCH

_PAGE = Path(__file__).parents[2] / "docs" / "flags.md"
_INTRODUCTION = """\
# The flags of train.py and sle-gan search

Made from `sle_gan/settings/` by `python -m sle_gan.cli.flags_page`; edit the fields there, not this page.

A flag with a * may differ when a run goes on. A default of "recipe" is the setting of the network's paper, or follows
from other flags.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 if the page that is checked is another.
    """
    parser = ArgumentParser(prog="python -m sle_gan.cli.flags_page", description="Write the page of the flags.")
    parser.add_argument("file", nargs="?", type=Path, default=_PAGE, metavar="FILE", help="the page")
    parser.add_argument("--check", action="store_true", help="end with exit code 2 if it is not up to date")
    arguments = parser.parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _write(arguments.file, is_checked=arguments.check), debug=False, needs_tensorflow=False)


def page(groups: Iterable[Group], choices: Mapping[str, Sequence[str]]) -> str:
    """Returns the page as Markdown: a table of flags for each title.

    Args:
        groups: dataclasses of settings.
        choices: of settings whose choices are in a table elsewhere, by name.
    """
    titled: dict[str, dict[str, str]] = {}
    added = set()
    for group in groups:
        rows = titled.setdefault(group.title, {})
        for name, one in flags_of(group).items():
            if name not in added:
                is_required = one.default is REQUIRED and group.asked_by is None
                rows[name] = _row(name, one, choices.get(name), is_required=is_required)
                added.add(name)
    return "\n".join([_INTRODUCTION, *(line for title, rows in titled.items() for line in _table(title, rows))])


def _write(file: Path, *, is_checked: bool) -> int:
    content = page(ALL_GROUPS, CHOICES)
    if not is_checked:
        file.write_text(content, encoding="utf-8")
    elif not file.exists() or file.read_text(encoding="utf-8") != content:
        raise InputError(f"{file} is not the page of these settings; run python -m sle_gan.cli.flags_page")
    return 0


def _table(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"## {title[0].upper()}{title[1:]}"
    yield ""
    yield "| flag | takes | default | |"
    yield "|---|---|---|---|"
    yield from rows.values()
    yield ""


def _row(name: str, one: Setting, choices: Sequence[str] | None, *, is_required: bool) -> str:
    cells = [_flags(name, one), _takes(one, choices), _default(one, is_required=is_required), one.help]
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _flags(name: str, one: Setting) -> str:
    flag = one.flag or Flag()
    names = list(flag.names or (flag_name(name),))
    names += [f"--no-{names[0][2:]}"] if flag.is_flip else []
    names += [flag.off[0]] if flag.off is not None else []
    return ", ".join(f"`{each}`" for each in names) + (" *" if one.is_free else "")


def _takes(one: Setting, choices: Sequence[str] | None) -> str:
    if one.kind is SWITCH:
        return ""
    words = (*(choices or one.kind.choices), *(one.flag.words if one.flag else ()))
    if choices or one.kind.choices:
        return ", ".join(map(str, words))
    return " or ".join([f"{one.unit}: {one.kind.requirement}", *words])


def _default(one: Setting, *, is_required: bool) -> str:
    if is_required:
        return "required"
    if not one.has_default:
        return "" if one.default is REQUIRED else "recipe"
    if one.kind is SWITCH:
        return "on" if one.default else ""
    return "" if one.default is None else str(one.default)


if __name__ == "__main__":
    sys.exit(main())
