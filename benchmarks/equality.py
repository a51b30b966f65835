"""Tells whether two checkouts of this project train equally: the same losses and the same weights, bit for bit.

    python benchmarks/equality.py record --checkout OLD --output old.json
    python benchmarks/equality.py record --checkout NEW --output new.json
    python benchmarks/equality.py compare old.json new.json
    python benchmarks/equality.py resume --old OLD --new NEW

`record` trains tiny networks of every kind on the CPU, in fresh folders, on pictures that it draws itself. It writes
SHA-256 of the final weights and of the metrics, and beside that file one of the weights themselves (.npz). `compare`
prints a table: equal bit for bit, or the largest difference. `resume` begins each training with one checkout, stops it
by a signal, goes on with the other checkout, and compares with the first checkout's uninterrupted training.

The trainings are processes of the checkout's `train.py`: nothing of the project is imported here, so that one script
serves both.
"""

import argparse
import contextlib
import hashlib
import json
import math
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

TOLERANCE = 1e-5
STEPS = 5

# Averages move fast, or a difference of the trained weights would hardly show in what is saved at the end.
SHARED_WORDS = "--width 8 --batch-size 4 --log-frequency 1 --sample-frequency 100 --ema-decay 0.5 --seed 1"

SNGAN = "--model sngan --resolution 32 --n-critic 2"
CASES = {
    # Given, because an earlier version does not fit them to the length.
    "fastgan": "--model fastgan --resolution 64 --G-learning-rate 2e-4 --D-learning-rate 2e-4",
    "sngan": "--model sngan --resolution 32",
    "biggan": "--model biggan --resolution 32 --ema-start 2",
    "stylegan2": "--model stylegan2 --resolution 32 --r1-gamma 1 --r1-interval 2 --path-length-weight 2 "
    "--path-length-interval 2",
    "reconfigure": f"{SNGAN} --reconfigure --reconfigure-warmup 1 --reconfigure-interval 2",
    "ticket-search": f"{SNGAN} --find-ticket --ticket-rounds 2 --rewind-to 20% --prune-discriminator "
    "--distill-weight 1",
    "ticket": f"{SNGAN} --ticket {{runs}}/ticket-search/tickets/{{ticket}}",
    "sparse-from-scratch": f"{SNGAN} --sparse-from-scratch --exploration adapt --exploration-interval 2",
    "sparse-stu": f"{SNGAN} --sparse-from-scratch --exploration stu --exploration-interval 2",
    "conditional": "--model biggan --resolution 32 --conditional",
    "adversarial-features": f"{SNGAN} --adv-augment",
    "teacher": f"{SNGAN} --teacher {{runs}}/sngan",
    "transfer": f"{SNGAN} --init-from {{runs}}/sngan --freeze-d 1",
    "adaptive": f"{SNGAN} --augment ada --augment-speed 0.02",
    "gap-and-consistency": f"{SNGAN} --dig-weight 1 --dig-interval 2 --consistency-weight 10 "
    "--diff-augment color,cutout",
    "gradient-penalty": f"{SNGAN} --loss wasserstein --gradient-penalty 10 --held-out 0.2",
    "accumulate": f"{SNGAN} --accumulate 2",
}
NEEDED_FIRST = {"ticket": "ticket-search", "teacher": "sngan", "transfer": "sngan"}


class Checkout(NamedTuple):
    """A working tree of this project, and the Python that runs it.

    Attributes:
        folder: the working tree, absolute.
        python: an interpreter that has the project's dependencies.
    """

    folder: Path
    python: str

    def environment(self):
        """Returns the environment of its processes: its own `sle_gan` comes first, and no GPU is seen."""
        return os.environ | {"PYTHONPATH": str(self.folder), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}

    def check(self):
        """Raises a `SystemExit` unless it is the folder's `sle_gan` that this Python imports there."""
        imported = self.run_python("import sle_gan; print(sle_gan.__file__)")
        if Path(imported) != self.folder / "sle_gan" / "__init__.py":
            sys.exit(f"error: in {self.folder} this Python imports {imported}; name another --python or folder")

    def run_python(self, code):
        """Runs a line of Python in the checkout and returns what it prints."""
        command = [self.python, "-c", code]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def description(self):
        """Returns what decides the numbers beside the code: a dictionary of commit, versions and machine."""
        versions = "from importlib.metadata import version as v; print(*map(v, ('tensorflow', 'tf-keras', 'numpy')))"
        command = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        names = ("tensorflow", "tf-keras", "numpy")
        return {
            "commit": commit,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": dict(zip(names, self.run_python(versions).split(), strict=True)),
        }


