"""A setting is one field: its flag, its check, its help, its line in the page and its place in a file follow."""

import argparse
import dataclasses
import json
from dataclasses import FrozenInstanceError, dataclass
from typing import ClassVar

import pytest
from schema_1_files import flat

from sle_gan.assembly.resolve import resolve
from sle_gan.cli import flags_page
from sle_gan.cli.settings_flags import add_settings
from sle_gan.cli.train_flags import CHOICES, DAILY, GROUPS, parse, parser
from sle_gan.errors import InputError
from sle_gan.settings import (
    DiffAugmentSettings,
    ReconfigureSettings,
    SparseFromScratchSettings,
    TicketSearchSettings,
    TrainSettings,
)
from sle_gan.settings.field import RECIPE, Flag, SettingsGroup, flags_of, make_group, setting, settings_of
from sle_gan.settings.kinds import DENSITY, POSITIVE, SWITCH, TEXT, TEXTS, choice
from sle_gan.settings.nested import from_nested, to_nested, without_paths
from sle_gan.settings.schema_1 import from_schema_1
from sle_gan.settings.sparsity import TicketSettings
from sle_gan.settings.train import CONCERNS, FREE_NAMES

METHODS = [
    {},
    {"diff_augment": None},
    {"augment": "ada", "augment_target": 0.5},
    {"adv_augment": True, "adv_steps": 2},
    {"reconfigure": True, "reconfigure_warmup": 3, "reconfigure_unit": "epochs"},
    {"find_ticket": True, "steps": 100, "ticket_rounds": 3, "rewind_to": "20%"},
    {"sparse_from_scratch": True, "balance": "strict", "steps": 1000},
    {"model": "stylegan2", "mixed_precision": "float16", "ema_kimg": 3},
]


@dataclass(frozen=True, kw_only=True)
class KilnSettings(SettingsGroup):
    """Settings of no training."""

    title: ClassVar[str] = "the kiln"

    clay: str = setting(TEXT, "what is fired", unit="NAME")
    heat_rate: int = setting(POSITIVE, "kelvins in an hour", 150, unit="KELVIN", is_free=True)
    fill: float = setting(DENSITY, "of the kiln, 100% at most", 0.5, unit="SHARE")
    glaze: str | None = setting(choice("matte", "shiny"), "of the second firing", None)
    fast: bool = setting(SWITCH, "without a rest", False)
    door: bool = setting(SWITCH, "shut it", True, flag=Flag(is_flip=True))
    hours: int = setting(POSITIVE, "in all", RECIPE, unit="HOURS", flag=Flag(words=("auto",)))
    days: int | None = setting(POSITIVE, "instead", None, unit="DAYS", flag=Flag(instead_of="hours"))
    shelves: tuple[str, ...] = setting(TEXTS, "that are in it", (), flag=None)


def kiln_parser():
    result = argparse.ArgumentParser(prog="kiln", exit_on_error=False)
    add_settings(result, [KilnSettings], {})
    return result


def test_a_field_becomes_a_flag_with_its_unit_its_range_and_its_help(capsys):
    given = vars(kiln_parser().parse_args(["--clay", "stoneware", "--fill", "0.25", "--no-door", "--hours", "auto"]))
    assert given == {"clay": "stoneware", "fill": 0.25, "door": False, "hours": "auto"}
    for words, told in (
        ([], "the following arguments are required: --clay"),
        (["--clay", "x", "--fill", "1.5"], "argument --fill: must be a number above 0 and up to 1; got '1.5'"),
        (["--clay", "x", "--glaze", "red"], "argument --glaze: invalid choice: 'red'"),
        (["--clay", "x", "--hours", "2", "--days", "1"], "not allowed with argument --hours"),
    ):
        with pytest.raises((SystemExit, argparse.ArgumentError)) as stop:
            kiln_parser().parse_args(words)
        assert told in str(stop.value) + capsys.readouterr().err
    told = " ".join(kiln_parser().format_help().split())
    for text in (
        "the kiln:",
        "--clay NAME what is fired",
        "--heat-rate KELVIN kelvins in an hour (default: 150)",
        "--fill SHARE of the kiln, 100% at most (default: 0.5)",
        "--glaze {matte,shiny} of the second firing",
        "--fast without a rest",
        "--door, --no-door shut it (default: True)",
        "[--hours HOURS | --days DAYS]",
    ):
        assert text in told
    assert "shelves" not in told


