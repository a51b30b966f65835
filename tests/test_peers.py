import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "peer_step.py"


@pytest.mark.parametrize("python", [sys.executable, "/nowhere/python"])
def test_a_python_without_pytorch_is_told_in_one_line(python):
    if python == sys.executable and importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed here")
    command = [sys.executable, str(SCRIPT), "--torch-python", python]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert python in done.stderr
