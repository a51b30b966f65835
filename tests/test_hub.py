"""Generators that are shared without their runs: folders of exported weights, and the Hub, a server of this machine."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from hub_server import served
from PIL import Image
from tiny_runs import write_run

import sle_gan
from sle_gan.array_files import read_arrays, write_arrays
from sle_gan.cli.generate import main
from sle_gan.data.manifest import MANIFEST_SCHEMA
from sle_gan.data.pictures import image_sheet
from sle_gan.errors import InputError
from sle_gan.json_files import write_json

FILES = ["README.md", "generator.json", "generator.safetensors", "samples.png", "scores.json"]
SCORE = {"value": 12.5, "spread": 0.25, "floor": 0.5}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a score of its step, one of another step, and one against images elsewhere; paths in its settings."""
    folder, _ = write_run(tmp_path_factory.mktemp("home") / "my_*flowers*", steps=(8,))
    config = folder.config()
    home = str(folder.path.parent)
    settings = dataclasses.replace(
        config.settings,
        images=dataclasses.replace(config.settings.images, data_folder=home),
        transfer=dataclasses.replace(config.settings.transfer, init_from=f"{home}/other"),
    )
    write_json(folder.config_file, config._replace(settings=settings).to_json())
    rows = [
        {
            "step": 8,
            "event": "scores",
            "split": "train",
            "network": "open-nsfw",
            "fakes": 50,
            "scores": {"kid": SCORE, "swd": {**SCORE, "spread": None}},
            "memorization": {"near_copies": 0.25, "near_copies_among_reals": 0.125, "near": home},
        },
        {"step": 8, "event": "scores", "split": home, "network": "open-nsfw", "scores": {"fd_elsewhere": SCORE}},
        {"step": 4, "event": "scores", "split": "train", "network": "open-nsfw", "scores": {"fd_earlier": SCORE}},
    ]
    images = [{"path": f"{number}.png", "sha256": "0" * 64} for number in range(3)]
    write_json(folder.manifest_file, {"schema": MANIFEST_SCHEMA, "images": images})
    folder.metrics_file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return sle_gan.open_run(folder.path)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    return run.export("hub", tmp_path_factory.mktemp("exports"), license="cc-by-4.0").folder


def test_a_folder_for_the_hub_holds_a_card_that_yaml_reads_with_pictures_and_scores(run, exported):
    assert sorted(path.name for path in exported.iterdir()) == FILES
    _, head, body = (exported / "README.md").read_text().split("---\n", 2)
    front = yaml.safe_load(head)
    assert (front["license"], front["library_name"]) == ("cc-by-4.0", "sle-gan")
    (entry,) = front["model-index"]
    assert [(one["type"], one["value"]) for one in entry["results"][0]["metrics"]] == [
        ("kid", 12.5),
        ("swd", 12.5),
        ("near_copies", 0.25),
    ]
    assert r"# my\_\*flowers\*, step 8" in body
    assert "| kid | 12.5 | 0.25 | 0.5 | 50 |\n| swd | 12.5 |  | 0.5 | 50 |\n" in body
    assert r"| near\_copies | 0.25 |  | 0.125 | 50 |" in body
    assert "images, of a set of 3." in body
    assert "fd_e" not in body  # neither another step nor other images
    assert "`cc-by-4.0`" in body
    (program,) = re.findall(r"```python\n(.*?)```", body, flags=re.DOTALL)
    assert 'sle_gan.open_run("hf://OWNER/NAME")' in program
    compile(program, "README.md", "exec")
    with Image.open(exported / "samples.png") as sheet:
        np.testing.assert_array_equal(np.asarray(sheet), image_sheet(run.draw(range(24))))


def test_nothing_that_is_published_holds_a_path_of_this_machine(run, exported):
    home = str(run.folder.path.parent).encode()
    for file in exported.iterdir():
        assert home not in file.read_bytes(), file.name


def test_exported_weights_are_opened_as_a_run_and_draw_the_same_pictures(run, exported, tmp_path, capsys):
    shared = sle_gan.open_run(exported)
    assert (shared.folder.name, shared.settings.images.resolution) == (run.folder.name, 64)
    np.testing.assert_array_equal(shared.draw(range(3)), run.draw(range(3)))
    folder = shutil.copytree(exported, tmp_path / "moved")
    assert main(["samples", str(folder), "--seeds", "1"]) == 0
    with Image.open(folder / "generated" / "seed-000001.png") as picture:
        assert (picture.text["run"], picture.text["step"]) == (run.folder.name, "8")
        np.testing.assert_array_equal(np.asarray(picture), run.draw([1])[0])
    assert len(shared.film([0, 1], frames=3)) == 4
    for words, told in (
        (["samples", str(folder), "--seeds", "1", "--step", "4"], "was exported from: 8; got 4"),
        (["samples", str(folder), "--seeds", "1", "--reject-copies"], "does not say which images it was trained on"),
    ):
        capsys.readouterr()
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line
    with pytest.raises(InputError, match="does not say which images it was trained on"):
        shared.evaluate(["swd"], tell=lambda line: None)


