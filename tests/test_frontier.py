import json
import subprocess
import sys

import pytest
from sle_gan.report.frontier import Trained, frontier_cells, frontier_plot, to_markdown

from sle_gan.cli import frontier


def two_methods():
    return [
        Trained("dense", 0, 10.0, 1.0, 1000, 1.0, 0.0, 2e6, 4_000_000),
        Trained("dense", 1, 14.0, 1.0, 1000, 1.0, 0.0, 2e6, 4_200_000),
        Trained("ticket, 51% live", 0, 13.0, 1.0, 520, 0.6, 2.4, 1e6, 2_000_000),
    ]


def test_the_table_tells_means_over_seeds_and_what_the_search_cost():
    head, rule, dense, ticket = to_markdown(*frontier_cells(two_methods(), "KID")).splitlines()
    assert head.startswith("| method | seeds | KID | live parameters | training FLOPs / dense |")
    assert set(rule) == set("| -")
    assert dense == "| dense | 2 | 12.0 (10.0 to 14.0) | 1,000 | 1.00 |  | 2 | 4.10 |"
    assert ticket == "| ticket, 51% live | 1 | 13.0 (13.0 to 13.0) | 520 | 0.60 | 3.00 | 1 | 2.00 |"


def test_the_plot_has_a_point_for_each_training():
    figure = frontier_plot(two_methods(), "KID")
    points = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in figure.axes[0].lines[:2]}
    assert points == {"dense": [(1000, 10.0), (1000, 14.0)], "ticket, 51% live": [(520, 13.0)]}


def test_a_search_comes_before_what_needs_its_ticket_and_random_masks_take_its_densities():
    words = ["--data-folder", "x", "--sparsities", "0.3,0.5", "--ticket-rounds", "2,4"]
    points = frontier.points(frontier.parser().parse_args(words))
    names = [point.name for point in points]
    assert names == [
        "dense", "regan-0.3", "regan-0.5", "stu-0.2", "search-4", "ticket-2", "random-2", "ticket-4", "random-4"
    ]  # fmt: skip
    assert {point.search for point in points if point.name.startswith(("ticket", "random"))} == {"search-4"}
    assert points[-1].method == "random masks, 41% live"


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
def test_the_frontier_goes_on_where_it_was_stopped(photographs, tmp_path):
    words = [sys.executable, "-c", "import sys; from sle_gan.cli.main import main; sys.exit(main())", "frontier"]
    words += ["--data-folder", str(photographs), "--output-folder", str(tmp_path), "--seeds", "0"]
    words += ["--ticket-rounds", "1", "--number-of-images", "16", "--"]
    words += ["--resolution", "64", "--width", "8", "--batch-size", "4", "--reconstruction-loss", "l1", "--steps", "8"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("$ sle-gan train") and "stu-0.2" in line:
                process.kill()
    first = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert first.count("nothing to do: the run is at step 8 of 8") >= 2
    table = (tmp_path / "frontier.md").read_text()
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [
        "dense",
        "Re-GAN, 30% pruned in turn",
        "STU-GAN, 20% and 30% live",
        "ticket, 80% live",
        "random masks, 80% live",
    ]
    again = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert again.count("nothing to do") == 6
    assert all(method in again for method in ("Re-GAN, 30% pruned in turn", "ticket, 80% live"))
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
    for run in tmp_path.glob("*-seed0/metrics.jsonl"):
        scores = [row for row in map(json.loads, run.read_text().splitlines()) if row.get("event") == "scores"]
        assert len(scores) == (0 if "search" in str(run) else 1)
