"""Genotypes as plain data: published, in files, in settings. Loads no TensorFlow."""

import json
import math

import pytest

from sle_gan.assembly.resolve import resolve
from sle_gan.errors import InputError
from sle_gan.models.alphagan_space import SPACE

FOUND = SPACE.published["alphagan-l"] | {"skip1to2": "deconv"}


def settings(**given):
    return resolve({"data_folder": "x", **given}, image_count=10)


@pytest.mark.paper("alphaGAN", "Tian et al. 2021, arXiv:2006.09134, code", "a space of 198,359,290,368 generators")
def test_the_space_has_as_many_genotypes_as_the_papers():
    assert math.prod(len(words) for words in SPACE.places.values()) == 198_359_290_368
    assert sum(len(words) for words in SPACE.places.values()) == 81
    assert all(genotype.keys() == SPACE.places.keys() for genotype in SPACE.published.values())


def test_a_genotype_is_kept_in_the_settings_whatever_becomes_of_its_file(tmp_path):
    file = tmp_path / "genotype.json"
    SPACE.write(file, FOUND)
    kept = settings(model="alphagan", genotype=str(file)).network.genotype
    file.unlink()
    assert SPACE.decode(kept) == FOUND
    assert settings(model="alphagan", genotype=kept).network.genotype == kept


def test_a_file_of_a_published_genotype_is_that_genotype(tmp_path):
    SPACE.write(tmp_path / "s.json", SPACE.published["alphagan-s"])
    assert SPACE.resolve(str(tmp_path / "s.json")) == "alphagan-s"
    assert SPACE.resolve(None) == "alphagan-s"
    assert settings(model="alphagan").network.genotype == "alphagan-s"
    assert settings(model="sngan").network.genotype is None


def test_a_genotype_of_a_generator_that_was_not_searched_is_refused():
    with pytest.raises(InputError, match="--genotype needs a network that takes it: alphagan, autogan; got sngan"):
        settings(model="sngan", genotype="alphagan-s")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "is no genotype: it must hold generator and places alone"),
        ('{"generator": "alphagan"}', "is no genotype"),
        ('{"generator": "alphagan", "places": []}', "is no genotype"),
        ('{"generator": "alphagan", "places": {}, "code": "x"}', "is no genotype"),
        ('{"generator": ["x"], "places": {}}', "must be a genotype of alphagan"),
        ('{"generator": "alphagan", "places": {"cell9_up0": "deconv"}}', "there is no place 'cell9_up0'"),
        ('{"generator": "alphagan", "places": {}}', "cell1_up0 must be one of deconv, nearest, bilinear; got None"),
        (
            json.dumps({"generator": "alphagan", "places": dict(FOUND) | {"cell1_up0": ["deconv"]}}),
            "cell1_up0 must be one of",
        ),
    ],
)
def test_what_is_no_genotype_is_refused_in_a_line(tmp_path, content, message):
    file = tmp_path / "genotype.json"
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        SPACE.resolve(str(file))
    if content.startswith("{"):
        with pytest.raises(InputError, match=message):
            SPACE.decode(content)


def test_a_file_that_is_not_there_is_told_with_the_names_that_there_are(tmp_path):
    with pytest.raises(InputError, match=r"must be one of alphagan-s, alphagan-l, or a file .*; got nothing"):
        SPACE.resolve("nothing")
