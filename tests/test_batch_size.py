import random
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from test_models_cli import pictures, words  # noqa: F401

from sle_gan.assembly.batch_size import check_batch_size, largest_that_fits, with_batch_size
from sle_gan.assembly.probe import MemoryTrials, ask_times
from sle_gan.assembly.resolve import resolve
from sle_gan.cli.train import main as train
from sle_gan.cli.train_flags import parse
from sle_gan.errors import InputError, TrainingError
from sle_gan.run import RunFolder
from sle_gan.settings import CommandSettings

MIB = 2**20


class Needs:
    """A need that grows from a base in proportion, and what was asked."""

    def __init__(self, base, each, refused_from=None):
        self.base, self.each, self.refused_from, self.asked = base, each, refused_from, []

    def __call__(self, number):
        assert number not in self.asked
        self.asked.append(number)
        refused = self.refused_from is not None and number >= self.refused_from
        return None if refused else self.base + self.each * number


@pytest.mark.parametrize(
    ("base", "each", "limit", "most"), [(100, 7, 1000, 500), (0, 1, 1, 9), (5, 3, 400, 10), (9, 2, 10, 7)]
)
def test_the_largest_number_within_a_limit_is_found(base, each, limit, most):
    needs = Needs(base, each)
    assert largest_that_fits(needs, most, limit) == min((limit - base) // each, most)
    largest_fitting = max([number for number in needs.asked if base + each * number <= limit], default=1)
    assert max(needs.asked) <= 2 * largest_fitting


@pytest.mark.parametrize(
    ("base", "each", "limit", "number"), [(450, 3.3, 4000, 1075), (950, 12, 2000, 87), (0, 50, 2000, 40)]
)
def test_few_numbers_are_tried_where_needs_grow_in_proportion_and_none_that_does_not_fit(base, each, limit, number):
    needs = Needs(base, each)
    assert largest_that_fits(needs, 10_000, limit) == number
    assert len(needs.asked) <= 6
    assert max(needs.asked) <= number + 1


@pytest.mark.parametrize("seed", range(5))
def test_needs_that_are_measured_with_errors_are_met_to_a_thirty_second(seed):
    drawn, asked = random.Random(seed), []

    def needed(number):
        asked.append(number)
        return (950 + 12 * number) * drawn.uniform(0.995, 1.005)

    assert 80 <= largest_that_fits(needed, 10_000, 2000) <= 89
    assert len(asked) <= 9
    assert max(asked) <= 2 * 87


@pytest.mark.parametrize(("first_refused", "expected"), [(1, 0), (2, 1), (13, 12), (65, 64), (200, 100)])
def test_what_cannot_be_had_bounds_a_search_without_a_limit(first_refused, expected):
    needs = Needs(1, 1, first_refused)
    assert largest_that_fits(needs, 100, None) == expected


def test_needs_that_do_not_grow_evenly_are_narrowed_down_too():
    assert largest_that_fits(lambda number: 10 if number < 37 else 10**6, 1000, 100) == 36


COMMAND = CommandSettings()


def given_to(folder, **more):
    return {"data_folder": "x", "output_folder": str(folder), "batch_size": "auto", "resolution": 256, **more}


def planner(run, image_count=50):
    def plan(given):
        return SimpleNamespace(settings=resolve(given), run=run, folder=SimpleNamespace(images=range(image_count)))

    return plan


def answers(gpus, base, each):
    """Answers of a machine on which a step of n images needs base + each n MiB."""
    return lambda settings: {
        "gpus": gpus,
        "peak_bytes": None if settings is None else (base + each * settings.optimization.batch_size) * MIB,
    }


def test_the_batch_is_the_largest_that_shares_divide_and_each_trial_is_told(tmp_path, capsys):
    given = given_to(tmp_path, memory_limit=1000, accumulate=2)
    chosen = with_batch_size(given, COMMAND, planner(RunFolder(tmp_path / "new")), answers(0, 300.0, 30.0))
    # The decoded images take 9.375 MiB beside the step.
    assert chosen["batch_size"] == 22
    *trials, last = capsys.readouterr().out.splitlines()
    assert trials[:2] == [
        "batch size auto: a step of 2 images needs 369 MiB",
        "batch size auto: a step of 4 images needs 429 MiB",
    ]
    assert last == "batch size auto: 22 images fit into 1,000 MiB, in steps of 2"


def test_no_more_images_are_tried_than_there_are(tmp_path, capsys):
    given = given_to(tmp_path, memory_limit=100_000)
    assert (
        with_batch_size(given, COMMAND, planner(RunFolder(tmp_path / "new"), 11), answers(0, 1.0, 1.0))["batch_size"]
        == 11
    )
    assert capsys.readouterr().out.endswith("11 images fit into 100,000 MiB, as many as there are to train on\n")


def test_several_gpus_share_the_batch_and_need_no_limit(tmp_path, capsys):
    def ask(settings):
        peak = None if settings is None or settings.optimization.batch_size > 37 else MIB
        return {"gpus": 4, "peak_bytes": peak}

    chosen = with_batch_size(given_to(tmp_path), COMMAND, planner(RunFolder(tmp_path / "new")), ask)
    assert chosen["batch_size"] == 36
    assert "a step of 48 images needs more than there is" in capsys.readouterr().out


def test_without_a_gpu_a_limit_is_asked_for_and_with_a_number_refused(tmp_path):
    plan = planner(RunFolder(tmp_path / "new"))
    with pytest.raises(InputError, match="auto needs --memory-limit where there is no GPU"):
        with_batch_size(given_to(tmp_path), COMMAND, plan, answers(0, 1.0, 1.0))
    numbered = given_to(tmp_path, memory_limit=5, batch_size=8)
    with pytest.raises(InputError, match="--memory-limit is what --batch-size auto fits into; give both or neither"):
        check_batch_size(numbered)


def test_where_nothing_fits_the_need_of_the_smallest_batch_is_told(tmp_path):
    given = given_to(tmp_path, memory_limit=200, accumulate=2)
    with pytest.raises(InputError, match="a step of 2 images needs 369 MiB, and 200 MiB is the limit"):
        with_batch_size(given, COMMAND, planner(RunFolder(tmp_path / "new")), answers(0, 300.0, 30.0))


def test_a_dry_run_says_that_sizes_would_be_tried(photographs, tmp_path, capsys):
    given = ["--data-folder", str(photographs), "--output-folder", str(tmp_path), "--resolution", "64", "--width", "8"]
    assert train([*given, "--batch-size", "auto", "--accumulate", "3", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "a training would first try which sizes fit; this is the step of 6 images" in told
    assert re.search(r"^batch_size: 6 \(default: 8\)$", told, re.MULTILINE)


@pytest.fixture
def tiny_probe(monkeypatch):
    monkeypatch.setattr("sle_gan.assembly.probe._PROBE", "tiny_probe")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def asked(ask, size):
    """Returns the process that answered, and the peak."""
    settings = size and resolve({"data_folder": "x", "resolution": 64, "batch_size": size})
    answer = ask(settings or None)
    return answer["gpus"], answer["peak_bytes"]


def test_one_process_tries_larger_and_larger_batches_and_another_a_smaller_one(tiny_probe):
    with MemoryTrials() as ask:
        (first, _), *larger = (asked(ask, size) for size in (0, 1, 2, 6))
        assert larger == [(first, 1), (first, 2), (first, 6)]
        second, peak = asked(ask, 5)
        assert (second != first, peak) == (True, 5)
        assert asked(ask, 7) == (second, 7)  # after which it does not go on
        third, peak = asked(ask, 8)
        assert (third != second, peak) == (True, 8)
        assert not psutil.pid_exists(first)
    assert not psutil.pid_exists(third)


def test_a_trial_that_the_system_ends_is_more_than_there_is_and_the_next_begins_anew(tiny_probe):
    with MemoryTrials() as ask:
        first, _ = asked(ask, 4)
        assert asked(ask, 100) == (0, None)
        second, peak = asked(ask, 60)
        assert (second != first, peak) == (True, 60)
        assert largest_that_fits(lambda number: asked(ask, number + 51)[1], 200, None) == 48


def test_a_trial_that_fails_for_another_reason_is_told_with_its_last_line(tiny_probe):
    with (
        MemoryTrials() as ask,
        pytest.raises(TrainingError, match=r"auto failed: no such kernel; give --batch-size as a number"),
    ):
        asked(ask, 50)


@pytest.mark.slow
def test_a_batch_that_was_found_fits_and_the_run_goes_on_with_it(pictures, tmp_path, capsys):  # noqa: F811
    words_of_step = words(pictures, tmp_path, "run", "--model", "sngan", "--n-critic", "1")
    settings = [resolve(parse(words_of_step).settings | {"batch_size": size}) for size in (2, 256)]
    with MemoryTrials() as ask_memory:
        devices = ask_memory(None)
        assert (devices["gpus"], devices["peak_bytes"]) == (0, None)
        peaks = [ask_memory(each)["peak_bytes"] / MIB for each in settings]
    times = ask_times(settings[0])
    assert 0 < times.step_seconds < times.start_seconds < 100
    assert 100 < peaks[0] < peaks[1] < 4000
    limit = str(round(peaks[0] * 1.1))
    fixed = ["--model", "sngan", "--n-critic", "1", "--batch-size", "auto", "--memory-limit", limit]
    for steps in ("1", "2"):
        given = words(pictures, tmp_path, "run", *fixed, "--steps", steps)
        assert train(given) == 0
        told = capsys.readouterr().out
        assert ("batch size auto: 7 images fit" in told) == (steps == "1")
    assert RunFolder(tmp_path / "run").settings().optimization.batch_size == 7
    with MemoryTrials() as ask_memory, pytest.raises(TrainingError, match="a trial of --batch-size auto failed"):
        ask_memory(replace(settings[0], network=replace(settings[0].network, width=3)))
