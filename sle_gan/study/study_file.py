"""A study as a file of TOML says it: what is measured, and rows of settings; checked before anything is trained.

seeds = [0, 1, 2, 3, 4]
baseline = "dense"

[same]                                      # settings of all rows, as the flags of train.py
data_folder = "flowers"
steps = 2000

[rows.dense]

[rows."Re-GAN, sparsity {sparsity}"]        # a list makes a row of each of its values
reconfigure = true
sparsity = [0.3, 0.5]

[rows.search]
find_ticket = true
shown = false                               # trained for other rows alone

[rows."ticket of round {ticket_round}"]
ticket = "row:search"                       # what another row has trained with the same seed
ticket_round = [1, 3]
"""

import difflib
import itertools
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.assembly.evaluate_run import Evaluation
from sle_gan.errors import InputError
from sle_gan.evaluation import SCORES, is_patch_score
from sle_gan.settings.field import make_group, settings_of
from sle_gan.settings.presets import with_preset
from sle_gan.settings.study import RowSettings, StudySettings
from sle_gan.settings.train import GIVABLE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SAME, _ROWS = "same", "rows"
_OF_STUDY = {"seed": "seeds", "name": "the row's name", "output_folder": "--output-folder"}  # and what says it instead
_FROM_ROWS = ("ticket", "teacher", "init_from")  # settings that take what another row has trained
_FROM_ROW = "row:"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LONGEST_NAME = 100


class Row(NamedTuple):
    """A row of a study.

    Attributes:
        name: in the table.
        settings: of its trainings by name, but for those that take what other rows have trained.
        sources: names of the rows that settings take their values from, by the settings' names.
        baseline: name of the row that it is compared with; its own if it is a baseline, or not compared.
        is_shown: whether the table has it.
        ticket_round: round of the ticket that it takes; None for the last.
    """

    name: str
    settings: dict[str, Any]
    sources: dict[str, str]
    baseline: str
    is_shown: bool
    ticket_round: int | None

    @property
    def folder_name(self) -> str:
        """The row's name as that of a folder."""
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-.")


@dataclass(frozen=True)
class Study:
    """What is trained, scored and compared.

    Attributes:
        name: of its file, without the suffix.
        settings: the `StudySettings`.
        rows: in the order of the file; a row stands behind those that it takes something of.
        evaluations: how each training is scored.
    """

    name: str
    settings: StudySettings
    rows: tuple[Row, ...]
    evaluations: tuple[Evaluation, ...]

    @property
    def compared_rows(self) -> list[Row]:
        """The rows that are compared with another."""
        return [row for row in self.rows if row.is_shown and row.baseline != row.name]


def read_study(file: Path) -> Study:
    """Reads a study.

    Args:
        file: of TOML.

    Raises:
        InputError: if it cannot be read, or says something that there is not or that is out of its range.
    """
    content = read_toml(file)
    try:
        return make_study(content, file.stem)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def read_toml(file: Path) -> dict[str, Any]:
    """Reads a file of TOML as plain data.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{file} cannot be read as a study ({reason})") from None


def make_study(content: Mapping[str, Any], name: str) -> Study:
    """Makes a study of plain data.

    Args:
        content: as the file of the module's example holds it.
        name: of the study.

    Raises:
        InputError: see `read_study`.
    """
    values = {key: value for key, value in content.items() if key not in {_SAME, _ROWS}}
    _check_known(values, {*settings_of(StudySettings), _SAME, _ROWS}, "key of a study")
    settings = make_group(StudySettings, values)
    same, tables = _table(content.get(_SAME, {}), f"[{_SAME}]"), _table(content.get(_ROWS, {}), f"[{_ROWS}]")
    _check_settings(same, f"[{_SAME}]")
    rows = []
    for row_name, table in tables.items():
        own = _table(table, f"row {row_name!r}")
        _check_settings(own, f"row {row_name!r}")
        rows += [_row(one_name, one, settings) for one_name, one in _each_value(row_name, {**same, **own})]
    _check_rows(rows)
    return Study(name, settings, tuple(rows), _evaluations(settings))


def _check_settings(table: Mapping[str, Any], where: str) -> None:
    for key, instead in _OF_STUDY.items():
        if key in table:
            raise InputError(f"{where}: {key} is not for rows; {instead} says it for the study")
    try:
        _check_known(table, {*settings_of(RowSettings), *GIVABLE}, "setting")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_known(table: Mapping[str, Any], known: Collection[str], what: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            raise InputError(f"there is no {what} {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a table of values by name; got {str(value)[:60]!r}")
    return value


def _each_value(name: str, table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields a row for each value of what is given as a list, with its name."""
    lists = {
        key: value
        for key, value in table.items()
        if isinstance(value, list) and not (key in GIVABLE and GIVABLE[key].kind.python_type is tuple)
    }
    for values in itertools.product(*lists.values()):
        one = table | dict(zip(lists, values, strict=True))
        yield _filled_in(name, one, name), one


