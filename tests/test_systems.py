"""Systems other than this one, simulated: what runs there without TensorFlow, and what is told."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sle_gan.systems import missing_tensorflow, unused_gpu

HERE = Path(__file__).parent


def on(system, machine, *commands):
    """Returns exit code and output of each command line on another system."""
    done = subprocess.run(
        [sys.executable, str(HERE / "foreign_system.py"), system, machine],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("system", "machine", "told"),
    [
        ("Windows", "ARM64", "TensorFlow has no wheel for Windows on ARM64: run this in WSL2 (`wsl --install`"),
        ("Windows", "AMD64", "TensorFlow is not installed here: pip install -r requirements.txt"),
        ("Darwin", "x86_64", "TensorFlow has no wheel for macOS on x86_64: run this in Linux with glibc"),
    ],
)
def test_what_needs_no_tensorflow_runs_on_every_system_and_the_rest_names_the_way(
    photographs, tmp_path, system, machine, told
):
    programs = ("doctor", "train", "generate", "evaluate", "report", "search", "compare", "study", "frontier")
    folder, missing = str(photographs), str(tmp_path / "missing")
    helps = [[program, "--help"] for program in programs]
    needing = [
        ["train", "--data-folder", folder],
        ["generate", "samples", missing, "--seeds", "0"],
        ["evaluate", missing],
        ["search", folder],
        ["doctor", folder, "--time"],
    ]
    looking = ["doctor", folder, "--resolution", "64", "--json", str(tmp_path / "found.json")]
    refused = [["train", "--data-folder", folder, "--width", "none"], ["report", missing], ["compare", missing]]
    commands = [*helps, looking, *needing, *refused, ["lock", str(tmp_path / "run")]]
    answers = on(system, machine, *commands)
    assert [code for code, _ in answers[: len(helps)]] == [0] * len(helps)
    answers = answers[len(helps) :]
    code, text = answers.pop(0)
    assert (code, text.count("usable: 6"), text.count(f"memory and disk: not estimated, for {told}")) == (0, 1, 1)
    assert json.loads((tmp_path / "found.json").read_text())["usable"] == 6
    for code, text in answers[: len(needing)]:
        assert code == 2
        assert text.startswith(f"error: {told}")
        assert text.count("\n") == 1
    for code, text in answers[len(needing) : -1]:
        assert code == 2
        assert text.startswith("error: ")
        assert "Traceback" not in text
    assert "is in use by process " in answers[-1][0]


@pytest.mark.parametrize(
    ("system", "machine", "libc", "told"),
    [
        ("Linux", "x86_64", "glibc", "TensorFlow is not installed here"),
        ("Linux", "x86_64", "", "TensorFlow has no wheel for Linux without glibc: run this in Linux with glibc"),
        ("Linux", "riscv64", "glibc", "TensorFlow has no wheel for Linux on riscv64"),
        ("Darwin", "arm64", "", "TensorFlow is not installed here"),
        ("FreeBSD", "amd64", "", "TensorFlow has no wheel for FreeBSD on amd64"),
    ],
)
def test_the_way_to_tensorflow_depends_on_the_system(monkeypatch, system, machine, libc, told):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, ""))
    assert missing_tensorflow() is None  # it is here
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing_tensorflow().startswith(told)


def test_windows_alone_is_told_that_its_gpu_is_not_used(monkeypatch):
    assert unused_gpu() is None
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert "run this in WSL2" in unused_gpu()


def test_the_peak_of_a_process_is_known_without_proc(monkeypatch):
    from sle_gan.assembly.step_probe import _peak_resident_bytes

    now = psutil.Process().memory_info().rss
    assert 0.9 * now < _peak_resident_bytes()

    def gone(path, **more):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", gone)
    assert _peak_resident_bytes() > 0
    monkeypatch.setattr(psutil.Process, "memory_info", lambda process: type("Windows", (), {"peak_wset": 7}))
    assert _peak_resident_bytes() == 7
