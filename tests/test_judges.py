"""A network of a training's own loss is no judge of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from sle_gan.cli.train_flags import parser, resolve
from sle_gan.evaluation import NETWORKS
from sle_gan.evaluation.judges import FLATTERING, JUDGES, described, is_party, judge_of

WORDS = ["--data-folder", "x"]


def settings(*words):
    return resolve(parser().parse_args([*WORDS, *words]))


@pytest.mark.parametrize(
    ("words", "judge"),
    [
        ((), "open-nsfw"),
        (("--reconstruction-loss", "l1"), "efficientnet-lite0"),
        (("--model", "sngan", "--resolution", "64"), "efficientnet-lite0"),
        (("--model", "stylegan2"), "efficientnet-lite0"),
        (("--model", "biggan", "--resolution", "64"), "efficientnet-lite0"),
    ],
)
def test_the_judge_is_the_first_network_that_is_no_part_of_the_loss(words, judge):
    of_run = settings(*words)
    assert judge_of(of_run) == judge
    assert of_run["kid_network"] == judge
    assert not is_party(judge, of_run)


def test_the_network_of_fastgans_loss_is_a_party_and_may_be_asked_for():
    of_run = settings("--kid-network", "efficientnet-lite0")
    assert of_run["kid_network"] == "efficientnet-lite0"
    assert [name for name in NETWORKS if is_party(name, of_run)] == ["efficientnet-lite0"]
    assert described("efficientnet-lite0", of_run) == f"efficientnet-lite0 ({FLATTERING})"
    assert described("open-nsfw", of_run) == "open-nsfw"


def test_every_judge_has_maps_that_copies_and_diversity_are_judged_by():
    for name in JUDGES:
        row = NETWORKS[name]
        maps = row.maps((row.copy_map, *row.distance_maps)).output_shape
        assert all(shape[:3] == (None, None, None) for shape in maps)


def test_judges_are_told_without_tensorflow():
    code = "import sys, sle_gan.evaluation.judges; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True, timeout=60)
