"""What fits the length of a training: rates by a rule, steps by a time; and a run keeps what was chosen for it."""

from types import SimpleNamespace

import pytest
from run_files import write_run_files

from sle_gan.assembly.batch_size import with_batch_size
from sle_gan.assembly.hours import ENOUGH_STEPS, check_length, fit_length, fit_steps, with_steps
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.probe import StepTimes
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.settled import with_settled
from sle_gan.cli.train_flags import parse
from sle_gan.errors import InputError, TrainingError
from sle_gan.models import MODELS
from sle_gan.models.rates import describe_rates, fitting_rates
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import RunConfig, read_config
from sle_gan.settings import CommandSettings
from sle_gan.settings.nested import from_nested, to_nested

RECIPE = MODELS["fastgan"].recipe
SHORT = {"data_folder": "x", "resolution": 64, "width": 24, "steps": 1000}
COMMAND = CommandSettings()


def settings(**given):
    return resolve({**SHORT, **given}, image_count=63)


@pytest.mark.parametrize(
    ("steps", "width", "rate", "half_life_steps"),
    [
        (50_000, 64, 2e-4, 692.8),  # the paper's
        (200_000, 64, 2e-4, 692.8),
        (1000, 24, 0.001, 50),  # (50 x 64 / 24) ** (1 / 3) = 5.11
        (6250, 64, 4e-4, 312.5),  # 8 ** (1 / 3) = 2
        (2000, 24, 8.1e-4, 100),  # 66.7 ** (1 / 3) = 4.05
        (250, 8, 0.0015, 12.5),  # 11.7, of which 7.5 are taken
    ],
)
def test_the_rates_are_those_that_are_computed_by_hand(steps, width, rate, half_life_steps):
    rates = fitting_rates(RECIPE, steps, width, images_per_step=8)
    assert rates.G_learning_rate == rates.D_learning_rate == pytest.approx(rate)
    assert 1000 * rates.ema_kimg / 8 == pytest.approx(half_life_steps, abs=0.1)


def test_rates_fit_by_themselves_where_a_training_is_short_and_none_are_given():
    chosen = settings().optimization
    assert (chosen.rates, chosen.G_learning_rate, chosen.D_learning_rate) == ("auto", 0.001, 0.001)
    assert (chosen.ema_decay, chosen.ema_kimg) == (None, 0.4)
    for given in ({"steps": 50_000}, {"steps": 25_000}, {"rates": "paper"}):
        paper = settings(**given).optimization
        assert (paper.rates, paper.G_learning_rate, paper.rate_decay) == ("paper", 2e-4, "constant")
        assert (paper.ema_decay, paper.ema_kimg) == (0.999, None)
    for discriminator in ("projected", "both"):  # heads on a frozen network keep the paper's rate
        chosen = settings(discriminator=discriminator).optimization
        assert (chosen.G_learning_rate, chosen.D_learning_rate, chosen.ema_kimg) == (0.001, 2e-4, 0.4)
    assert settings(steps=24_999).optimization.rates == "auto"
    assert settings(steps=50_000, rates="auto").optimization.G_learning_rate == 2.8e-4


def test_what_is_given_wins_over_the_rule():
    given = settings(G_learning_rate=3e-4).optimization
    assert (given.rates, given.G_learning_rate, given.D_learning_rate, given.ema_decay) == ("paper", 3e-4, 2e-4, 0.999)
    given = settings(G_learning_rate=3e-4, rates="auto", ema_decay=0.9, rate_decay="linear").optimization
    assert (given.G_learning_rate, given.D_learning_rate, given.rate_decay) == (3e-4, 0.001, "linear")
    assert (given.ema_decay, given.ema_kimg) == (0.9, None)


def test_presets_keep_the_rates_of_their_papers_also_where_they_are_cut_short():
    given = parse(["--data-folder", "x", "--preset", "sle-gan", "--steps", "100", "--resolution", "64"]).settings
    assert resolve(given) == settings(steps=100, width=64, rates="paper")
    given = parse(["--data-folder", "x", "--preset", "sle-gan", "--resolution", "64"]).settings
    assert resolve(given) == resolve({"data_folder": "x", "resolution": 64})
    assert parse(["--data-folder", "x", "--preset", "sle-gan", "--rates", "auto"]).settings["rates"] == "auto"
    assert "steps" not in parse(["--data-folder", "x", "--preset", "sle-gan", "--hours", "2"]).settings


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "1e-3 for both networks, average over 50 steps: fitting 1,000 steps at width 24 (--rates paper: 2e-4)"),
        (
            {"resolution": 256, "rate_decay": "cosine", "D_learning_rate": 5e-4, "rates": "auto"},
            "1e-3 and 5e-4, cosine to a tenth, average over 50 steps: fitting 1,000 steps at width 24, as measured at "
            "64 px (--rates paper: 2e-4)",
        ),
        ({"model": "sngan"}, "2e-4 for both networks, as in the paper: others were not measured for sngan"),
        (
            {"discriminator": "stylegan2"},
            "2e-4 for both networks, as in the paper: others were not measured for fastgan with stylegan2",
        ),
        (
            {"init_from": "older"},
            "2e-4 for both networks, as in the paper: others were not measured for networks that begin with trained "
            "weights",
        ),
        ({"rates": "paper"}, None),
        ({"steps": 50_000}, None),
    ],
)
def test_what_was_chosen_is_told_in_a_line(given, line):
    assert describe_rates(settings(**given), goes_on=False) == line


