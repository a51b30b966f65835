"""What cannot be read or written, one image, a signal: the programs as processes, without the rights of root."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import ROOT, wait_for
from tiny_runs import write_run

from sle_gan.cli.train import main as train
from sle_gan.run import RunFolder

NOBODY = 65534
# What is imported before the rights are dropped: the tests may lie where nobody else can read.
PROGRAM = (
    "import os, sys; from sle_gan.cli.main import main; import concurrent.futures.thread, sle_gan.data.decode; "
    "from PIL import Image; Image.init(); "
    f"os.getuid() or (os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})); "
    "code = main(sys.argv[1:]); assert 'tensorflow' not in sys.modules; sys.exit(code)"
)


def run_as_nobody(*words):
    """Returns the exit code, the error and the seconds of a program that loads no TensorFlow."""
    start = time.monotonic()
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stderr, time.monotonic() - start


@pytest.fixture
def shared():
    """A folder that everybody can reach, as those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def images(shared):
    folder = shared / "images"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (64, 64), (index, 9, 99)).save(folder / f"{index}.png")
    return folder


def test_an_image_that_cannot_be_read_is_told_and_strict_refuses_it(images, shared):
    (images / "1.png").chmod(0)
    (shared / "runs").mkdir()
    (shared / "runs").chmod(0o777)
    words = ("train", "--data-folder", images, "--output-folder", shared / "runs", "--resolution", "64")
    code, told, _ = run_as_nobody(*words, "--strict")
    assert code == 2
    assert told == "error: --strict: 1.png cannot be used (Permission denied); remove or mend what cannot be used\n"


def test_strict_refuses_an_image_that_cannot_be_decoded_and_then_takes_the_mended_folder(images, shared):
    (shared / "runs").mkdir()
    (shared / "runs").chmod(0o777)
    whole = (images / "1.png").read_bytes()
    (images / "1.png").write_bytes(whole[:-30])
    words = ["--data-folder", images, "--output-folder", shared / "runs", "--name", "run", "--resolution", "64"]
    words += ["--mixed-precision", "float32"]  # nobody may time steps: that is a process of the environment's Python
    code, told, _ = run_as_nobody("train", *words, "--strict")
    assert code == 2
    assert re.match(r"error: --strict: 1.png cannot be used \(cannot be decoded .*\); remove or mend", told)
    (images / "1.png").unlink()
    (images / "0.png").write_bytes(whole[:-30])
    code, told, _ = run_as_nobody("train", *words, "--strict")
    assert code == 2
    assert told.startswith("error: --strict: 0.png cannot be used")  # and not that images were removed


def test_a_folder_that_cannot_be_read_ends_with_2(images, shared):
    images.chmod(0)
    (shared / "runs").mkdir()
    (shared / "runs").chmod(0o777)
    code, told, _ = run_as_nobody("train", "--data-folder", images, "--output-folder", shared / "runs")
    assert code == 2
    assert told == f"error: the data folder must be a folder of images; got {images} (Permission denied)\n"


def test_a_read_only_output_ends_every_program_with_4_before_tensorflow_is_loaded(images, shared, tmp_path):
    write_run(tmp_path / "run")
    shutil.copytree(tmp_path / "run", shared / "run")
    shared.chmod(0o555)
    (shared / "run").chmod(0o555)
    (shared / "run" / "lock").chmod(0o444)
    for words, mend in (
        (("train", "--data-folder", images, "--output-folder", shared / "runs"), "give another --output-folder"),
        (("generate", "samples", shared / "run", "--seeds", "0"), "give another --output"),
        (("generate", "samples", shared / "run", "--seeds", "0", "--output", shared / "out"), "give another --output"),
        (
            ("generate", "interpolate", shared / "run", "--seeds", "0,1", "--output", shared / "a.gif"),
            "give another --output",
        ),
        (("generate", "export", shared / "run"), "give another --output"),
        (("evaluate", shared / "run"), "make it writable, or work on a copy of the run"),
    ):
        code, told, seconds = run_as_nobody(*words)
        assert code == 4, told
        assert re.fullmatch(rf"error: .* cannot be written \(Permission denied\); {mend}\n", told)
        assert seconds < 2 * max(1, os.getloadavg()[0] / os.cpu_count())


def test_a_run_that_cannot_be_read_ends_every_program_with_4(shared, tmp_path):
    write_run(tmp_path / "run")
    shutil.copytree(tmp_path / "run", shared / "run")
    (shared / "run").chmod(0o777)
    (shared / "run" / "lock").chmod(0o666)
    (shared / "run" / "config.json").chmod(0)
    for words in (("generate", "samples", shared / "run", "--seeds", "0"), ("evaluate", shared / "run")):
        code, told, _ = run_as_nobody(*words)
        assert code == 4
        assert told.startswith("error: [Errno 13] Permission denied: ")
        assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "side"),
    [
        ("sngan", "32"),
        pytest.param("fastgan", "64", marks=pytest.mark.slow),
        pytest.param("stylegan2", "64", marks=pytest.mark.slow),
    ],
)
def test_one_image_repeats_in_the_batch_with_a_warning_and_every_number_is_finite(model, side, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "images" / "only.png")
    words = ["--data-folder", str(tmp_path / "images"), "--output-folder", str(tmp_path), "--name", "run"]
    words += ["--model", model, "--resolution", side, "--width", "8", "--batch-size", "4", "--n-critic", "1"]
    words += ["--reconstruction-loss", "l1", "--steps", "2", "--log-frequency", "1"]
    assert train(words) == 0
    assert "data: warning: a step shows 4 images; the 1 there are repeat in it" in capsys.readouterr().out
    rows = [json.loads(line) for line in RunFolder(tmp_path / "run").metrics_file.read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert np.isfinite([value for row in rows for value in row.values()]).all()


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold UTF-8 names alone")
def test_a_run_of_a_folder_whose_name_is_no_utf_8_has_a_name_that_tensorflow_can_open(tmp_path, capsys):
    folder = tmp_path / os.fsdecode(b"caf\xe9 \xf0")
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / os.fsdecode(b"\xe9.png"))
    words = ["--data-folder", str(folder), "--output-folder", str(tmp_path / "runs"), "--resolution", "64"]
    assert train([*words, "--width", "8", "--reconstruction-loss", "l1", "--dry-run"]) == 0
    assert f"run {tmp_path}/runs/00000-fastgan-caf\ufffd \ufffd\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        train([*words, "--name", folder.name])
    assert stop.value.code == 2
    assert "--name: must be UTF-8 text; got 'caf\\udce9 \\udcf0'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_generate_with_its_code_and_leaves_no_half_file(number, tmp_path):
    run, _ = write_run(tmp_path / "run")
    words = [sys.executable, str(ROOT / "generate.py"), "samples", str(run.path), "--seeds", "0-99999"]
    folder = run.path / "generated"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: folder.exists() and any(folder.glob("seed-*.png")), process)
        process.send_signal(number)
        assert process.wait(60) == 128 + number
    for file in folder.iterdir():
        with Image.open(file) as picture:
            picture.verify()
