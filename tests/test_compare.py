import csv
import html
import io
import json
import re
import statistics
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from run_files import losses, scores, write_run_files

from sle_gan.cli.main import main
from sle_gan.report.comparison import Mean, compare, quality_plot, text_cells, to_csv, to_html
from sle_gan.report.record import read_record

KID = "kid_efficientnet_lite0"
KIND = "clean, 63 reals, 500 fakes, 64 px, mirrored, flattering"
NSFW = {"network": "open-nsfw", "weights_sha256": "fb29", "party": False}


def kid(step, value, **more):
    return scores(step, scores={KID: {"value": value, "spread": 3.0, "floor": 1.0}}, **more)


def sparse(step, live, flops):
    return losses(step, live_parameters=live, training_flops=flops, training_flops_share=0.5)


@pytest.fixture
def record(tmp_path):
    """Makes records of runs by name, settings and rows."""

    def make(name, rows=(), networks=None, images=("a.png", "b.png"), sheets=(), **settings):
        run = write_run_files(tmp_path / name, settings=settings, rows=rows, images=images, sheets=sheets)
        if networks:
            run.networks_file.write_text(json.dumps(networks))
        return read_record(run)

    return make


def test_runs_of_other_seeds_become_mean_and_spread(record):
    values = [40.0, 46.0, 49.0]
    runs = [record(f"run{seed}", [kid(500, value)], seed=seed) for seed, value in enumerate(values)]
    comparison = compare([*runs, record("other", [kid(500, 30.0)], width=16)])
    assert [row.names for row in comparison.rows] == [["run0", "run1", "run2"], ["other"]]
    (column,) = comparison.columns
    mean = comparison.rows[0].scores[column]
    assert mean.value == pytest.approx(45.0)
    assert mean.spread == pytest.approx(statistics.stdev(values))
    assert mean.count == 3
    assert comparison.rows[1].scores[column] == Mean(30.0, None, 1)
    assert str(mean) == "45 ± 4.58"


def test_what_tells_rows_apart_is_told_and_what_does_not_change_training_is_not(record):
    one = record("a", width=8, log_frequency=10, kid=True, data_folder="/x/flowers")
    same = record("b", width=8, log_frequency=50, kid=False, data_folder="/x/flowers", seed=4)
    wide = record("c", width=16, data_folder="/x/flowers")
    longer = record("d", width=8, data_folder="/x/flowers", steps=2000)
    comparison = compare([one, same, wide, longer])
    assert [row.names for row in comparison.rows] == [["a", "b"], ["c"], ["d"]]
    assert [row.differs for row in comparison.rows] == [
        "steps 1000, width 8",
        "steps 1000, width 16",
        "steps 2000, width 8",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "legacy"},
        {"reals": 62},
        {"fakes": 5000},
        {"resolution": 128},
        {"mirrored": False},
        {"split": "test"},
        {"network": "inception"},
        {"weights_sha256": "ff00"},
    ],
)
def test_scores_that_were_measured_otherwise_stand_in_columns_of_their_own(record, change):
    comparison = compare([record("a", [kid(500, 40.0)]), record("b", [kid(500, 50.0, **change)], width=16)])
    assert len(set(comparison.columns)) == 2
    assert [list(row.scores) for row in comparison.rows] == [[column] for column in comparison.columns]


def test_scores_against_other_images_stand_in_columns_of_their_own(record):
    a = record("a", [kid(500, 40.0)], data_folder="/x/flowers")
    b = record("b", [kid(500, 50.0)], data_folder="/x/faces", images=("a.png", "b.png", "c.png"))
    moved = record("c", [kid(500, 60.0)], data_folder="/y/flowers")
    comparison = compare([a, b, moved])
    assert comparison.columns == [
        f"{KID} ({KIND}, efficientnet-lite0 ab12, images of flowers)",
        f"{KID} ({KIND}, efficientnet-lite0 ab12, images of faces)",
    ]
    assert comparison.headings == [f"{KID} (images of flowers)", f"{KID} (images of faces)"]
    assert [next(iter(row.scores.values())).value for row in comparison.rows] == [40.0, 50.0, 60.0]
    assert list(comparison.rows[2].scores) == [comparison.columns[0]]


def test_other_images_in_folders_of_the_same_name_are_counted(record):
    runs = [
        record(
            name, [kid(500, 40.0)], data_folder=f"/{name}/flowers", images=("a.png", "b.png")[:count], width=8 * count
        )
        for name, count in (("x", 1), ("y", 2))
    ]
    assert compare(runs).headings == [KID, f"{KID} ([2])"]