def test_a_search_of_a_ticket_has_the_rates_of_a_round_and_none_that_fall():
    search = settings(find_ticket=True)
    assert search.optimization.steps == 10_000
    assert search.steps_given == 1000
    assert search.optimization.G_learning_rate == 0.001
    with pytest.raises(InputError, match="--rate-decay cannot be used with --find-ticket"):
        settings(find_ticket=True, rate_decay="cosine")


def test_a_run_of_before_has_the_rates_of_the_paper():
    content = to_nested(settings(rates="paper"))
    for name in ("rates", "rate_decay", "hours"):
        del content["optimization"][name]
    assert from_nested(content) == settings(rates="paper")


def write_run(path, **given):
    run = RunFolder(path)
    kept = resolve({**SHORT, "output_folder": str(path.parent), **given}, 63)
    with run.locked():
        start_run(run, RunConfig(kept, {}, ["train.py"]), {"images": []})
    return run


def planned(run):
    """Returns a planner that goes on with a run where the settings do not differ."""

    def plan(given):
        from sle_gan.settings.train import differing_settings

        asked = resolve(given, 63)
        return SimpleNamespace(settings=asked, goes_on=not differing_settings(run.settings(), asked), run=run)

    return plan


def test_a_run_keeps_its_rates_however_long_it_goes_on(tmp_path):
    run = write_run(tmp_path / "short")
    kept = read_config(run.config_file).settings.optimization
    assert (kept.rates, kept.G_learning_rate, kept.ema_kimg) == ("auto", 0.001, 0.4)
    given = {**SHORT, "output_folder": str(tmp_path), "name": "short"}
    for steps in (1000, 3000, 50_000):
        chosen = resolve(with_settled({**given, "steps": steps}, planned(run)), 63).optimization
        assert (chosen.rates, chosen.G_learning_rate, chosen.ema_kimg, chosen.steps) == ("auto", 0.001, 0.4, steps)
    for more in ({"rates": "paper"}, {"D_learning_rate": 0.002}, {"rate_decay": "linear"}, {"ema_decay": 0.9}):
        asked = given | more
        assert with_settled(asked, planned(run)) == asked


def test_a_run_that_began_with_the_papers_rates_goes_on_with_them(tmp_path):
    run = write_run(tmp_path / "old", rates="paper")
    given = {**SHORT, "output_folder": str(tmp_path)}
    assert resolve(with_settled(given, planned(run))).optimization.rates == "paper"


def test_a_run_keeps_its_batch_and_its_length_and_nothing_is_tried_or_timed_anew(tmp_path):
    run = write_run(tmp_path / "00000-fastgan-x", batch_size=12, hours=1.5)
    given = {**SHORT, "output_folder": str(tmp_path), "batch_size": "auto", "memory_limit": 900, "hours": 1.5}
    del given["steps"]

    def ask(settings):
        raise AssertionError("a trial")

    known = with_steps(
        with_batch_size(with_settled(given, planned(run)), COMMAND, planned(run), ask), planned(run), ask
    )
    assert resolve(known).optimization == run.settings().optimization
    odd = {**given, "accumulate": 5}
    assert with_settled(odd, planned(run)) == odd


def test_another_folder_of_images_takes_nothing_over(photographs, tmp_path):
    write_run_files(tmp_path / "00000-fastgan-flowers", settings={"G_learning_rate": 1e-3})
    write_run(tmp_path / "00001-fastgan-y", steps=300)
    given = {**SHORT, "data_folder": str(photographs), "output_folder": str(tmp_path)}
    plan = plan_training(given, COMMAND)
    assert plan.run.name.startswith("00002-fastgan-photographs")
    assert plan.settings.optimization.G_learning_rate == 0.001
    assert (
        "rates: 1e-3 for both networks, average over 50 steps: fitting 1,000 steps at width 24 (--rates paper: 2e-4)"
        in list(plan.describe())
    )


@pytest.mark.parametrize(
    ("hours", "steps", "told"),
    [
        (1.0, 8500, "8,500 steps in 1 h"),  # (0.95 x 3600 - 20) s / 0.4 s
        (0.5, 4200, "4,200 steps in 30 min"),  # of 4225
        (0.01, 35, "35 steps in 0.6 min"),
        (100.0, 850_000, "850,000 steps in 100 h"),
    ],
)
def test_the_steps_are_those_that_fit_into_the_time(hours, steps, told):
    found, line = fit_steps(settings(hours=hours), hours, StepTimes(20.0, 0.4), 200)
    assert found == steps
    assert line.startswith(f"{told}: a step takes 0.4 s here; about ")


