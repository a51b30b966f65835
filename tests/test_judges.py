"""A network of a training's own loss is no judge of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.evaluation.judges import FLATTERING, JUDGES, describe_network, is_party, judge_of
from sle_gan.models import DISCRIMINATORS
from sle_gan.pretrained import NETWORKS


def settings(**given):
    return resolve({"data_folder": "x", **given})


@pytest.mark.parametrize(
    ("given", "judge"),
    [
        ({}, "open-nsfw"),
        ({"reconstruction_loss": "l1"}, "efficientnet-lite0"),
        ({"model": "sngan", "resolution": 64}, "efficientnet-lite0"),
        ({"model": "stylegan2"}, "efficientnet-lite0"),
        ({"model": "biggan", "resolution": 64}, "efficientnet-lite0"),
        ({"model": "sngan", "discriminator": "fastgan", "resolution": 64}, "open-nsfw"),
        ({"discriminator": "sngan", "resolution": 64}, "efficientnet-lite0"),
        ({"discriminator": "projected"}, "open-nsfw"),
        ({"model": "sngan", "discriminator": "projected", "resolution": 64}, "open-nsfw"),
        ({"discriminator": "both", "reconstruction_loss": "l1"}, "open-nsfw"),
        ({"kid_network": "auto"}, "open-nsfw"),
    ],
)
def test_the_judge_is_the_first_network_that_is_no_part_of_the_loss(given, judge):
    of_run = settings(**given)
    assert judge_of(of_run) == judge
    assert of_run.scores.kid_network == judge
    assert not is_party(judge, of_run)


def test_the_network_of_fastgans_loss_is_a_party_and_may_be_asked_for():
    of_run = settings(kid_network="efficientnet-lite0")
    assert of_run.scores.kid_network == "efficientnet-lite0"
    assert [name for name in NETWORKS if is_party(name, of_run)] == ["efficientnet-lite0"]
    assert describe_network("efficientnet-lite0", of_run) == f"efficientnet-lite0 ({FLATTERING})"
    assert describe_network("open-nsfw", of_run) == "open-nsfw"


def test_every_judge_has_maps_that_copies_and_diversity_are_judged_by():
    for name in JUDGES:
        row = NETWORKS[name]
        maps = row.maps((row.copy_map, *row.distance_maps)).output_shape
        assert all(shape[:3] == (None, None, None) for shape in maps)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_table_says_which_discriminators_have_decoders(name):
    row = DISCRIMINATORS[name]
    graph = row.module().training_graph(row.build(64, 3, 8, seed=0))
    assert (graph.decoders is not None) == row.has_decoders


def test_auto_is_what_is_taken_where_nothing_is_given():
    for loss in ("perceptual", "l1"):
        given = {"data_folder": "x", "reconstruction_loss": loss}
        assert resolve(given | {"kid_network": "auto"}) == resolve(given)
    with pytest.raises(InputError, match="'kid_network' must be efficientnet-lite0 or open-nsfw; got 'vgg'"):
        resolve({"data_folder": "x", "kid_network": "vgg"})


def test_judges_are_told_without_tensorflow():
    code = "import sys, sle_gan.evaluation.judges; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True, timeout=60)