def test_what_all_scores_have_in_common_stands_once_above_them(record):
    patches = {"swd_64": {"value": 33.0, "spread": None, "floor": 5.0}}
    runs = [record("a", [kid(500, 40.0, diversity={"ratio": 0.8}), scores(500, scores=patches)])]
    comparison = compare([*runs, record("b", [scores(500, scores=patches)], width=16)])
    assert comparison.conditions == "63 reals, 500 fakes, 64 px, mirrored"
    assert comparison.headings == [f"{KID} (clean, flattering)", "diversity ratio", "swd_64"]
    assert "Scores: 63 reals, 500 fakes, 64 px, mirrored." in to_html(comparison).decode()
    fewer = compare([*runs, record("c", [scores(500, scores=patches, fakes=100)], width=24)])
    assert fewer.conditions == "63 reals, 64 px, mirrored"
    assert fewer.headings[2:] == ["swd_64 (500 fakes)", "swd_64 (100 fakes)"]
    assert compare([record("d")]).conditions == ""


WORDS = ["kid", "fid", "precision", "recall", "density", "coverage", "inception_score"]
MANY = {f"{word}_open_nsfw": {"value": 701.0 + index} for index, word in enumerate(WORDS)}
OTHERS = {
    "model": "stylegan2",
    "batch_size": 32,
    "loss": "hinge",
    "r1_gamma": 2.5,
    "flip": False,
    "init_from": "/a" * 90,
}


