import csv
import io
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import final_state, wait_for
from run_files import write_sheet
from scipy import stats

from sle_gan.assembly.probe import StepTimes
from sle_gan.cli import frontier
from sle_gan.cli.main import main
from sle_gan.data.folder import scan
from sle_gan.errors import InputError
from sle_gan.run import RunFolder
from sle_gan.settings.field import settings_of
from sle_gan.settings.study import RowSettings, StudySettings
from sle_gan.study import carry_out, workers
from sle_gan.study.carry_out import CarriedOut, weakest_p
from sle_gan.study.cell import cells_of, read_measured, train_and_measure
from sle_gan.study.outputs import results_plot, table_cells, write_results
from sle_gan.study.results import results_of, sentence
from sle_gan.study.statistics import bootstrap_interval, holm, needed_seeds, permutation_p, smallest_p
from sle_gan.study.study_file import make_study
from sle_gan.study.workers import Workers, cpu_threads, list_gpus, places

ROOT = Path(__file__).parent.parent
TINY = {"model": "sngan", "resolution": 32, "width": 8, "batch_size": 2, "n_critic": 1, "steps": 3, "log_frequency": 1}


def content(rows, same=(), **more):
    """Returns a study of two seeds as plain data."""
    study = {"seeds": [0, 1], "baseline": "dense", "metrics": ["swd"], "number_of_images": 8}
    return {**study, **more, "same": {"data_folder": "images", **TINY, **dict(same)}, "rows": rows}


def toml(value):
    """Writes a study as TOML."""
    lines = [f"{key} = {json.dumps(one)}" for key, one in value.items() if key not in {"same", "rows"}]
    tables = [("same", value["same"])]
    for name, row in value["rows"].items():
        if isinstance(row, dict):
            tables.append((f"rows.{json.dumps(name)}", row))
        else:
            lines.append(f"rows.{name} = {json.dumps(row)}")
    for title, table in tables:
        lines += [f"[{title}]", *(f"{key} = {json.dumps(one)}" for key, one in table.items())]
    return "\n".join(lines)


# Statistics


def test_p_is_that_of_all_permutations():
    ones, others = [1.0, 2.0, 3.0], [4.0, 5.0, 7.0]
    # Of the 20 ways to choose three of six, one gives the smallest mean and one the largest.
    assert permutation_p(ones, others, paired=False) == pytest.approx(2 / 20)
    # Of the 8 ways to exchange pairs, one gives a difference as large and one as small.
    assert permutation_p(ones, others, paired=True) == pytest.approx(2 / 8)
    assert permutation_p(ones, ones, paired=True) == 1
    for seeds, paired in itertools.product((2, 3, 5), (True, False)):
        near = np.arange(seeds, dtype=float)
        assert permutation_p(near, 100 + near, paired=paired) == pytest.approx(smallest_p(seeds, paired=paired))
    assert smallest_p(5, paired=True) == 2 / 32
    assert smallest_p(5, paired=False) == 2 / 252


def test_holm_corrects_the_smallest_p_most_and_keeps_their_order():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_the_bootstrap_interval_of_few_values_is_as_wide_as_that_of_student():
    rng = np.random.default_rng(0)
    for count in (6, 20):
        values = rng.normal(10, 2, count)
        low, high = bootstrap_interval(values.tolist())
        half = stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / math.sqrt(count)
        assert (high - low) / 2 == pytest.approx(half, rel=0.1)
        assert low < values.mean() < high
    assert bootstrap_interval([3.0, 5.0]) == (3.0, 5.0)
    assert bootstrap_interval([3.0, 3.0, 3.0]) == (3.0, 3.0)
    assert bootstrap_interval([3.0]) is None


def scaled(count, mean, deviation):
    """Returns values of exactly this mean and sample standard deviation."""
    values = np.arange(count, dtype=float)
    return (mean + deviation * (values - values.mean()) / values.std(ddof=1)).tolist()