def test_the_rounds_of_a_search_share_the_time_and_phases_follow():
    search = settings(find_ticket=True, ticket_rounds=4)  # 4,000 steps in all
    steps, line = fit_steps(search, 1.0, StepTimes(20.0, 0.4), 200)
    assert steps == 2100
    assert line == (
        "2,100 steps in the first round in 1 h: a step takes 0.4 s here; about 340 passes over 200 images in all rounds"
    )
    given = {name: value for name, value in SHORT.items() if name != "steps"} | {"reconfigure": True, "hours": 1.0}
    folder = SimpleNamespace(images=range(200))

    def plan(values):
        return SimpleNamespace(settings=resolve(values, 200), folder=folder)

    chosen = resolve(with_steps(given, plan, lambda planned: StepTimes(20.0, 0.4)), 200)
    assert (chosen.optimization.steps, chosen.optimization.hours) == (8500, 1.0)
    assert (chosen.sparsity.warmup_steps, chosen.sparsity.interval_steps) == (2125, 1062)
    assert chosen.optimization.rates == "auto"


def wide(width):
    """A machine whose steps take a second at width 64, and as many more as there are weights."""
    return StepTimes(20.0, (width / 64) ** 2)


@pytest.mark.parametrize(
    ("hours", "width", "steps"),
    [
        (1.0, 64, 3400),
        (0.592, 64, 2000),  # (0.95 x 2131.2 - 20) s
        (0.5, 48, 3000),
        (0.1, 24, 2200),
        (0.02, 8, 3000),
        (0.007, 8, 250),  # the narrowest, though few
    ],
)
def test_the_widest_network_is_taken_that_makes_enough_steps(hours, width, steps):
    timed = []

    def time_steps(settings):
        timed.append(settings.network.width)
        return wide(settings.network.width)

    given = {"data_folder": "x", "resolution": 64, "hours": hours}
    chosen, lines = fit_length(resolve(given, 200), given, hours, time_steps, 200)
    assert chosen == {"width": width, "steps": steps}
    assert len(timed) == len(set(timed)) <= 3
    assert lines[0].startswith(f"width: {width}, the ")
    assert (steps >= ENOUGH_STEPS) == ("2,000 steps fit" in lines[0])


@pytest.mark.parametrize(
    "more", [{"width": 48}, {"model": "sngan"}, {"discriminator": "projected"}, {"generator": "stylegan2"}]
)
def test_a_width_that_is_given_stays_and_those_of_other_networks_were_not_compared(more):
    given = {"data_folder": "x", "resolution": 64, "hours": 0.02, **more}
    asked = resolve(given, 200)
    chosen, lines = fit_length(asked, given, 0.02, lambda settings: StepTimes(20.0, 1.0), 200)
    assert chosen == {"steps": 48}
    assert len(lines) == 1


def test_a_width_that_does_not_fit_into_memory_is_passed_over():
    def time_steps(settings):
        if settings.network.width > 16:
            raise TrainingError("out of memory")
        return StepTimes(20.0, 1.0)

    given = {"data_folder": "x", "resolution": 64, "hours": 1.0}
    chosen, _ = fit_length(resolve(given, 200), given, 1.0, time_steps, 200)
    assert chosen == {"width": 16, "steps": 3400}


def test_a_run_keeps_the_width_that_was_chosen_for_it(tmp_path):
    run = write_run(tmp_path / "00000-fastgan-x", hours=1.5, width=16)
    given = {"data_folder": "x", "resolution": 64, "output_folder": str(tmp_path), "hours": 1.5}
    known = with_settled(given, planned(run))
    assert (known["width"], known["steps"]) == (16, 1000)
    assert with_settled({**given, "width": 24}, planned(run)) == {**given, "width": 24}


def test_a_time_in_which_no_step_can_be_made_is_told():
    with pytest.raises(InputError, match=r"--hours must be above 0\.4m here for a step to be made; got 0\.3m"):
        fit_steps(settings(), 0.005, StepTimes(20.0, 0.4), 200)


def test_a_length_is_given_once(capsys):
    assert parse(["--data-folder", "x", "--hours", "45m"]).settings["hours"] == 0.75
    assert parse(["--data-folder", "x", "--hours", "1.5h"]).settings["hours"] == 1.5
    for words, message in (
        (["--hours", "2", "--steps", "9"], "not allowed with argument"),
        (["--hours", "2", "--epochs", "9"], "not allowed with argument"),
        (["--hours", "soon"], "must be a number of hours above 0, or of minutes such as 45m; got 'soon'"),
        (["--hours", "m"], "such as 45m; got 'm'"),
        (["--hours", ""], "such as 45m; got ''"),
        (["--hours", "-1"], "such as 45m; got '-1'"),
        (["--hours", "nan"], "such as 45m; got 'nan'"),
    ):
        with pytest.raises(SystemExit):
            parse(["--data-folder", "x", *words])
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="--hours and --steps both say how long to train; give one"):
        check_length({"hours": 1.0, "steps": 5})
    with pytest.raises(InputError, match="--hours times steps of one machine"):
        check_length({"hours": 1.0, "strategy": "multi-worker"})
