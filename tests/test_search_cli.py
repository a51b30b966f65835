"""`sle-gan search` as people run it."""

import subprocess
import sys

import pytest
from processes import assert_same_end, wait_for

from sle_gan.assembly.resolve import resolve
from sle_gan.cli.main import main
from sle_gan.cli.search import parse
from sle_gan.models.alphagan_space import SPACE
from sle_gan.run import RunFolder
from sle_gan.run_config import RunConfig
from sle_gan.settings.words import as_command

SHORT = "--resolution 32 --width 8 --batch-size 2 --rounds 2 --inner-steps 3 --best-response-steps 2"
OFTEN = "--architecture-steps 2 --checkpoint-frequency 1 --sample-frequency 9 --name run"


def words_of(photographs, output, *more):
    return ["search", str(photographs), "--output-folder", str(output), *SHORT.split(), *OFTEN.split(), *more]


def script(*words):
    return [sys.executable, "-c", "import sys; from sle_gan.cli.main import main; sys.exit(main())", *words]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--resolution", "128"], "--resolution must be one of (32, 48, 64) for the generator of alphagan-supernet"),
        (["--width", "12"], "--width must be a positive multiple of 8"),
        (["--batch-size", "auto"], "--batch-size auto tries steps that train two networks; give a search a number"),
    ],
)
def test_what_cannot_be_searched_is_told_in_a_line(photographs, tmp_path, capsys, more, message):
    assert main(words_of(photographs, tmp_path, *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_flags_that_a_search_settles_are_none_of_its_own(photographs, tmp_path, capsys):
    for flag in ("--steps", "--genotype", "--n-critic", "--reconfigure", "--teacher"):
        with pytest.raises(SystemExit, match="2"):
            main(words_of(photographs, tmp_path, flag, "5"))
    assert "unrecognized arguments: --teacher 5" in capsys.readouterr().err


def test_a_search_that_a_program_asks_for_is_kept_as_a_command_that_goes_on_with_it():
    given = {"data_folder": "flowers", "variant": "l", "rounds": 3, "flip": False}
    words = as_command(given)
    assert words == ["sle-gan", "search", "flowers", "--variant", "l", "--rounds", "3", "--no-flip"]
    assert parse(words[2:]).settings == given
    assert as_command({"data_folder": "x", "steps": 3}) == ["train.py", "--data-folder", "x", "--steps", "3"]


def test_a_search_goes_on_and_further_with_its_own_program():
    settings = resolve({"data_folder": "x", "variant": "s", "resolution": 32, "rounds": 3})
    config = RunConfig(settings, {}, as_command({"data_folder": "x", "variant": "s", "resolution": 32, "rounds": 3}))
    command = "sle-gan search x --variant s --resolution 32"
    assert config.way_on("run", 5) == f"it goes on with: {command} --rounds 3 --name run"
    assert config.way_on("run", 3 * 86) == f"it goes further with: {command} --name run --rounds 6"


@pytest.mark.slow
def test_a_search_that_was_killed_in_each_part_ends_as_one_that_was_left_alone(photographs, tmp_path):
    alone, broken = (words_of(photographs, tmp_path / name) for name in ("alone", "broken"))
    run, expected_run = RunFolder(tmp_path / "broken" / "run"), RunFolder(tmp_path / "alone" / "run")
    for step in (2, 4, 6, 8, 10):  # the weights, both best responses, the architecture, the next round
        with subprocess.Popen(script(*broken), stdout=subprocess.DEVNULL) as process:
            wait_for(lambda step=step: (run.latest_step() or 0) >= step, process, seconds=300)
            process.kill()
        assert step <= run.latest_step() < 18
    for words in (broken, alone):
        subprocess.run(script(*words), stdout=subprocess.DEVNULL, check=True)
    arrays, _ = assert_same_end(run, expected_run)
    assert sum("architecture" in name for name in arrays) > 18
    for name in ("architecture_file", "genotype_file", "cells_drawing"):
        assert getattr(run, name).read_bytes() == getattr(expected_run, name).read_bytes()
    found = SPACE.decode(
        resolve({"data_folder": "x", "model": "alphagan", "genotype": str(run.genotype_file)}).network.genotype
    )
    assert found == SPACE.read(run.genotype_file)