@pytest.mark.parametrize("columns", [30, 80, 120, 400])
@pytest.mark.parametrize(
    ("names", "others"),
    [
        (["one"], {}),
        (["one", "two"], {"width": 16}),
        (["00000-fastgan-flowers", "00001-stylegan2-flowers"], OTHERS),
        (["n" * 150, "[red]name", "一二三四五六七八九十" * 6], OTHERS),
        ([f"run-{index}" for index in range(12)], {"batch_size": 32}),
    ],
)
def test_every_line_fits_the_terminal_and_holds_whole_numbers(
    record, tmp_path, monkeypatch, capsys, columns, names, others
):
    for index, name in enumerate(names):
        changed = {**others, "steps": 1000 + index} if index else {}
        record(name, [kid(500, 40.0), scores(500, scores=MANY, **NSFW)], **changed)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["compare", *names, "--output-folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert max(map(cell_len, told.splitlines())) <= columns
    numbers = [str(701 + index) for index in range(len(WORDS))]
    assert {number: told.count(number) for number in numbers} == dict.fromkeys(numbers, len(names))
    joined = "".join(character for character in told if character.isalnum())
    assert all("".join(filter(str.isalnum, name)) in joined for name in names)
    assert " ".join(told.split()).count("500 fakes") == 1


def test_the_newest_score_counts_and_the_costs_are_those_of_its_step(record):
    rows = [*sparse(500, 1000, 5e9), kid(500, 50.0), *sparse(1000, 800, 9e9), kid(1000, 40.0), *sparse(1500, 600, 12e9)]
    (row,) = compare([record("a", rows)]).rows
    assert [mean.value for mean in row.scores.values()] == [40.0]
    assert {name: mean.value for name, mean in row.costs.items()} == {
        "step": 1000,
        "live parameters": 800,
        "training FLOPs": 9e9,
    }


def test_a_dense_run_has_the_costs_of_its_networks(record):
    networks = {"generator": {"parameters": 1234}, "training_flops_per_step": 1e6}
    (row,) = compare([record("a", losses(50, 100), networks)]).rows
    assert {name: mean.value for name, mean in row.costs.items()} == {
        "step": 100,
        "live parameters": 1234,
        "training FLOPs": 1e8,
    }


def test_diversity_and_copies_are_compared_whatever_the_network(record):
    more = {"diversity": {"ratio": 0.8}, "memorization": {"near_copies": 0.25}}
    rows = [kid(500, 40.0, **more), kid(500, 3.0, network="inception", weights_sha256="67", mode="legacy", **more)]
    (row,) = compare([record("a", rows)]).rows
    alike = "63 reals, 500 fakes, 64 px, mirrored"
    assert row.scores[f"diversity ratio ({alike})"].value == 0.8
    assert row.scores[f"near copies ({alike})"].value == 0.25
    assert len(row.scores) == 4


def test_scores_of_the_loss_own_network_are_flattering_and_those_of_the_judge_stand_beside(record, tmp_path, capsys):
    judged = scores(500, scores={"kid_open_nsfw": {"value": 90.0}}, **NSFW)
    both = record("both", [kid(500, 40.0), judged])
    plain = record("plain", [kid(500, 60.0)], reconstruction_loss="l1")
    comparison = compare([both, plain])
    alike = "clean, 63 reals, 500 fakes, 64 px, mirrored"
    assert [{name: mean.value for name, mean in row.scores.items()} for row in comparison.rows] == [
        {f"{KID} ({alike}, flattering)": 40.0, f"kid_open_nsfw ({alike})": 90.0},
        {f"{KID} ({alike})": 60.0},
    ]
    assert comparison.has_flattering
    assert not compare([plain]).has_flattering
    told = "this network is part of the training's loss"
    assert told in html.unescape(to_html(comparison).decode())
    assert told not in html.unescape(to_html(compare([plain])).decode())
    assert main(["compare", "both", "plain", "--output-folder", str(tmp_path)]) == 0
    assert f"flattering: {told}\n" in capsys.readouterr().out
    assert comparison.headings == [f"{KID} (flattering)", "kid_open_nsfw", KID]


def test_distances_of_patches_have_one_column_whatever_the_network(record):
    value = {"swd_64": {"value": 33.0, "spread": None, "floor": 5.0}}
    one = record("a", [scores(500, scores=value)])
    other = record("b", [scores(500, scores=value, mode="legacy", **NSFW)], width=16)
    comparison = compare([one, other])
    assert comparison.columns == ["swd_64 (63 reals, 500 fakes, 64 px, mirrored)"]


def test_copies_found_by_another_network_stand_in_a_column_of_their_own(record):
    rows = [
        kid(500, 40.0, memorization={"near_copies": 0.25}),  # as they were when no network was named
        kid(1000, 40.0, memorization={"near_copies": 0.5, "network": "open-nsfw"}),
    ]
    (row,) = compare([record("a", rows)]).rows
    alike = "near copies (63 reals, 500 fakes, 64 px, mirrored"
    assert row.scores[f"{alike}, efficientnet-lite0, images of flowers)"].value == 0.25
    assert row.scores[f"{alike}, open-nsfw, images of flowers)"].value == 0.5


def test_the_csv_holds_every_number_by_itself(record):
    runs = [record(f"run{seed}", [kid(500, value)], seed=seed) for seed, value in enumerate([40.0, 50.0])]
    (line,) = csv.DictReader(io.StringIO(to_csv(compare(runs))))
    column = f"{KID} ({KIND})"
    assert line["runs"] == "run0; run1"
    assert float(line[column]) == 45
    assert float(line[f"{column} spread"]) == pytest.approx(50**0.5)
    assert (line[f"{column} runs"], line["step"], line["live parameters"]) == ("2", "500.0", "")


def test_the_page_shows_the_table_and_the_plot_and_names_stay_text(record):
    attack = "<script>alert(1)</script>"
    rows = [*sparse(500, 1000, 5e9), kid(500, 40.0)]
    page = to_html(compare([record("a", rows, init_from=attack), record("b", rows)])).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count('<img src="data:image/webp;base64,') == 1
    assert page.count('<source srcset="data:image/webp;base64,') == 1  # the plot on a dark page
    assert 'alt="Scores against live parameters' in page
    assert to_html(compare([record("c")])).count(b"<img") == 0
    drawn = to_html(compare([record("d", sheets=(0, 500)), record("e", sheets=[250], width=16)])).decode()
    assert re.findall(r'alt="(.*?)"', drawn) == ["Samples of d", "Samples of e"]
    assert re.findall(r"<figcaption>(.*?)</", drawn) == ["d, step 500", "e, step 250"]


def test_the_plot_shows_a_point_for_each_row_in_its_color(record):
    few = [record("a $x^2$", [*sparse(500, 1000, 5e9), kid(500, 40.0)])]
    more = [*few, record("b", [*sparse(500, 100, 5e8), kid(500, 60.0)], width=16)]
    pictures = [
        np.asarray(Image.open(io.BytesIO(quality_plot(compare(records)))).convert("RGB")) for records in (few, more)
    ]
    blue, orange = [31, 119, 180], [255, 127, 14]  # Matplotlib's first two colors
    counts = [[int((picture == color).all(axis=-1).sum()) for color in (blue, orange)] for picture in pictures]
    assert counts[0][0] > 50
    assert counts[0][1] == 0
    assert min(counts[1]) > 50
    assert quality_plot(compare([record("c", losses(50))])) is None


def test_the_table_leaves_out_what_no_run_has(record):
    head, lines = text_cells(compare([record("a", losses(50))]))
    assert (head, lines) == (["run", "step"], [["a", "50"]])


def test_the_command_prints_and_writes_without_tensorflow(record, tmp_path):
    record("[red]one", [*sparse(500, 1000, 5e9), kid(500, 40.0)])
    record("two", [kid(500, 50.0)], width=16)
    code = (
        "import sys; from sle_gan.cli.main import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    outputs = [tmp_path / "out" / name for name in ("table.csv", "page.html", "plot.png")]
    flags = [word for flag, path in zip(("--csv", "--html", "--plot"), outputs, strict=True) for word in (flag, path)]
    words = ["compare", "[red]one", "two", "--output-folder", tmp_path, *flags]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "[red]one" in done.stdout
    assert done.stdout.startswith(f"scores: {KIND}\n")
    assert f"{KID} " in done.stdout
    assert all(path.stat().st_size > 100 for path in outputs)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in outputs)


def test_what_cannot_be_compared_is_one_line(record, tmp_path, capsys):
    record("a", losses(50))
    output = ["--output-folder", str(tmp_path)]
    assert main(["compare", "a", str(tmp_path / "a"), *output]) == 2
    assert capsys.readouterr().err == "error: each run must be given once\n"
    assert main(["compare", "a", "none", *output]) == 2
    assert "no run 'none'" in capsys.readouterr().err
    assert main(["compare", "a", "--plot", str(tmp_path / "plot.png"), *output]) == 2
    assert "no run has scores" in capsys.readouterr().err
