"""What `benchmarks/equality.py` says of two records of trainings."""

import importlib.util
import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "equality.py"


@pytest.fixture(scope="module")
def equality():
    spec = importlib.util.spec_from_file_location("equality", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def record_of(equality, tmp_path):
    """Writes what a training leaves, and returns the record that is made of it."""

    def record(weight, loss, case="sngan"):
        for network in ("generator", "discriminator"):
            with h5py.File(tmp_path / f"{network}_weights.h5", "w") as file:
                file["dense/kernel:0"] = np.asarray([1.0, weight if network == "generator" else 2.0], np.float32)
        (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1, "loss": loss}) + "\n")
        arrays, rows = equality.read_run(tmp_path)
        assert sorted(arrays) == ["discriminator/dense/kernel:0", "generator/dense/kernel:0"]
        named = {f"{case}/{name}": array for name, array in arrays.items()}
        return {"cases": {case: equality.summarize(arrays, rows)}}, named

    return record


def test_equal_trainings_are_told_as_equal_bit_for_bit(equality, record_of, capsys):
    assert equality.print_table(record_of(0.5, math.nan), record_of(0.5, math.nan)) == 0
    assert "| sngan | equal | equal | equal | yes |" in capsys.readouterr().out


def test_a_difference_is_told_with_its_size_and_whether_it_is_within_the_tolerance(equality, record_of, capsys):
    first = record_of(0.5, 40.0)
    assert equality.print_table(first, record_of(0.5 + 2**-20, 40.0)) == 0
    assert "| sngan | 9.5e-07 | equal | equal | yes |" in capsys.readouterr().out
    assert equality.print_table(first, record_of(0.75, 41.0)) == 1
    assert "| sngan | 2.5e-01 | equal | 2.5e-02 | NO |" in capsys.readouterr().out


def test_a_weight_of_another_name_or_shape_is_no_small_difference(equality):
    one = {"kernel": np.ones([2])}
    assert equality.largest_difference(one, {"bias": np.ones([2])}) == math.inf
    assert equality.largest_difference(one, {"kernel": np.ones([1, 2])}) == math.inf
    assert equality.largest_difference(one, {"kernel": np.asarray([1.0, 1.5])}) == 0.5


def test_a_weight_that_is_no_number_is_no_small_difference(equality, record_of, capsys):
    assert equality.print_table(record_of(0.5, 1.0), record_of(math.nan, 1.0)) == 1
    assert "| NO |" in capsys.readouterr().out


def test_rows_that_differ_by_more_than_numbers_do_not_agree(equality):
    assert equality.largest_change([{"step": 1, "loss": 2.0}], [{"step": 1, "loss": 2.5}]) == 0.25
    assert equality.largest_change([{"step": 1}], [{"step": 1}, {"step": 2}]) == math.inf
    assert equality.largest_change([{"step": 1, "loss": 2.0}], [{"step": 1, "other": 2.0}]) == math.inf
    assert equality.largest_change([{"verdict": "ends"}], [{"verdict": "goes on"}]) == math.inf


def test_a_case_that_one_record_lacks_is_told(equality, record_of, capsys):
    assert equality.print_table(record_of(0.5, 1.0), record_of(0.5, 1.0, "biggan")) == 1
    told = capsys.readouterr().out
    assert "sngan is in one of the records alone" in told
    assert "biggan is in one of the records alone" in told


def test_a_record_is_read_as_it_was_written(equality, record_of, tmp_path):
    record, arrays = record_of(0.5, 1.0)
    equality.save_record(tmp_path / "one.json", record, arrays)
    read, read_arrays = equality.read_record(tmp_path / "one.json")
    assert read == record
    assert {name: array.tolist() for name, array in read_arrays.items()} == {
        "sngan/generator/dense/kernel:0": [1.0, 0.5],
        "sngan/discriminator/dense/kernel:0": [1.0, 2.0],
    }


def test_its_pictures_are_read_as_they_were_drawn(equality, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, [3, 5, 3], dtype=np.uint8)
    (tmp_path / "noise.png").write_bytes(equality.png_bytes(pixels))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "noise.png")), pixels)
    equality.draw_images(tmp_path / "images")
    assert len(list((tmp_path / "images").glob("class-?/*.png"))) == 15


def test_each_case_that_needs_another_run_comes_after_it(equality):
    names = list(equality.CASES)
    for case, needed in equality.NEEDED_FIRST.items():
        assert names.index(needed) < names.index(case)