def test_files_that_were_edited_are_refused_in_one_line(exported, tmp_path, capsys):
    arrays, _ = read_arrays(exported / "generator.safetensors")
    name = "start/kernel:0"
    description = json.loads((exported / "generator.json").read_text())
    damages = {
        "cannot be read": lambda f: (f / "generator.safetensors").write_bytes(b"\x80\x02}"),
        "start/kernel:0 has the shape [1] there": lambda f: write_arrays(
            f / "generator.safetensors", {**arrays, name: np.zeros(1, np.float32)}, {}
        ),
        "start/kernel:0 is in one of them alone": lambda f: write_arrays(
            f / "generator.safetensors", {key: array for key, array in arrays.items() if key != name}, {}
        ),
        "must describe a generator": lambda f: write_json(f / "generator.json", {**description, "step": "8"}),
        "must describe a generator: run": lambda f: write_json(f / "generator.json", [1]),
        "this version does not know": lambda f: write_json(
            f / "generator.json", {**description, "settings": {"code": {}}}
        ),
        "cannot be read as JSON": lambda f: (f / "generator.json").write_text("{"),
        "no run": lambda f: (f / "generator.safetensors").unlink(),
    }
    for number, (told, damage) in enumerate(damages.items()):
        folder = shutil.copytree(exported, tmp_path / str(number))
        damage(folder)
        assert main(["samples", str(folder), "--seeds", "0"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


PROGRAM = """
import sys
from pathlib import Path
from sle_gan.errors import InputError
from sle_gan.hub import check_publishing, publish
from sle_gan.shared_generator import find_generator

check_publishing("ada/flowers")
print(publish(Path(sys.argv[1]), "ada/flowers", "step 8"))
for name in ("hf://ada/flowers", "hf://ada/flowers@main"):
    found = find_generator(name, "runs")
    print(found.path, found.output)
try:
    find_generator("hf://ada/weeds", "runs")
except InputError as error:
    print(error)
assert "tensorflow" not in sys.modules
"""


def test_what_is_published_comes_back_as_safetensors_and_json_alone(run, exported, tmp_path):
    with served() as server:
        own = {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": "hf_none"}
        own |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        command = [sys.executable, "-c", PROGRAM, str(exported)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | own, cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr
    address, *fetched, lack = done.stdout.splitlines()
    assert (server.created, address) == (["ada/flowers"], f"{server.address}/ada/flowers")
    assert server.tokens == {"Bearer hf_none"}
    assert server.files == {path.name: path.read_bytes() for path in exported.iterdir()}
    assert sorted(server.fetched) == ["generator.json", "generator.safetensors"]
    assert lack.startswith("hf://ada/weeds cannot be fetched (")
    path, output = fetched[0].split()
    assert output == "flowers"
    np.testing.assert_array_equal(sle_gan.open_run(path).draw([5]), run.draw([5]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "weights", "--push", "ada/flowers"], "--push goes with --format hub; got weights"),
        (["--format", "hub", "--license", "all mine"], "--license must be a name that the Hub knows"),
        (["--format", "hub", "--push", "flowers"], "a name on the Hub must be OWNER/NAME"),
        (["--format", "hub", "--push", "ada/flowers@main"], "--push must be OWNER/NAME, without a revision"),
        (["--format", "hub", "--push", "ada/flowers"], "log in with `hf auth login`"),
    ],
)
def test_what_cannot_be_published_is_told_before_anything_is_written(run, tmp_path, capsys, monkeypatch, words, told):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert main(["export", str(run.folder.path), *words, "--output", str(tmp_path / "none")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not list(tmp_path.iterdir())


def test_without_the_library_of_the_hub_the_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (
        lambda: sle_gan.open_run("hf://ada/flowers"),
        lambda: run.export("hub", "none", push="ada/flowers"),
    ):
        with pytest.raises(InputError, match=r"needs the extra `hub`.*pip install huggingface-hub"):
            call()
