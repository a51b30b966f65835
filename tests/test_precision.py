"""What networks compute in where nothing is asked for: a trial, its answer in the settings, and where none is made."""

from types import SimpleNamespace

import pytest

from sle_gan.assembly.hours import with_steps
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.precision import PrecisionTrials, choose_precision
from sle_gan.assembly.probe import StepTimes
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.settled import with_settled
from sle_gan.errors import InputError, TrainingError
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig
from sle_gan.settings import CommandSettings
from sle_gan.settings.presets import with_preset
from sle_gan.systems import may_have_bfloat16_units

GIVEN = {"data_folder": "x", "resolution": 64, "steps": 1000}
COMMAND = CommandSettings()
SEARCH = {"model": "alphagan", "resolution": 32, "variant": "s", "strategy": "one", "steps": None}


def plan(given):
    return SimpleNamespace(settings=resolve(given, 63), folder=SimpleNamespace(images=range(63)))


def timer(float32=0.38, bfloat16=0.2):
    """Returns a clock for steps, and the precisions that it was asked of."""
    asked = []

    def time_steps(settings):
        precision = settings.devices.mixed_precision
        asked.append(precision)
        seconds = float32 if precision is None else bfloat16
        if seconds is None:
            raise TrainingError("out of memory")
        return StepTimes(20.0, seconds)

    return time_steps, asked


def chosen(given, time_steps, command=COMMAND, is_possible=True):
    trials = PrecisionTrials(given, time_steps, is_possible=is_possible)
    settings = plan(given).settings
    precision = choose_precision(settings, command, trials)
    return settings.devices.mixed_precision if precision in (None, "float32") else precision


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected", "told"),
    [
        (0.38, 0.2, "bfloat16", "bfloat16: a step takes 0.38 s in float32, 0.2 s in bfloat16 (--mixed-precision flo"),
        (0.26, 0.2, "bfloat16", "bfloat16: "),
        (0.25, 0.2, None, "float32: a step takes 0.25 s in float32, 0.2 s in bfloat16 (--mixed-precision bfloat16)"),
        (0.2, 0.9, None, "float32: "),
        (0.2, None, None, "float32: no step could be made in bfloat16"),
    ],
)
def test_bfloat16_is_taken_where_it_is_much_faster(capsys, float32, bfloat16, expected, told):
    time_steps, asked = timer(float32, bfloat16)
    assert chosen(GIVEN, time_steps) == expected
    assert asked == [None, "bfloat16"]
    assert capsys.readouterr().out.startswith(f"precision: {told}")


@pytest.mark.parametrize(
    "more",
    [
        {"mixed_precision": "float32"},
        {"mixed_precision": "bfloat16"},
        {"mixed_precision": "float16"},
        {"steps": 499},
        {"strategy": "multi-worker", "name": "run"},
        {"model": "sngan"},
        {"discriminator": "projected"},
        SEARCH,
        *[{"model": "progan", "growth": growth} for growth in ("progressive", "none")],
    ],
    ids=str,
)
def test_nothing_is_timed_where_there_is_no_choice(capsys, monkeypatch, more):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}')
    time_steps, asked = timer()
    asked_for = more.get("mixed_precision", "float32")
    assert chosen(GIVEN | more, time_steps) == (None if asked_for == "float32" else asked_for)
    assert chosen({"data_folder": "x", "steps": 1000}, time_steps, is_possible=False) is None
    assert (asked, capsys.readouterr().out) == ([], "")


def test_a_dry_run_times_nothing_and_says_what_a_training_would_do(capsys):
    time_steps, asked = timer()
    assert chosen(GIVEN, time_steps, CommandSettings(dry_run=True)) is None
    told = "precision: a training would time some steps first; bfloat16 where it is 1.3 times as fast\n"
    assert (asked, capsys.readouterr().out) == ([], told)


def test_the_length_of_a_training_of_so_many_hours_is_that_of_the_faster_and_both_are_timed_once(capsys):
    given = {name: value for name, value in GIVEN.items() if name != "steps"} | {"hours": 0.5, "width": 24}
    time_steps, asked = timer(0.4, 0.2)
    trials = PrecisionTrials(given, time_steps, is_possible=True)
    known = with_steps(given, plan, trials.fastest)
    assert known["steps"] == 8400
    assert choose_precision(plan(known).settings, COMMAND, trials) == "bfloat16"
    assert asked == [None, "bfloat16"]
    fixed = given | {"mixed_precision": "float32"}
    assert with_steps(fixed, plan, PrecisionTrials(fixed, time_steps, is_possible=True).fastest)["steps"] == 4200


@pytest.mark.parametrize("precision", [None, "bfloat16"])
@pytest.mark.parametrize("given", [{}, {"mixed_precision": "auto"}])
def test_a_run_goes_on_in_what_it_was_begun_in_and_nothing_is_timed(tmp_path, precision, given):
    kept = resolve({**GIVEN, "output_folder": str(tmp_path), "mixed_precision": precision}, 63)
    run = RunFolder(tmp_path / "00000-fastgan-x")
    with run.locked():
        start_run(run, RunConfig(kept, {}, ["train.py"]), {"images": []})
    asked = GIVEN | given | {"output_folder": str(tmp_path)}
    known = with_settled(asked, lambda names: SimpleNamespace(goes_on=resolve(names, 63) == kept, run=run))
    time_steps, timed = timer()
    assert chosen(known, time_steps) == precision
    assert timed == []


def test_a_training_writes_what_it_chose_into_its_settings(photographs, tmp_path, monkeypatch, capsys):
    time_steps, _ = timer()
    monkeypatch.setattr("sle_gan.assembly.plan.ask_times", time_steps)
    monkeypatch.setattr("sle_gan.assembly.precision.may_have_bfloat16_units", lambda: True)
    given = {"data_folder": str(photographs), "output_folder": str(tmp_path), "resolution": 64, "steps": 600}
    of_preset = with_preset("sle-gan", given)[0]
    for asked, expected in ((given, "bfloat16"), (given | {"mixed_precision": "float32"}, None), (of_preset, None)):
        assert plan_training(asked, CommandSettings()).settings.devices.mixed_precision == expected
    assert capsys.readouterr().out.count("precision: bfloat16") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags : fpu avx512f avx512_bf16 avx512vl", True),
        ("flags : avx512f amx_bf16 amx_tile", True),
        ("Features : fp asimd bf16 i8mm", True),
        ("flags : fpu avx2 avx512f amx_tile", False),
        ("model name : xbf16x", False),
        (None, False),
    ],
)
def test_units_are_those_that_the_system_names(tmp_path, text, expected):
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    assert may_have_bfloat16_units(file, ()) == expected
    assert may_have_bfloat16_units(file, (tmp_path,))


def test_what_cannot_be_trained_is_told_before_steps_are_timed(photographs, tmp_path, monkeypatch):
    time_steps, asked = timer()
    monkeypatch.setattr("sle_gan.assembly.plan.ask_times", time_steps)
    monkeypatch.setattr("sle_gan.assembly.precision.may_have_bfloat16_units", lambda: True)
    given = {"data_folder": str(photographs), "output_folder": str(tmp_path), "resolution": 64, "steps": 600}
    for more in ({"reconfigure": True, "reconfigure_warmup": 700}, {"init_from": str(tmp_path / "nowhere")}):
        with pytest.raises(InputError):
            plan_training(given | more, COMMAND)
    assert asked == []