def test_a_field_is_checked_wherever_its_value_comes_from():
    kiln = make_group(KilnSettings, {"clay": "stoneware", "hours": 9, "fill": 1, "shelves": ["a"], "else": 0})
    assert kiln == KilnSettings(clay="stoneware", hours=9, fill=1.0, shelves=("a",))
    assert isinstance(kiln.fill, float)
    with pytest.raises(FrozenInstanceError):
        kiln.hours = 3
    for values, told in (
        ({"hours": 9}, "the setting 'clay' is missing"),
        ({"clay": "x"}, "the setting 'hours' is missing"),
        ({"clay": "x", "hours": "auto"}, "'hours' must be a whole number from 1 to 2147483647; got 'auto'"),
        ({"clay": "x", "hours": 9.5}, "'hours' must be a whole number"),
        ({"clay": "x", "hours": None}, "'hours' must be a whole number"),
        ({"clay": "x", "hours": 9, "fill": float("nan")}, "'fill' must be a number above 0 and up to 1; got nan"),
        ({"clay": "x", "hours": 9, "fast": 1}, "'fast' must be true or false; got 1"),
        ({"clay": "x", "hours": 9, "glaze": "red"}, "'glaze' must be matte or shiny; got 'red'"),
        ({"clay": "x\0", "hours": 9}, "'clay' must be text"),
    ):
        with pytest.raises(InputError) as found:
            make_group(KilnSettings, values)
        assert told in str(found.value)


def test_a_field_has_its_line_in_the_page():
    page = flags_page.page([KilnSettings], {})
    assert "## The kiln" in page
    assert "| `--clay` | NAME: text | required | what is fired |" in page
    assert "| `--heat-rate` * | KELVIN: a whole number from 1 to 2147483647 | 150 | kelvins in an hour |" in page
    assert "| `--glaze` | matte, shiny | | of the second firing |" in page
    assert "| `--door`, `--no-door` | | on | shut it |" in page


def test_the_page_in_the_repository_is_the_one_that_the_fields_make():
    assert flags_page.main(["--check"]) == 0


def test_a_page_that_is_stale_is_told(tmp_path, capsys):
    file = tmp_path / "flags.md"
    assert flags_page.main(["--check", str(file)]) == 2
    assert flags_page.main([str(file)]) == 0
    assert flags_page.main(["--check", str(file)]) == 0
    file.write_text(file.read_text().replace("--seed", "--sed"))
    capsys.readouterr()
    assert flags_page.main(["--check", str(file)]) == 2
    assert "python -m sle_gan.cli.flags_page" in capsys.readouterr().err


@pytest.mark.parametrize("given", METHODS, ids=lambda given: "-".join(map(str, given)) or "default")
def test_settings_are_the_same_after_they_went_through_a_file(given):
    settings = resolve({"data_folder": "x", **given}, 63, ("a", "b"))
    assert from_nested(json.loads(json.dumps(to_nested(settings)))) == settings
    assert from_schema_1(json.loads(json.dumps(flat(settings)))) == settings


def test_settings_for_others_hold_no_path_of_this_machine():
    settings = resolve({"data_folder": "x", "model": "alphagan"}, 63)
    ticket = TicketSettings(ticket="x")
    settings = dataclasses.replace(settings, sparsity=ticket)
    private = "/home/ada/private"
    for concern in CONCERNS:
        group = getattr(settings, concern)
        if group is not None:
            paths = [name for name, one in settings_of(type(group)).items() if one.kind.is_path and name != "genotype"]
            group = dataclasses.replace(group, **dict.fromkeys(paths, private))
            settings = dataclasses.replace(settings, **{concern: group})
    assert settings.transfer.init_from == settings.scores.reference_folder == settings.sparsity.ticket == private
    public = without_paths(settings)
    assert private not in json.dumps(to_nested(public))
    assert (public.transfer.init_from, public.images.data_folder, public.sparsity.ticket) == (None, ".", ".")
    assert (public.network.genotype, public.optimization) == ("alphagan-s", settings.optimization)
    assert from_nested(to_nested(public)) == public


def test_only_what_applies_is_there():
    settings = resolve({"data_folder": "x", "augment": "ada", "reconfigure": True}, 63)
    names = settings.named()
    assert names.keys() >= {"augment_target", "warmup_steps", "sparsity", "resolution"}
    assert not names.keys() & {"diff_cutout", "adv_gamma", "ticket_rate", "generator_density", "round_steps"}
    assert (names["augment"], names["reconfigure"], names["find_ticket"]) == ("ada", True, False)