def test_the_seeds_that_would_be_needed_are_those_of_tables_of_power():
    zeros = [0.0] * 8
    # Power 0.8 at 0.05, two-sided: 10 pairs for an effect of 1, 34 for 0.5; 17 a group for 1, 64 for 0.5.
    assert needed_seeds(scaled(8, 1, 1), zeros, 1, paired=True) == 10
    assert needed_seeds(scaled(8, 0.5, 1), zeros, 1, paired=True) == 34
    assert needed_seeds(scaled(8, 1, 1), scaled(8, 0, 1)[::-1], 1, paired=False) == 17
    assert needed_seeds(scaled(8, 0.5, 1), scaled(8, 0, 1)[::-1], 1, paired=False) == 64
    # No fewer than let p be small enough: 2 / 2**6 < 0.05, and 2 / 2**8 < 0.05 / 4.
    assert needed_seeds(scaled(8, 100, 1), zeros, 1, paired=True) == 6
    assert needed_seeds(scaled(8, 100, 1), zeros, 4, paired=True) == 8
    assert needed_seeds(scaled(8, 0.01, 1), zeros, 1, paired=True) is None
    assert needed_seeds(zeros, zeros, 1, paired=True) is None
    assert needed_seeds([1.0], [0.0], 1, paired=True) is None


# The file