def main():
    """Runs the sub-command that the command line names, and returns its exit code."""
    parser = argparse.ArgumentParser(description="Tell whether two checkouts of this project train equally.")
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="train with a checkout, and write what came out")
    record.add_argument("--checkout", type=Path, required=True, help="a working tree of this project")
    record.add_argument("--output", type=Path, required=True, help="a file .json; weights lie beside it as .npz")
    compare = commands.add_parser("compare", help="compare two records")
    compare.add_argument("records", type=Path, nargs=2, metavar="FILE")
    resume = commands.add_parser("resume", help="begin with one checkout and go on with another")
    resume.add_argument("--old", type=Path, required=True, help="the working tree that begins")
    resume.add_argument("--new", type=Path, required=True, help="the working tree that goes on")
    for command in (record, resume):
        command.add_argument("--python", default=sys.executable, help="that has the project's dependencies")
        command.add_argument("--cases", default=",".join(CASES), help="some of the default, separated by commas")
    arguments = parser.parse_args()
    if arguments.command == "compare":
        return print_table(*map(read_record, arguments.records))
    asked = arguments.cases.split(",")
    if unknown := set(asked) - set(CASES):
        parser.error(f"--cases must be some of {','.join(CASES)}; got {','.join(sorted(unknown))}")
    cases = [name for name in CASES if name in {*asked, *(NEEDED_FIRST.get(name) for name in asked)}]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        draw_images(place / "images")
        if arguments.command == "record":
            write_record(arguments.output, checkout_at(arguments.checkout, arguments.python), place, cases)
            return 0
        checkouts = [checkout_at(folder, arguments.python) for folder in (arguments.old, arguments.new)]
        return print_table(*resumed_records(*checkouts, place, cases))


def checkout_at(folder, python):
    """Returns the `Checkout`, once it is known that its own code is what runs."""
    checkout = Checkout(folder.resolve(), python)
    checkout.check()
    return checkout


def draw_images(folder):
    """Writes 15 smooth RGB pictures of 40 px as PNG, in a sub-folder for each of three classes."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, np.pi, 40)
    for index in range(15):
        waves = rng.uniform(0.5, 3, [2, 3])
        phases = rng.uniform(0, np.pi, 3)
        pixels = 127.5 + 127.5 * np.sin(ramp[:, None, None] * waves[0] + ramp[None, :, None] * waves[1] + phases)
        file = folder / f"class-{index % 3}" / f"{index:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png_bytes(pixels.astype(np.uint8)))


def png_bytes(pixels):
    """Encodes uint8 `[height, width, 3]` as PNG, without an imaging library."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each begins with the number of its filter: none

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def training_command(checkout, place, runs, case, *more):
    """Returns the words of a training of a case, whose run is `runs/CASE`."""
    tickets = sorted(path.name for path in (runs / "ticket-search" / "tickets").glob("*.safetensors"))
    words = CASES[case].format(runs=runs, ticket=tickets[-1] if tickets else "none").split()
    folders = ["--data-folder", str(place / "images"), "--output-folder", str(runs), "--name", case]
    script = [checkout.python, str(checkout.folder / "train.py")]
    # A flag that is given twice counts as it is given last.
    return [*script, *folders, "--steps", str(STEPS), *SHARED_WORDS.split(), *words, *more]


def train(checkout, command, is_stopped=None):
    """Runs a training to its end, or until a signal once `is_stopped()` is true.

    Raises:
        SystemExit: if it fails, or ends before it could be stopped.
    """
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            command, cwd=checkout.folder, env=checkout.environment(), stdout=told, stderr=subprocess.STDOUT
        )
        try:
            while is_stopped is not None and not is_stopped() and process.poll() is None:
                time.sleep(0.002)
            if is_stopped is not None:
                process.terminate()
            code = process.wait()
        finally:
            process.kill()
        if code != (0 if is_stopped is None else 143):
            told.seek(0)
            sys.exit(f"{told.read()}error: ended with {code}: {' '.join(command)}")


def read_run(folder):
    """Returns what a training left: its arrays by network and name, and its rows of metrics."""
    arrays = {}
    for network in ("generator", "discriminator"):
        with h5py.File(folder / f"{network}_weights.h5") as file:

            def keep(name, item, network=network):
                if isinstance(item, h5py.Dataset):
                    arrays[f"{network}/{name}"] = item[()]

            file.visititems(keep)
    return arrays, [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]


