"""What `benchmarks/flower_counts.py` makes of the factors that its network names."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from sle_gan.data.flowers import PETAL_COLORS, SPECIES, sample_factors

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "flower_counts.py"


@pytest.fixture(scope="module")
def counts():
    spec = importlib.util.spec_from_file_location("flower_counts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_true_shares_are_those_that_flowers_are_drawn_with(counts):
    drawn = [sample_factors(7, index) for index in range(4000)]
    for factor, names in counts.NAMES.items():
        shares = [sum(getattr(one, factor) == name for one in drawn) / len(drawn) for name in names]
        assert counts.true_shares(factor) == pytest.approx(shares, abs=0.02)
    pink = sum(1 / len(one.petal_colors) / 8 for one in SPECIES.values() if "pink" in one.petal_colors)
    assert counts.true_shares("petal_color")[list(PETAL_COLORS).index("pink")] == pytest.approx(pink)


def test_kinds_count_as_drawn_from_a_quarter_of_their_share_on_and_shares_are_of_the_flowers(counts):
    species = np.repeat([0, 1, 2, 3], [50, 40, 4, 3])  # a quarter of an eighth of 100 pictures is 3.1
    named = {
        "species": np.concatenate([species, [4, 4, 4]]),
        "petal_color": np.zeros(100, int),
        "background": np.arange(100) % 6,
        "is_none": np.arange(100) >= 97,
    }
    found = counts.counts_of(named)
    assert found["none"] == pytest.approx(0.03)
    off = (abs(50 / 97 - 1 / 8) + abs(40 / 97 - 1 / 8) + (1 / 8 - 4 / 97) + (1 / 8 - 3 / 97) + 4 / 8) / 2
    assert found["species"] == (3, 8, pytest.approx(off))
    assert found["petal_color"][:2] == (1, 10)
    assert found["background"] == (6, 6, pytest.approx(0.0, abs=0.01))
    assert counts.table_line("x", found).startswith("| x | 3 of 8 | 0.68 | 1 of 10 | ")
    nothing = counts.counts_of(named | {"is_none": np.ones(100, bool)})
    assert nothing["none"] == 1
    assert nothing["species"][0] == 0
    assert np.isnan(nothing["species"][2])


def test_mixtures_are_of_two_species_and_pieces_keep_their_pixels(counts):
    images = np.random.default_rng(0).integers(0, 256, [6, 64, 64, 3], np.uint8)
    labels = {"species": np.array([0, 0, 0, 1, 1, 1])}
    made = counts.mixtures(images, labels, seed=0)
    for image, pieces in zip(images, made["shuffled squares"], strict=True):
        assert np.array_equal(np.sort(image, axis=None), np.sort(pieces, axis=None))
        assert not np.array_equal(image, pieces)
    halves = made["halves of two species"]
    assert 0 < len(halves) < 6  # those of one species are left out
    for half in halves:
        parts = [(half[:32], half[32:]), (half[:, :32], half[:, 32:])]
        whole = [[(image[:32], image[32:]), (image[:, :32], image[:, 32:])] for image in images]
        sources = [
            {
                side: [index for index in range(6) if np.array_equal(whole[index][way][side], parts[way][side])]
                for side in (0, 1)
            }
            for way in (0, 1)
        ]
        assert any(
            one[0] and one[1] and labels["species"][one[0][0]] != labels["species"][one[1][0]] for one in sources
        )