def test_times_are_resolved():
    def sparsity(**given):
        return resolve({"data_folder": "x", "batch_size": 7, **given}, 63).sparsity

    phases = sparsity(reconfigure=True, steps=800)
    assert phases == ReconfigureSettings(warmup_steps=200, interval_steps=100, regrow_state="keep")
    in_epochs = sparsity(reconfigure=True, steps=800, warmup_epoch=2, reconfigure_interval=1)
    assert (in_epochs.warmup_steps, in_epochs.interval_steps, in_epochs.reconfigure_warmup) == (18, 9, 2)
    search = resolve({"data_folder": "x", "find_ticket": True, "steps": 100, "rewind_to": "20%"})
    assert search.sparsity == TicketSearchSettings(rewind_to="20%", round_steps=100)
    assert search.optimization.steps == 100 + 9 * 80
    scratch = sparsity(sparse_from_scratch=True, steps=1000, balance="relaxed")
    assert scratch == SparseFromScratchSettings(
        regrow_state="keep",
        exploration="adapt",
        balance="relaxed",
        interval_steps=20,
        balance_interval_steps=20,
        exploration_steps=1000,
    )
    for given in ({"epochs": 3}, {"reconfigure": True}):
        with pytest.raises(ValueError, match="image_count must be given"):
            resolve({"data_folder": "x", **given})


def test_a_name_that_there_is_not_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"there is no setting 'batchsize'; did you mean 'batch_size'\?"):
        resolve({"data_folder": "x", "batchsize": 4})
    with pytest.raises(InputError, match="there is no setting 'teacher_step'"):
        resolve({"data_folder": "x", "teacher_step": 4})
    with pytest.raises(InputError, match="the setting 'data_folder' is missing"):
        resolve({})
    with pytest.raises(InputError, match="--model must be one of alphagan, autogan, biggan, fastgan, progan, sngan"):
        resolve({"data_folder": "x", "model": "gan"})


def test_what_is_not_given_is_not_among_what_was_parsed():
    given = parse(["--data-folder", "x", "--g", "5", "--no-diff-augment", "--no-flip", "--dry-run"])
    assert given.settings == {"data_folder": "x", "reconfigure_interval": 5, "diff_augment": None, "flip": False}
    assert given.command.dry_run
    assert parse(["--data-folder", "x", "--diff-augment"]).settings["diff_augment"] == "color,translation"
    assert resolve({"data_folder": "x"}).augmentation == DiffAugmentSettings(diff_augment="color,translation")


def test_the_help_is_a_line_of_usage_and_the_flags_of_daily_use_with_an_example_each(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(["--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    assert told.splitlines()[:2] == ["usage: train.py --data-folder FOLDER [flags]", ""]
    examples = [example for of_title in DAILY.values() for example in of_title]
    assert 20 <= len(examples) <= 26
    assert all(f"  {example}" in told for example in examples)
    assert len(told.splitlines()) < 80
    assert "one of crop, pad, stretch" in told


def test_every_example_of_the_help_is_a_flag_that_sets_one_thing():
    for example in [example for of_title in DAILY.values() for example in of_title]:
        needed = [] if example.startswith("--data-folder") else ["--data-folder", "x"]
        given = vars(parser().parse_args([*needed, *example.split()]))
        assert len(given) == (2 if needed else 1), example


def test_the_whole_help_has_every_flag(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(["--help-all"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: train.py --data-folder FOLDER [flags]\n\n")
    assert all(name in told for action in parser()._actions for name in action.option_strings)


def test_every_setting_has_one_flag_and_a_sentence():
    flags = [name for action in parser()._actions for name in action.option_strings]
    assert len(flags) == len(set(flags))
    for group in GROUPS:
        assert group.title
        for name, one in {**settings_of(group), **flags_of(group)}.items():
            assert one.help[-1] != "."
            assert one.unit or one.flag is None or one.kind is SWITCH or one.kind.choices or name in CHOICES


def test_what_may_change_when_a_run_goes_on_is_when_things_are_written_and_for_how_long():
    assert "steps" in FREE_NAMES
    assert not FREE_NAMES & {"seed", "batch_size", "model", "resolution", "round_steps", "sparsity", "accumulate"}


def test_settings_need_a_value_for_every_concern():
    with pytest.raises(TypeError):
        TrainSettings(images=None)
