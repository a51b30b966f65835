"""Runs command lines on another system, simulated: `python foreign_system.py SYSTEM MACHINE`, command lines as JSON.

What only Linux has is gone: `fcntl`, `resource`, `/proc`; and TensorFlow, which has no wheel for that system. Libraries
know their systems themselves, so they are loaded before. Prints JSON, for each command line its exit code and output.
"""

import contextlib
import importlib.util
import io
import json
import os
import platform
import sys
import tempfile
import urllib.request  # noqa: F401

import filelock
import h5py  # noqa: F401
import matplotlib.figure  # noqa: F401
import networkx  # noqa: F401
import platformdirs  # noqa: F401
import psutil  # noqa: F401
import rich.progress  # noqa: F401
import safetensors.numpy  # noqa: F401
from PIL import Image

GONE = {"fcntl", "resource", "termios", "pwd", "grp"}
OF_TENSORFLOW = ("tensorflow", "tf_keras", "tensorflow_model_optimization")


def become(system, machine):
    """Makes this process believe that it runs on another system."""
    Image.init()
    with tempfile.TemporaryDirectory() as folder, filelock.FileLock(f"{folder}/lock"):
        pass
    for name in [*GONE, *OF_TENSORFLOW]:
        sys.modules[name] = None
    real_find_spec = importlib.util.find_spec

    def find_spec(name, *more):
        return None if name in OF_TENSORFLOW else real_find_spec(name, *more)

    def refuse_proc(event, arguments):
        if event == "open" and str(arguments[0]).startswith("/proc"):
            raise FileNotFoundError(arguments[0])

    importlib.util.find_spec = find_spec
    sys.addaudithook(refuse_proc)
    platform.system, platform.machine = lambda: system, lambda: machine
    sys.platform = {"Windows": "win32", "Darwin": "darwin"}.get(system, "linux")
    for name in ("sched_getaffinity", "sysconf", "geteuid", "mkfifo", "getloadavg"):
        with contextlib.suppress(AttributeError):
            delattr(os, name)


def run(words):
    """Calls the `sle-gan` program; or, as `lock FOLDER`, locks a run and then locks it again."""
    from sle_gan.cli.main import main
    from sle_gan.errors import InputError
    from sle_gan.run import RunFolder

    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            if words[0] == "lock":
                with RunFolder(words[1]).locked(), RunFolder(words[1]).locked():
                    code = 0
            else:
                code = main(words)
        except SystemExit as end:
            code = end.code
        except InputError as error:
            code = str(error)
    return code, output.getvalue()


if __name__ == "__main__":
    become(*sys.argv[1:])
    answers = [run(words) for words in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)
