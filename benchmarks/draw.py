"""Times drawing with a trained generator, and prints its tables of `docs/benchmarks.md`.

    python benchmarks/draw.py

The programs run as a user runs them, in processes of their own. The rate of `generate.py samples` is that of what a
long call draws beyond a short one, so the start counts in neither; the generator alone, on fixed codes and with its
pictures thrown away, is timed before and after them. Then the SavedModel, by the number of pictures in a call.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
BATCH_SIZE = 8  # that of `generate.py`
SERVED_BATCHES = (1, 8, 32)
NOISE_SCALE = 0.03  # grain, so that the pictures of an untrained generator compress about as photographs do


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Time drawing: the generator alone, generate.py, the SavedModel.")
    parser.add_argument("--run", help="a run folder to draw from; an untrained FastGAN without it")
    parser.add_argument("--resolution", type=int, default=256, help="of the untrained generator")
    parser.add_argument("--width", type=int, default=64, help="of the untrained generator")
    parser.add_argument("--counts", type=int, nargs=2, default=(200, 1000), help="pictures of a short and a long call")
    parser.add_argument("--calls", type=int, default=7, help="calls of each size that are timed of the SavedModel")
    parser.add_argument("--only", nargs=2, metavar=("PART", "FOLDER"), help="one part, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.only:
        part, folder = arguments.only
        parts = {
            "make": lambda: make_run(folder, arguments.resolution, arguments.width),
            "raw": lambda: raw_seconds(folder, arguments.counts[0]),
            "served": lambda: served_seconds(folder, arguments.calls),
        }
        print(json.dumps(parts[part]()))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", end=", ")
    print(f"tensorflow {version('tensorflow')}, pillow {version('pillow')}")
    with tempfile.TemporaryDirectory() as temporary:
        print_tables(arguments, arguments.run or f"{temporary}/run", Path(temporary))


def print_tables(arguments, run, temporary):
    """Measures and prints.

    Args:
        arguments: the parsed arguments.
        run: the run folder; it is made if none was given.
        temporary: `Path` of a folder for what is drawn.
    """
    options = [f"--resolution={arguments.resolution}", f"--width={arguments.width}", f"--calls={arguments.calls}"]
    options += ["--counts", *map(str, arguments.counts)]

    def part(name, folder):
        return json.loads(process(__file__, *options, "--only", name, folder)["output"].splitlines()[-1])

    if arguments.run is None:
        part("make", run)
        print(f"FastGAN, {arguments.resolution} px, width {arguments.width}, untrained")
    raw = [part("raw", run)]
    calls = [samples(run, count, temporary / str(count)) for count in arguments.counts]
    raw.append(part("raw", run))
    size_kb = statistics.mean(file.stat().st_size for file in (temporary / str(arguments.counts[0])).iterdir()) / 1e3
    beyond = arguments.counts[1] - arguments.counts[0]
    seconds = {name: (calls[1][name] - calls[0][name]) / beyond for name in ("seconds", "cpu_seconds")}
    raw = {name: statistics.mean(row[name] for row in raw) for name in ("seconds", "cpu_seconds")}
    print(f"batches of {BATCH_SIZE}, PNG files of {size_kb:.0f} kB\n")
    print("| | pictures/s | CPU-seconds a picture |\n|---|---|---|")
    print(f"| generator alone | {1 / raw['seconds']:.2f} | {raw['cpu_seconds']:.4f} |")
    print(f"| `generate.py samples` | {1 / seconds['seconds']:.2f} | {seconds['cpu_seconds']:.4f} |")
    shares = [f"{raw[name] / seconds[name]:.0%}" for name in ("seconds", "cpu_seconds")]
    print(f"| share of the generator alone | {shares[0]} | {shares[1]} |\n")
    print("| pictures | seconds in all | peak memory, MB |\n|---|---|---|")
    for count, call in zip(arguments.counts, calls, strict=True):
        print(f"| {count} | {call['seconds']:.1f} | {call['peak_bytes'] / 1e6:.0f} |")
    process(ROOT / "generate.py", "export", run, "--output", temporary / "exported")
    print("\n| pictures in a call of the SavedModel | latency, ms | pictures/s |\n|---|---|---|")
    for batch, latency in part("served", temporary / "exported" / "1").items():
        print(f"| {batch} | {latency * 1e3:.0f} | {int(batch) / latency:.2f} |", flush=True)


def samples(run, count, folder):
    """Draws and writes the pictures of `count` seeds.

    Returns:
        As `process`.
    """
    return process(ROOT / "generate.py", "samples", run, "--seeds", f"0-{count - 1}", "--output", folder)


def process(script, *words):
    """Runs a script.

    Returns:
        Its `output`, wall-clock `seconds`, `cpu_seconds`, and `peak_bytes` of memory.
    """
    start = time.perf_counter()
    command = [sys.executable, str(script), *map(str, words)]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as messages:
        child = subprocess.Popen(command, stdout=output, stderr=messages)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            messages.seek(0)
            sys.exit(f"{messages.read()}error: {' '.join(command)} ended with {child.returncode}")
        output.seek(0)
        return {
            "output": output.read(),
            "seconds": time.perf_counter() - start,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * 1024,
        }


def make_run(folder, resolution, width):
    """Writes a run folder with one checkpoint of an untrained FastGAN.

    Returns:
        The number of its step.
    """
    import tensorflow as tf

    from sle_gan.assembly.resolve import resolve
    from sle_gan.layers.noise import NoiseInjection
    from sle_gan.models import GENERATORS
    from sle_gan.run import RunFolder, start_run
    from sle_gan.run_config import RunConfig
    from sle_gan.training.ema import Calibration

    run = RunFolder(folder)
    settings = resolve({"data_folder": ".", "resolution": resolution, "width": width})
    with run.locked():
        start_run(run, RunConfig(settings, {}, []), {"images": []})
    generator = GENERATORS["fastgan"].build(resolution, 3, width, 0)
    for layer in generator.layers:
        if isinstance(layer, NoiseInjection):
            layer.scale.assign(NOISE_SCALE)
    Calibration(generator, BATCH_SIZE)(step=1)  # without it the pictures are grey
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(average_generator=generator), str(run.checkpoints), 1)
    manager.save(checkpoint_number=0)
    return 0


def raw_seconds(folder, count):
    """Times the generator of a run on a fixed batch of codes.

    Returns:
        `seconds` and `cpu_seconds` of a picture.
    """
    import tensorflow as tf

    from sle_gan.export.trained import TrainedGenerator
    from sle_gan.models.io import latent_codes
    from sle_gan.run import RunFolder

    trained = TrainedGenerator(RunFolder(folder))
    draw = tf.function(lambda codes: trained.generator(codes, training=False))
    codes = latent_codes(range(BATCH_SIZE), trained.latent_size)
    for _ in range(2):
        draw(codes).numpy()
    start, cpu_start, batches = time.perf_counter(), time.process_time(), -(-count // BATCH_SIZE)
    for _ in range(batches):
        draw(codes).numpy()
    drawn = batches * BATCH_SIZE
    return {
        "seconds": (time.perf_counter() - start) / drawn,
        "cpu_seconds": (time.process_time() - cpu_start) / drawn,
    }


def served_seconds(folder, calls):
    """Times the SavedModel in a process that holds nothing else.

    Returns:
        Median seconds of a call, by the number of its pictures.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    serve = loaded.signatures["serving_default"]
    size = serve.structured_input_signature[1]["z"].shape[-1]

    def timed(codes):
        start = time.perf_counter()
        serve(z=codes)["images"].numpy()
        return time.perf_counter() - start

    medians = {}
    for batch in SERVED_BATCHES:
        codes = tf.random.stateless_normal([batch, size], [0, 0])
        timed(codes)
        medians[batch] = statistics.median(timed(codes) for _ in range(calls))
    return medians


if __name__ == "__main__":
    main()