def sha256_of(arrays):
    """Returns SHA-256 of arrays by name: of names, types, shapes and values, in the order of names."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def summarize(arrays, rows):
    """Returns the hashes of a training, and its rows of metrics."""
    networks = {
        network: sha256_of({name: array for name, array in arrays.items() if name.startswith(f"{network}/")})
        for network in ("generator", "discriminator")
    }
    metrics = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return {"sha256": networks | {"metrics": metrics}, "metrics": rows}


def write_record(output, checkout, place, cases):
    """Trains the cases with a checkout, and writes their record."""
    record, arrays = checkout.description() | {"cases": {}}, {}
    for case in cases:
        begin = time.perf_counter()
        train(checkout, training_command(checkout, place, place / "runs", case))
        found, rows = read_run(place / "runs" / case)
        record["cases"][case] = summarize(found, rows)
        arrays |= {f"{case}/{name}": array for name, array in found.items()}
        print(f"{case}: {time.perf_counter() - begin:.0f} s", flush=True)
        save_record(output, record, arrays)  # after each case: what is there can be compared already


def save_record(file, record, arrays):
    """Writes a record, and its arrays beside it."""
    np.savez_compressed(file.with_suffix(".npz"), **arrays)
    file.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_record(file):
    """Returns a record and its arrays."""
    with np.load(file.with_suffix(".npz")) as arrays:
        return json.loads(file.with_suffix(".json").read_text("utf-8")), dict(arrays)


def resumed_records(old, new, place, cases):
    """Trains each case whole with `old`, and again begun with `old` and ended with `new`.

    Returns:
        Two records, each with its arrays: of the whole trainings, and of those that went on.
    """
    whole, broken = ({"cases": {}}, {}), ({"cases": {}}, {})
    for case in cases:
        command = training_command(old, place, place / "runs", case)
        train(old, command)
        metrics_file = place / "resumed" / case / "metrics.jsonl"
        # Both take other runs from the same folder: what they were given is part of what must not differ.
        moved = ["--output-folder", str(place / "resumed")]
        train(old, [*command, *moved], lambda file=metrics_file: file.exists() and b'"step": 1,' in file.read_bytes())
        stopped_at = max(row["step"] for row in map(json.loads, metrics_file.read_text("utf-8").splitlines()))
        train(new, [new.python, str(new.folder / "train.py"), *command[2:], *moved])
        print(f"{case}: stopped at step {stopped_at}", flush=True)
        for (record, arrays), runs in ((whole, "runs"), (broken, "resumed")):
            found, rows = read_run(place / runs / case)
            record["cases"][case] = summarize(found, rows)
            arrays |= {f"{case}/{name}": array for name, array in found.items()}
    return whole, broken


def largest_difference(first, second):
    """Returns the largest absolute difference of two sets of arrays by name; infinite if names or shapes differ."""
    if {name: array.shape for name, array in first.items()} != {name: array.shape for name, array in second.items()}:
        return math.inf
    differences = [float(np.abs(first[name].astype(np.float64) - second[name]).max(initial=0)) for name in first]
    return math.inf if any(map(math.isnan, differences)) else max(differences, default=0.0)


def largest_change(first, second):
    """Returns the largest difference of numbers in two lists of rows, as a share of the number where it exceeds 1.

    Infinite if anything but a number differs.
    """
    if isinstance(first, dict) and isinstance(second, dict) and list(first) == list(second):
        return max((largest_change(first[name], second[name]) for name in first), default=0.0)
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return max(map(largest_change, first, second), default=0.0)
    if first == second:
        return 0.0
    numbers = (int, float)
    if isinstance(first, numbers) and isinstance(second, numbers) and math.isfinite(first) and math.isfinite(second):
        return abs(first - second) / max(1.0, abs(first))
    return math.inf


def differences_of(first, second, case):
    """Returns for a case of two records, by part: the word `equal`, or the largest difference."""
    records = [record["cases"][case] for record, _ in (first, second)]
    found = {}
    for part in ("generator", "discriminator", "metrics"):
        if records[0]["sha256"][part] == records[1]["sha256"][part]:
            found[part] = "equal"
        elif part == "metrics":
            found[part] = largest_change(records[0]["metrics"], records[1]["metrics"])
        else:
            prefix = f"{case}/{part}/"
            arrays = [{n: a for n, a in arrays.items() if n.startswith(prefix)} for _, arrays in (first, second)]
            found[part] = largest_difference(*arrays)
    return found


def print_table(first, second):
    """Prints how two records differ.

    Args:
        first: a record and its arrays.
        second: another.

    Returns:
        The exit code: 0 if all agree within `TOLERANCE`, otherwise 1.
    """
    described = [{name: value for name, value in record.items() if name != "cases"} for record, _ in (first, second)]
    for description in filter(None, described):
        print(json.dumps(description))
    cases = [set(record["cases"]) for record, _ in (first, second)]
    for case in sorted(cases[0] ^ cases[1]):
        print(f"{case} is in one of the records alone")
    print(f"\n| case | generator | discriminator | metrics | within {TOLERANCE:g} |\n|---|---|---|---|---|")
    all_agree = cases[0] == cases[1]
    for case in [name for name in first[0]["cases"] if name in cases[1]]:
        found = differences_of(first, second, case)
        agrees = all(value == "equal" or value <= TOLERANCE for value in found.values())
        all_agree &= agrees
        parts = [value if value == "equal" else f"{value:.1e}" for value in found.values()]
        print(f"| {case} | {' | '.join(parts)} | {'yes' if agrees else 'NO'} |", flush=True)
    return 0 if all_agree else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
