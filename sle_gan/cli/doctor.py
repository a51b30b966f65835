"""`sle-gan doctor`: looks over a folder of images before GPU time is spent on it.

What is in the folder is told first; only the estimates need TensorFlow.
"""

import os
import shutil
import statistics
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from PIL import ImageColor

from sle_gan.cli import train_flags
from sle_gan.cli.numbers import positive
from sle_gan.cli.program import ArgumentParser, HelpFormatter, run_program
from sle_gan.data.decode import decode_folder
from sle_gan.data.doctor import diagnose, describe_diagnosis
from sle_gan.data.folder import scan
from sle_gan.errors import TrainingError
from sle_gan.json_files import write_json
from sle_gan.quiet import quiet_start

_TIMED_STEPS = 5
_UNTIMED_STEPS = 2  # the first compile the step, and warm the caches
_PASSED_ON = ("resolution", "channels", "fit", "model", "width", "batch_size", "cache_limit")


def main(argv=None):
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad arguments or nothing usable, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _examine(arguments), debug=arguments.debug)


def parser():
    """Returns the parser of the arguments; those of a training have its defaults."""
    defaults = vars(train_flags.parser().parse_args(["--data-folder", "."]))
    result = ArgumentParser(
        prog="sle-gan doctor",
        description="Look over a folder of images before training on it.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument_group("the images").add_argument
    add("data_folder", metavar="DATA", help="images, also in sub-folders")
    add("--json", type=Path, metavar="FILE", help="write what was found there too")
    add("--debug", action="store_true", help="show the traceback of an error")
    group = result.add_argument_group("the training that is planned, as for train")
    add = group.add_argument
    add("--resolution", type=int, default=defaults["resolution"], metavar="PX", help="side of the images in pixels")
    add("--channels", type=int, default=defaults["channels"], metavar="COUNT", help="1 grey, 3 RGB, 4 RGB and alpha")
    add("--fit", choices=("crop", "pad", "stretch"), default=defaults["fit"], help="what makes an image square")
    add("--model", choices=sorted(train_flags.MODELS), default=defaults["model"], help="the networks")
    add("--width", type=int, default=defaults["width"], metavar="CHANNELS", help="channels of the 128 px maps")
    add("--batch-size", type=positive, default=defaults["batch_size"], metavar="IMAGES", help="images in a step")
    add("--cache-limit", type=positive, default=defaults["cache_limit"], metavar="MB", help="as for train")
    estimates = group.add_mutually_exclusive_group()
    estimates.add_argument("--no-estimate", action="store_true", help="leave the memory and the disk space out")
    estimates.add_argument("--time", action="store_true", help=f"time {_TIMED_STEPS} steps of training here")
    return result


def _examine(arguments):
    given = [name for name in _PASSED_ON if getattr(arguments, name) is not None]
    words = [f"--{name.replace('_', '-')}={getattr(arguments, name)}" for name in given]
    settings = train_flags.resolve(train_flags.parser().parse_args([f"--data-folder={arguments.data_folder}", *words]))
    found = scan(arguments.data_folder)
    print(f"{found.folder}: looking at {len(found.images)} images", flush=True)
    diagnosis = diagnose(found, arguments.resolution)
    print("\n".join(describe_diagnosis(diagnosis)), flush=True)
    content = asdict(diagnosis)
    if not arguments.no_estimate:
        content["estimate"] = _estimate(settings, diagnosis.usable)
        print("\n".join(_told_estimate(content["estimate"])), flush=True)
    if arguments.time:
        content["seconds_per_step"] = _seconds_per_step(settings, found, diagnosis)
        hours = content["seconds_per_step"] * settings["steps"] / 3600
        print(f"a step takes {content['seconds_per_step']:.3g} s here; {settings['steps']:,} steps {hours:.1f} hours")
    if arguments.json is not None:
        write_json(arguments.json, content)
    return 0


def _estimate(settings, image_count):
    """Returns bytes that a training needs and bytes that are free, by name."""
    with quiet_start():
        from sle_gan.assembly.building import build_networks
        from sle_gan.training.memory import checkpoint_bytes, estimated_bytes

        generator, discriminator = build_networks(settings)
    images = image_count * settings["resolution"] ** 2 * settings["channels"]
    in_file = images > settings["cache_limit"] * 2**20
    # While one is saved, the oldest is still there. The weights at the end take less than half of a checkpoint.
    checkpoints = (settings["keep_checkpoints"] + 1.5) * checkpoint_bytes(generator, discriminator)
    return {
        "step_bytes": estimated_bytes(generator, discriminator, settings["batch_size"]),
        "images_bytes": images,
        "images_in_file": in_file,
        "disk_bytes": round(checkpoints) + (images if in_file else 0),
        "free_memory_bytes": _free_memory_bytes(),
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }


def _told_estimate(estimate):
    step, images, disk, memory, free = (
        estimate[f"{name}_bytes"] / 2**30 for name in ("step", "images", "disk", "free_memory", "free_disk")
    )
    place = "in a file" if estimate["images_in_file"] else "in memory"
    yield f"memory: about {step:.1f} GiB for a step, {images:.2f} GiB for the decoded images, {place}"
    yield f"disk: about {disk:.1f} GiB for a run"
    yield f"free on this machine: {memory:.1f} GiB of memory, {free:.1f} GiB of disk space in the current folder"
    if step + (0 if estimate["images_in_file"] else images) > memory:
        yield "advice: the memory may not suffice: a smaller --batch-size, --width or --resolution, or --cache-limit"
    if disk > free:
        yield "advice: the disk space may not suffice"


def _free_memory_bytes():
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # another system than Linux: all there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _seconds_per_step(settings, found, diagnosis):
    """Trains a few steps on the first images, keeps nothing, and returns the median of their times."""
    broken = {path for path, _ in diagnosis.broken}
    usable = tuple(image for image in found.images if image.path not in broken)
    images, _, _ = decode_folder(
        replace(found, images=usable[: settings["batch_size"]]),
        resolution=settings["resolution"],
        channels=settings["channels"],
        fit=settings["fit"],
        background=ImageColor.getrgb(settings["background"])[:3],
        memory_limit_bytes=sys.maxsize,
        cache_file=None,
        progress=None,
    )
    import tensorflow as tf

    from sle_gan.assembly.building import build_gan, build_networks
    from sle_gan.data.pipeline import training_dataset

    gan = build_gan(settings, *build_networks(settings))
    dataset = training_dataset(
        images,
        batch_size=settings["batch_size"] * settings["n_critic"],
        seed=settings["seed"],
        flip=settings["flip"],
        first_step=0,
    )
    step = gan.make_train_function()
    batches = iter(dataset)
    seconds = []
    try:
        for _ in range(_UNTIMED_STEPS + _TIMED_STEPS):
            start = time.perf_counter()
            logs = step(batches)
            float(logs["generator_loss"])  # waits for an accelerator to be done
            seconds.append(time.perf_counter() - start)
    except tf.errors.ResourceExhaustedError as error:
        raise TrainingError("out of memory; give a smaller --batch-size, --width or --resolution") from error
    return statistics.median(seconds[_UNTIMED_STEPS:])
