"""Profiles the training step of every network, and prints what share of it each kind of operation takes.

    python benchmarks/profile_step.py
    python benchmarks/profile_step.py --only stylegan2 --kinds 12

One operation runs at a time, on all cores, so the shares add up. Each network is measured in a process of its own.
"""

import argparse
import collections
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETWORKS = ("fastgan", "sngan", "stylegan2", "biggan")
GROUPS = {
    "convolutions": ("Conv",),
    "matrix products": ("MatMul", "Einsum"),
    "batch norm": ("BatchNorm",),
    "slices, pads, copies": ("Slice", "Pad", "Concat", "Split", "Pack", "Unpack", "Tile", "Transpose", "Reverse"),
    "sums and products": ("Mul", "Add", "Sub", "Div", "Sum", "Mean", "Square", "Rsqrt", "Sqrt", "Relu"),
}
COLUMNS = (*GROUPS, "others")


def main():
    """Prints the table, or the operations of one network."""
    parser = argparse.ArgumentParser(description="Profile the training step of every network.")
    parser.add_argument("--resolution", type=int, default=64, help="side of the images")
    parser.add_argument("--batch-size", type=int, default=8, help="images in a step")
    parser.add_argument("--width", type=int, default=16, help="width of the networks")
    parser.add_argument("--steps", type=int, default=4, help="steps that are profiled, after four others")
    parser.add_argument("--only", choices=NETWORKS, help="profile one network, and list its kinds of operation")
    parser.add_argument("--kinds", type=int, default=20, help="of operation that --only lists")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        seconds, kinds = profiled(arguments)
        if arguments.json:
            print(json.dumps([seconds, kinds]))
            return
        print(f"{arguments.only}: {seconds:.2f} s a step\n\n| operation | ms | share |\n|---|---|---|")
        for kind, amount in kinds[: arguments.kinds]:
            print(f"| {kind} | {1000 * amount:.1f} | {amount / seconds:.1%} |")
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{arguments.resolution} px, batch {arguments.batch_size}, width {arguments.width}; means of {arguments.steps} "
        "steps, one operation at a time\n"
    )
    print(f"| network | step, s | {' | '.join(COLUMNS)} |\n|---|---|{'---|' * len(COLUMNS)}")
    for network in NETWORKS:
        command = [sys.executable, __file__, *sys.argv[1:], "--only", network, "--json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, kinds = json.loads(output.splitlines()[-1])
        shares = grouped(kinds, seconds)
        cells = " | ".join(f"{shares[name]:.0%}" for name in COLUMNS)
        print(f"| {network} | {seconds:.2f} | {cells} |", flush=True)


def grouped(kinds, seconds):
    """Returns the share of each of `COLUMNS` in a step of `seconds`; what no operation took is among the others."""
    shares = dict.fromkeys(COLUMNS, 0.0)
    for kind, amount in kinds:
        for name, parts in GROUPS.items():
            if any(part in kind for part in parts):
                shares[name] += amount / seconds
                break
    return shares | {"others": 1.0 - sum(shares.values())}


def profiled(arguments):
    """Profiles the steps of one network in this process.

    Args:
        arguments: of the command line.

    Returns:
        Seconds of a step, and the kinds of operation with the seconds of a step that each takes, longest first.
    """
    from sle_gan.assembly.resolve import resolve

    given = {name: getattr(arguments, name) for name in ("resolution", "batch_size", "width")}
    settings = resolve({"data_folder": ".", "n_critic": 1, "model": arguments.only, **given})
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    from sle_gan.assembly.building import build_gan, build_networks

    gan = build_gan(settings, *build_networks(settings))
    step = tf.function(gan.train_step)
    side = arguments.resolution
    images = tf.random.stateless_uniform([arguments.batch_size, side, side, 3], [0, 0], -1, 1)
    for _ in range(4):
        step(images)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        start = time.perf_counter()
        for _ in range(arguments.steps):
            step(images)
        seconds = (time.perf_counter() - start) / arguments.steps
        tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        kinds = kinds_in(file)
    return seconds, [(kind, amount / arguments.steps) for kind, amount in kinds.most_common()]


def kinds_in(file):
    """Returns the seconds of each kind of operation in a file that TensorFlow's profiler wrote."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(file.read_bytes())
    seconds = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # Operations are told as `scope/name:Kind`.
                scope, separator, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if separator and not scope.endswith(":") and kind.isidentifier():
                    seconds[kind] += event.duration_ps / 1e12
    return seconds


if __name__ == "__main__":
    main()