def _filled_in(text: str, values: Mapping[str, Any], name: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise InputError(f"row {name!r} has no value for {match[0]}")
        value = values[match[1]]
        return str(value).lower() if isinstance(value, bool) else str(value)  # as TOML writes it

    return _PLACEHOLDER.sub(value_of, text)


def _row(name: str, table: Mapping[str, Any], study: StudySettings) -> Row:
    try:
        own: RowSettings = make_group(RowSettings, table)
        settings = {key: value for key, value in table.items() if key in GIVABLE}
        if own.preset is not None:
            settings, _ = with_preset(own.preset, settings)
        named = {key: settings.pop(key) for key in _FROM_ROWS if _is_source(settings.get(key))}
        sources = {key: _filled_in(value.removeprefix(_FROM_ROW).strip(), table, name) for key, value in named.items()}
        if own.ticket_round is not None and "ticket" not in sources:
            raise InputError(f"ticket_round needs a ticket such as '{_FROM_ROW}search'")
    except InputError as error:
        raise InputError(f"row {name!r}: {error}") from None
    for key, value in settings.items():
        flag = GIVABLE[key].flag
        if value is False and flag is not None and flag.off is not None:
            settings[key] = None  # as the flag that turns it off
    baseline = _filled_in(own.baseline or study.baseline, table, name) if own.shown else name
    return Row(name, settings, sources, baseline, own.shown, own.ticket_round)


def _is_source(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_FROM_ROW)


def _check_rows(rows: list[Row]) -> None:
    shown = [row.name for row in rows if row.is_shown]
    if not shown:
        raise InputError(f"a study must have a row, such as [{_ROWS}.dense]")
    above: dict[str, Row] = {}
    for row in rows:
        if not row.folder_name or len(row.name) > _LONGEST_NAME:
            raise InputError(f"the name of a row must have a letter or a digit, and {_LONGEST_NAME} characters at most")
        for other in above.values():
            if other.folder_name == row.folder_name:
                raise InputError(
                    f"rows {other.name!r} and {row.name!r} must have names that differ in letters and digits; the name "
                    "of a row of several values must hold {SETTING} for each"
                )
        if row.baseline not in shown and row.is_shown:
            near = difflib.get_close_matches(row.baseline, shown, n=1)
            raise InputError(
                f"the baseline of row {row.name!r} must be a row of the table; there is no {row.baseline!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
        for key, source in row.sources.items():
            if source not in above:
                raise InputError(f"row {row.name!r}: {key} must name a row above it; there is no {source!r}")
            if key == "ticket" and not above[source].settings.get("find_ticket"):
                raise InputError(f"row {row.name!r}: its ticket must be of a row with find_ticket = true")
        above[row.name] = row


def _evaluations(settings: StudySettings) -> tuple[Evaluation, ...]:
    evaluations: list[Evaluation] = []
    if not SCORES.get(settings.metrics[0], ("",)):
        raise InputError(f"the first of the metrics must give a score; {settings.metrics[0]} gives none")
    for judge in dict.fromkeys(settings.judges):
        # No network has a part in a patch score, so the first measures it for all.
        metrics = [name for name in settings.metrics if not evaluations or not is_patch_score(name)]
        if metrics:
            count, folder = settings.number_of_images, settings.reference_folder
            evaluations.append(Evaluation(tuple(metrics), judge, number_of_images=count, reference_folder=folder))
    return tuple(evaluations)