def test_a_list_makes_a_row_of_each_value_with_its_own_baseline_and_source():
    study = make_study(
        content(
            {
                "dense, {data_folder}": {},
                "search, {data_folder}": {"find_ticket": True, "shown": False},
                "ticket {ticket_round}, {data_folder}": {
                    "ticket": "row:search, {data_folder}",
                    "ticket_round": [1, 2],
                    "diff_augment": False,
                },
            },
            same={"data_folder": ["a", "b"]},
            baseline="dense, {data_folder}",
        ),
        "tickets",
    )
    rows = {row.name: row for row in study.rows}
    assert [*rows] == [
        *("dense, a", "dense, b", "search, a", "search, b"),
        *("ticket 1, a", "ticket 2, a", "ticket 1, b", "ticket 2, b"),
    ]
    one = rows["ticket 2, b"]
    assert (one.baseline, one.sources, one.ticket_round) == ("dense, b", {"ticket": "search, b"}, 2)
    assert one.settings["data_folder"] == "b"
    assert one.settings["diff_augment"] is None  # as --no-diff-augment
    assert one.folder_name == "ticket-2-b"
    assert len(study.compared_rows) == 4
    cells = cells_of(study, Path("out"))
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    assert cells[-1].source(study, "ticket").name == "search-b-seed1"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"sedes": [0]}, "there is no key of a study 'sedes'; did you mean 'seeds'?"),
        ({"seeds": [0, 0]}, "the setting 'seeds' must be a list of 1 to 1000 different whole numbers from 0"),
        ({"seeds": 3}, "the setting 'seeds' must be a list"),
        ({"seeds": [True]}, "the setting 'seeds' must be a list"),
        ({"number_of_images": 2}, "--number-of-images must be a whole number from 6"),
        ({"metrics": ["fdi"]}, "--metrics must be some of fid,kid"),
        ({"metrics": []}, "the setting 'metrics' must be a list of one text or more"),
        ({"metrics": ["diversity"]}, "the first of the metrics must give a score"),
        ({"judges": ["vgg"]}, "--network must be one of auto"),
        ({"permutation": "none"}, "the setting 'permutation' must be independent or paired"),
        ({"baseline": "dens"}, "there is no 'dens'; did you mean 'dense'?"),
        ({"rows": {}}, "a study must have a row"),
        ({"rows": {"dense": 3}}, "row 'dense' must be a table"),
        ({"rows": {"dense": {"stesp": 4}}}, "row 'dense': there is no setting 'stesp'; did you mean 'steps'?"),
        ({"rows": {"dense": {"seed": 4}}}, "row 'dense': seed is not for rows; seeds says it"),
        ({"rows": {"dense": {}, "x": {"shown": 1}}}, "row 'x': the setting 'shown' must be true or false"),
        ({"rows": {"dense": {}, "x": {"preset": "y"}}}, "row 'x': --preset must be one of"),
        ({"rows": {"dense": {}, "Dense": {}}}, "must have names that differ in letters and digits"),
        ({"rows": {"dense": {}, "x": {"width": [8, 16]}}}, "must hold {SETTING} for each"),
        ({"rows": {"dense": {}, "x {wide}": {}}}, "has no value for {wide}"),
        ({"rows": {"dense": {}, "--": {}}}, "must have a letter or a digit"),
        ({"rows": {"x": {"teacher": "row:dense"}, "dense": {}}}, "row 'x': teacher must name a row above it"),
        ({"rows": {"dense": {}, "x": {"ticket": "row:dense"}}}, "its ticket must be of a row with find_ticket"),
        ({"rows": {"dense": {}, "x": {"ticket_round": 1}}}, "ticket_round needs a ticket"),
        # Those that the settings of a training find:
        ({"rows": {"dense": {}, "x": {"steps": "long"}}}, "row 'x': the setting 'steps' must be a whole number"),
        ({"rows": {"dense": {}, "x": {"width": -8}}}, "row 'x': "),
        ({"rows": {"dense": {}, "x": {"resolution": 31}}}, "row 'x': "),
        ({"rows": {"dense": {}, "x": {"data_folder": "nowhere"}}}, "row 'x': "),
        ({"cpu_hours": 1}, "row 'dense': cpu_hours and steps both say how long to train; give one"),
        ({"reference_folder": "nowhere"}, "nowhere"),
    ],
)
def test_what_is_wrong_with_a_study_is_a_line_before_anything_is_trained(
    change, line, photographs, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("images").symlink_to(photographs)
    Path("wrong.toml").write_text(toml(content({"dense": {}}) | change))
    assert main(["study", "wrong.toml"]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not Path("wrong").exists()


@pytest.mark.parametrize("text", ["seeds = [", "a = 1\na = 2", "\udcff"])
def test_what_is_no_toml_is_told(text, tmp_path, capsys):
    file = tmp_path / "x.toml"
    file.write_text(text, errors="surrogateescape")
    assert main(["study", str(file)]) == 2
    assert main(["study", str(tmp_path / "nowhere.toml")]) == 2
    assert capsys.readouterr().err.count("cannot be read as a study") == 2


def test_studies_of_the_repository_can_begin(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("flowers-25", "flowers-100", "flowers-400", "flowers-fresh"):
        Path(name).symlink_to(photographs)
    for file, trainings in (("augmentation", 72), ("losses", 36), ("sparsity", 120 + 12)):
        assert main(["study", str(ROOT / "studies" / f"{file}.toml"), "--dry-run"]) == 0
        told = capsys.readouterr().out
        assert told.count(": begins\n") == trainings
        assert "warning" not in told  # the seeds can tell all of its rows apart
        assert not Path(file).exists()


def test_the_page_of_studies_names_every_key():
    page = (ROOT / "docs" / "studies.md").read_text()
    for name in {**settings_of(StudySettings), **settings_of(RowSettings)}:
        assert f"`{name}`" in page


def test_a_study_without_scipy_is_told(photographs, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    study = make_study(content({"dense": {}}, same={"data_folder": str(photographs)}), "some")
    with pytest.raises(InputError, match="pip install scipy"):
        CarriedOut(study, Path("nowhere")).check(has_gpus=False)


def test_too_few_seeds_are_told_before_the_training():
    paired = make_study(content({"dense": {}, "x": {"width": 16}}, permutation="paired", seeds=[0, 1, 2, 3, 4]), "few")
    assert weakest_p(paired).startswith("5 seeds cannot tell 1 row from a baseline: p is 0.062 at best")
    assert weakest_p(make_study(content({"dense": {}, "x": {}}, seeds=[0, 1, 2, 3, 4]), "enough")) is None


# Processes

STUB = """
import json, pathlib, sys, time
task = json.loads(sys.argv[1])
settings = task["question"]["settings"]
log = pathlib.Path(settings["output_folder"], "order.txt")
with log.open("a") as file:
    print("begin", settings["name"], file=file)
if settings["width"] == 16:
    print("error: numbers are not finite", file=sys.stderr)
    sys.exit(3)
if settings["width"] == 24:  # waits for its end, as a training does
    sys.stdin.read()
    with log.open("a") as file:
        print("ended", settings["name"], file=file)
    sys.exit(143)
value = settings["seed"] + 10.0 * settings.get("batch_size", 2)
numbers = {"step": 3, "scores": {"swd": value, "swd_16": 2 * value, "near_copies": 0.0}, "floors": {"swd": 1.5}}
flops = 2e9 if settings.get("find_ticket") else 1e9
numbers["costs"] = {"minutes": 2.0, "training FLOPs": flops, "live parameters": 100.0 * settings["batch_size"]}
file = pathlib.Path(task["measured_file"])
file.parent.mkdir(exist_ok=True)
file.write_text(json.dumps({"question": task["question"], **numbers}))
"""


@pytest.fixture
def begun(tmp_path, photographs):
    """Carries out a study with a worker that computes its scores from the settings."""
    stub = tmp_path / "stub.py"
    stub.write_text(STUB)

    def begin(study, at_once=2):
        told = []
        folder = tmp_path / study.name
        study_folder = CarriedOut(study, folder, told.append)
        folder.mkdir(exist_ok=True)
        study_folder.carry_out(Workers([sys.executable, "-I", str(stub)], places(1, at_once, [])))
        return study_folder, told

    return begin


def some_study(photographs, **rows):
    same = {"data_folder": str(photographs)}
    return make_study(content({"dense": {}, **rows}, same=same, seeds=[0, 1, 2, 3, 4]), "some")


def test_a_failing_row_is_told_and_the_others_go_on(begun, photographs):
    study = some_study(photographs, failing={"width": 16}, taught={"teacher": "row:failing"}, worse={"batch_size": 4})
    done, told = begun(study)
    assert sorted(done.failures) == sorted(f"{row}-seed{seed}" for row in ("failing", "taught") for seed in range(5))
    assert done.failures["failing-seed3"] == "numbers are not finite"
    assert done.failures["taught-seed3"] == "it needs failing-seed3, which failed"
    assert sum("failed: numbers are not finite; see" in line for line in told) == 5
    results = results_of(done)
    sentences = {one.row.name: sentence(one, results) for one in results.rows}
    assert sentences["failing"] == "failing has no numbers: numbers are not finite."
    assert sentences["dense"] == "dense is a baseline: swd 22 (20.2 to 23.8), 5 seeds."
    assert sentences["worse"] == (
        "worse is worse than dense: swd is higher by 20 (20 to 20), p = 0.0079 after Holm's correction, 5 seeds."
    )
    _, told = begun(study)
    order = (done.folder / "order.txt").read_text().split("\n")
    assert sum("dense" in line for line in order) == 5  # what is done is not begun again
    assert sum("failing" in line for line in order) == 10
    assert told[0] == "10 of 20 trainings are done"
    with pytest.raises(InputError, match="no training of the study has been scored"):
        results_of(CarriedOut(study, done.folder / "elsewhere"))


def test_changed_settings_are_trained_again_and_a_damaged_file_of_numbers_is_told(begun, photographs):
    done, _ = begun(some_study(photographs))
    longer = make_study(content({"dense": {}}, same={"data_folder": str(photographs), "steps": 9}), "some")
    assert [done.measured(cell) is None for cell in done.cells.values()] == [False] * 5
    assert all(CarriedOut(longer, done.folder).measured(cell) is None for cell in cells_of(longer, done.folder))
    file = next(iter(done.cells.values())).measured_file
    for damaged in ("{", "[]", '{"question": 1}', '{"step": 1, "scores": {"swd": "x"}, "floors": {}, "costs": {}}'):
        file.write_text(damaged)
        with pytest.raises(InputError, match=r"damaged|JSON"):
            read_measured(file)


def test_a_study_that_is_ended_ends_its_workers(begun, photographs, tmp_path):
    study = make_study(content({"dense": {"width": 24}}, same={"data_folder": str(photographs)}), "ended")
    script = tmp_path / "study.py"
    script.write_text(
        "import signal, sys\nfrom pathlib import Path\nfrom sle_gan.run import RunFolder\n"
        # Whoever runs the tests in the background has SIGINT ignored, and what they start inherits it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sle_gan.study.carry_out import CarriedOut\n"
        "from sle_gan.study.study_file import read_study\nfrom sle_gan.study.workers import Workers, places\n"
        "study, folder = read_study(Path(sys.argv[1])), Path(sys.argv[2])\n"
        "with RunFolder(folder).locked():\n"
        "    CarriedOut(study, folder).carry_out(Workers(sys.argv[3:], places(1, 2, [])))\n"
    )
    file = tmp_path / "ended.toml"
    file.write_text(toml(content({"dense": {"width": 24}}, same={"data_folder": str(photographs)})))
    folder = tmp_path / study.name
    log = folder / "order.txt"
    words = [sys.executable, str(script), str(file), str(folder), sys.executable, "-I", str(tmp_path / "stub.py")]
    for number in (signal.SIGKILL, signal.SIGINT):
        log.unlink(missing_ok=True)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda: log.exists() and log.read_text().count("begin") == 2, process)
            with pytest.raises(InputError, match="in use by process"), RunFolder(folder).locked():
                pass
            process.send_signal(number)
            process.wait(timeout=60)
        end = time.monotonic() + 20
        while log.read_text().count("ended") < 2:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_places_are_gpus_or_cores(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "count_cores", lambda: 5)
    assert places(2, None, []) == [cpu_threads(2)] * 2
    assert places(8, None, []) == [cpu_threads(8)]
    assert places(1, 3, []) == [cpu_threads(1)] * 3
    assert [one["CUDA_VISIBLE_DEVICES"] for one in places(1, None, ["0", "3"])] == ["0", "3"]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in places(1, 3, ["0", "3"])] == ["0", "3", "0"]
    assert cpu_threads(2)["TF_NUM_INTRAOP_THREADS"] == "2"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert list_gpus() == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert list_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: H100'\necho '  MIG 1'\necho 'GPU 1: H100'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert list_gpus() == ["0", "1"]


def test_cpu_time_gives_all_seeds_of_a_row_the_same_steps(begun, photographs, monkeypatch):
    asked = []
    monkeypatch.setattr(carry_out, "ask_times", lambda settings, *more: asked.append(more) or StepTimes(36.0, 0.1))
    same = {"data_folder": str(photographs)}
    study = content({"dense": {}, "other": {"batch_size": 4}}, same=same, cpu_hours=0.1)
    del study["same"]["steps"]
    study = make_study(study, "hours")
    CarriedOut(study, Path("nowhere")).check(has_gpus=False)
    with pytest.raises(InputError, match="cpu_hours is for trainings on the CPU"):
        CarriedOut(study, Path("nowhere")).check(has_gpus=True)
    done, told = begun(study)
    assert [clock for clock, _ in asked] == ["cpu"] * 2  # each row once
    # 0.95 of 360 s less the 36 s of the start, at 0.1 s a step, of which two digits count.
    assert {
        json.loads(cell.measured_file.read_text())["question"]["settings"]["steps"] for cell in done.cells.values()
    } == {3000}
    assert sum("3,000 steps" in line for line in told) == 2
    begun(study)
    assert len(asked) == 2


# Results


def test_tables_page_and_plot_say_the_numbers(begun, photographs, tmp_path):
    rows = {
        "search": {"find_ticket": True, "shown": False},
        "more <b>": {"batch_size": 4},
    }
    done, _ = begun(some_study(photographs, **rows))
    for cell in done.cells.values():
        cell.run.samples.mkdir(parents=True)
        write_sheet(cell.run.samples / "step-000003.png", cell.seed)
    results = results_of(done)
    head, lines = table_cells(results)
    first, second = (dict(zip(head, line, strict=True)) for line in lines)
    assert first["row"], second["row"] == ("dense", "more <b>")
    assert (second["swd"], second["difference"], second["p"]) == ("42 (40.2 to 43.8)", "20 (20 to 20)", "0.0079")
    assert (first["live parameters"], second["live parameters"]) == ("200", "400")
    assert (second["training FLOPs / baseline"], second["minutes"]) == ("1.00", "2.0")
    files = {file.name: file for file in write_results(done, results)}
    table = list(csv.DictReader(io.StringIO(files["table.csv"].read_text())))
    assert [(row["row"], row["score"]) for row in table[:3]] == [
        ("dense", "swd"),
        ("dense", "swd_16"),
        ("dense", "near_copies"),
    ]
    (of_swd,) = (row for row in table if (row["row"], row["score"]) == ("more <b>", "swd"))
    assert float(of_swd["difference"]) == 20
    assert float(of_swd["corrected p"]) == pytest.approx(2 / 252)
    assert of_swd["needed seeds"] == "4"
    trainings = list(csv.DictReader(io.StringIO(files["trainings.csv"].read_text())))
    assert [float(row["swd"]) for row in trainings] == [20, 21, 22, 23, 24, 40, 41, 42, 43, 44]
    assert {row["step"] for row in trainings} == {"3"}
    page = files["study.html"].read_text()
    assert "more &lt;b&gt; is worse than dense" in page
    assert page.count("<img") == page.count('alt="') == 3  # the plot, and a sheet of each row
    assert "search" not in page
    with Image.open(files["plot.png"]) as plot:
        assert plot.info["Software"] == "SLE-GAN"
    dots = [line.get_xdata() for line in results_plot(results).axes[0].lines if line.get_marker() == "."]
    assert [list(each) for each in dots] == [[20, 21, 22, 23, 24], [40, 41, 42, 43, 44]]
    assert len(results_plot(results).axes) == 2  # the parameters differ, the FLOPs do not
    assert files["table.md"].read_text().startswith("| row | seeds | swd | difference | p | live parameters |")


def test_the_flops_of_what_a_row_needs_are_told_beside_its_own(begun, photographs):
    rows = {"search": {"find_ticket": True, "shown": False}, "taught": {"teacher": "row:search"}}
    rows["again"] = {"teacher": "row:taught"}
    done, _ = begun(some_study(photographs, **rows))
    head, lines = table_cells(results_of(done))
    with_needed = {line[0]: line[head.index("with the rows it needs")] for line in lines}
    assert with_needed == {"dense": "", "taught": "3.00", "again": "4.00"}


def test_rows_that_chance_explains_are_not_told_apart_and_higher_coverage_is_better(begun, photographs):
    done, _ = begun(some_study(photographs, same={"log_frequency": 2}))
    results = results_of(done)
    text = sentence(results.rows[1], results)
    assert text.startswith(
        "same is not told apart from dense by 5 seeds: swd differs by 0 (0 to 0), p = 1 after Holm's"
    )
    assert "more than 1,000 seeds would be needed" in text
    done, _ = begun(some_study(photographs, more={"batch_size": 4}))
    for cell in done.cells.values():
        numbers = json.loads(cell.measured_file.read_text())
        numbers["scores"] = {"coverage_open_nsfw": numbers["scores"]["swd"]}
        cell.measured_file.write_text(json.dumps(numbers))
    results = results_of(done)
    assert sentence(results.rows[1], results).startswith(
        "more is better than dense: coverage_open_nsfw is higher by 20"
    )


# The real thing


@pytest.mark.slow
def test_a_training_is_scored_once_and_its_numbers_are_kept(photographs, tmp_path):
    study = make_study(content({"dense": {}}, same={"data_folder": str(photographs)}), "one")
    done = CarriedOut(study, tmp_path)
    cell = next(iter(done.cells.values()))
    question = done.question(cell)
    assert train_and_measure(question, cell.measured_file) == 0
    measured = done.measured(cell)
    assert measured.step == 3
    assert measured.scores["swd"] > 0
    assert measured.floors["swd"] > 0
    assert {"training FLOPs", "live parameters", "FLOPs of a picture", "minutes"} <= measured.costs.keys()
    rows = cell.run.metrics_file.read_bytes()
    cell.measured_file.unlink()  # as if it had been killed before that was written
    assert train_and_measure(question, cell.measured_file) == 0
    assert cell.run.metrics_file.read_bytes() == rows
    assert done.measured(cell) == measured


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_byte_for_byte(photographs, tmp_path):
    same = {"data_folder": str(photographs), "steps": 400, "checkpoint_frequency": 20}
    rows = {"dense": {}, "plain": {"diff_augment": False}, "broken": {"G_learning_rate": 0.99, "D_learning_rate": 0.99}}
    rows["broken"] |= {"loss": "wasserstein", "gradient_penalty": 1e30}
    file = tmp_path / "killed.toml"
    file.write_text(toml(content(rows, same=same)))
    words = [
        sys.executable,
        "-c",
        "import sys; from sle_gan.cli.main import main; sys.exit(main())",
        "study",
        str(file),
    ]

    def study(folder):
        return [*words, "--output-folder", str(folder), "--at-once", "2"]

    whole = subprocess.run(study(tmp_path / "whole"), check=False, capture_output=True, text=True)
    assert whole.returncode == 3, whole.stderr
    assert "2 of 6 trainings failed" in whole.stderr
    assert "plain is not told apart from dense by 2 seeds" in whole.stdout.replace("\n", " ")
    killed = tmp_path / "killed"
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(study(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            before = {run: RunFolder(killed / run).latest_step() or 0 for run in ("dense-seed0", "plain-seed0")}
            wait_for(
                lambda before=before: all(
                    (RunFolder(killed / run).latest_step() or 0) > step for run, step in before.items()
                ),
                process,
            )
            process.send_signal(number)
        wait_until_free(killed)
    again = subprocess.run(study(killed), check=False, capture_output=True, text=True)
    assert again.returncode == 3, again.stderr
    for run in ("dense-seed0", "plain-seed1"):
        one, other = final_state(RunFolder(tmp_path / "whole" / run)), final_state(RunFolder(killed / run))
        assert one[1] == other[1]
        assert all(np.array_equal(one[0][name], other[0][name]) for name in one[0])
    assert (killed / "table.csv").read_text() == (tmp_path / "whole" / "table.csv").read_text()


def wait_until_free(folder):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            for run in [folder, *folder.glob("*-seed*")]:
                with RunFolder(run).locked():
                    pass
        except InputError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the workers did not end")


# The frontier, which is a study


def test_the_flags_of_the_frontier_stand_in_place_of_its_lists(photographs):
    words = ["--data-folder", str(photographs), "--sparsities", "0.3,0.5", "--ticket-rounds", "2,4", "--seeds", "3"]
    study = frontier.study_of(frontier.parser().parse_args(words), ["--steps", "50", "--resolution", "64"])
    assert [row.name for row in study.rows] == [
        "dense",
        "Re-GAN, sparsity 0.3",
        "Re-GAN, sparsity 0.5",
        "STU-GAN, density 0.2 and 0.3",
        "search",
        "ticket of round 2",
        "ticket of round 4",
        "random masks as round 2",
        "random masks as round 4",
    ]
    rows = {row.name: row for row in study.rows}
    assert rows["search"].settings["ticket_rounds"] == 4
    assert rows["ticket of round 2"].sources == {"ticket": "search"}
    assert rows["dense"].settings == {"data_folder": str(photographs), "steps": 50, "resolution": 64}
    assert study.settings.seeds == (3,)
    assert len(scan(photographs).images) == 6


@pytest.mark.parametrize("words", ["--seeds a", "--seeds -1", "--sparsities 1.5", "--ticket-rounds 0"])
def test_what_is_no_list_of_numbers_is_told(words, capsys):
    with pytest.raises(SystemExit) as end:
        frontier.parser().parse_args(["--data-folder", "x", *words.split()])
    assert end.value.code == 2
    assert "argument --" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(capsys, tmp_path):
    assert frontier.main(["--data-folder", str(tmp_path / "nowhere")]) == 2
    assert "--data-folder must be a folder of images" in capsys.readouterr().err


@pytest.mark.slow
def test_the_frontier_trains_every_method(photographs, tmp_path):
    words = [sys.executable, "-c", "import sys; from sle_gan.cli.main import main; sys.exit(main())", "frontier"]
    words += ["--data-folder", str(photographs), "--output-folder", str(tmp_path), "--seeds", "0"]
    words += ["--ticket-rounds", "1", "--number-of-images", "16", "--"]
    words += ["--resolution", "64", "--width", "8", "--batch-size", "4", "--reconstruction-loss", "l1", "--steps", "8"]
    subprocess.run(words, check=True, capture_output=True, text=True)
    lines = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert list(dict.fromkeys(line["row"] for line in lines)) == [
        "dense",
        "Re-GAN, sparsity 0.3",
        "STU-GAN, density 0.2 and 0.3",
        "ticket of round 1",
        "random masks as round 1",
    ]
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    again = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "6 of 6 trainings are done" in again
