"""The commands in docs/papers.md are ones that this program takes."""

import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sle_gan.assembly.plan import plan_training
from sle_gan.cli.main import main
from sle_gan.cli.train_flags import parse
from sle_gan.settings.presets import PRESETS

PAGE = Path(__file__).parents[1] / "docs" / "papers.md"
CLASSES, EACH = 2, 30


def rows():
    """The images and the flags of each row."""
    images = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if named := re.match("Images: `([^`]+)`", line):
            images = named[1]
        elif flags := re.match(r"\| [^|]* \| `(--[^`]+)` \|", line):
            yield images, flags[1]


ROWS = list(rows())


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Folders of a few pictures in the place of the data sets, of as many classes as a sub-folder each."""
    there = tmp_path_factory.mktemp("sets")
    for name in {images for images, _ in ROWS}:
        side = 32 if "cifar" in name else 64
        for label, number in itertools.product(range(CLASSES), range(EACH)):
            path = there / name / f"class-{label}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full([side, side, 3], 2 * number + label, np.uint8)).save(path)
    return lambda images: there / images


def words(folder, flags, output):
    return ["--data-folder", str(folder), "--output-folder", str(output), *shlex.split(flags)]


@pytest.mark.parametrize(("images", "flags"), ROWS, ids=[flags for _, flags in ROWS])
def test_a_row_is_a_training(folder_of, tmp_path, images, flags):
    given = parse(words(folder_of(images), flags, tmp_path))
    assert given.command.preset is None or given.command.preset in PRESETS
    if "--ticket " in flags:  # which another row finds
        return
    plan = plan_training(given.settings, given.command)
    assert plan.settings.optimization.steps > 0


def test_every_preset_is_in_a_row():
    named = {word for _, flags in ROWS for word in shlex.split(flags)}
    assert PRESETS.keys() - named == {
        "biggan-cifar10-diffaugment",  # Zhao et al., whose table is not among these
        "stylegan2-ada-256",
        "diggan-biggan-cifar10-10pct",
    }


@pytest.mark.slow
@pytest.mark.parametrize(("images", "flags"), ROWS, ids=[flags for _, flags in ROWS])
def test_a_dry_run_of_a_row_tells_its_networks(folder_of, tmp_path, capsys, images, flags):
    if "--ticket " in flags:
        pytest.skip("begins with a ticket")
    assert main(["train", *words(folder_of(images), flags, tmp_path), "--dry-run"]) == 0
    assert "trainable parameters" in capsys.readouterr().out
