"""`sle-gan doctor`: looks over a folder of images before GPU time is spent on it.

What is in the folder is told first; only the estimates need TensorFlow.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sle_gan.assembly.advice import accepts_for
from sle_gan.assembly.estimate import estimate_needs
from sle_gan.assembly.hours import fit_length
from sle_gan.assembly.precision import PrecisionTrials
from sle_gan.assembly.probe import TIMED_STEPS, ask_times
from sle_gan.assembly.resolve import resolve
from sle_gan.cli.program import ArgumentParser, file_path, run_program
from sle_gan.cli.settings_flags import add_setting, reader
from sle_gan.cli.train_flags import CHOICES
from sle_gan.data.doctor import describe_diagnosis, diagnose, write_pairs
from sle_gan.data.folder import scan
from sle_gan.json_files import write_json
from sle_gan.models.rates import describe_rates
from sle_gan.settings import TrainSettings
from sle_gan.settings.advice import Accepts, Changes, as_flags, first_accepted
from sle_gan.settings.kinds import HOURS
from sle_gan.settings.train import GIVABLE
from sle_gan.systems import check_tensorflow, missing_tensorflow

_PASSED_ON = ("resolution", "channels", "fit", "range", "model", "width", "batch_size", "cache_limit")
_SHEET_FORMATS = (".png", ".jpg", ".webp")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad arguments or nothing usable, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(lambda: _examine(arguments), debug=arguments.debug, needs_tensorflow=False)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments; those of a training have its defaults."""
    result = ArgumentParser(
        prog="sle-gan doctor",
        description="Look over a folder of images before training on it.",
    )
    add = result.add_argument_group("the images").add_argument
    add("data_folder", metavar="DATA", help="images, also in sub-folders")
    add("--json", type=file_path, metavar="FILE", help="write what was found there too")
    add("--pairs", type=_sheet_file, metavar="FILE", help="draw a sheet of the images that look alike there")
    add("--debug", action="store_true", help="show the traceback of an error")
    group = result.add_argument_group("the training that is planned, as for train")
    for name in _PASSED_ON:
        add_setting(group, name, GIVABLE[name], CHOICES.get(name))
    estimates = group.add_mutually_exclusive_group()
    estimates.add_argument("--no-estimate", action="store_true", help="leave the memory and the disk space out")
    estimates.add_argument("--time", action="store_true", help=f"time {TIMED_STEPS} steps of training here")
    estimates.add_argument(
        "--hours",
        type=reader(HOURS),
        metavar="HOURS",
        help=f"time {TIMED_STEPS} steps, and tell how long a training of this time would be, and its rates",
    )
    return result


def _sheet_file(text: str) -> Path:
    path = file_path(text)
    if path.suffix.lower() not in _SHEET_FORMATS:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(_SHEET_FORMATS)}; got {text}")
    return path


def _examine(arguments: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(arguments).items() if name in _PASSED_ON}
    given["data_folder"] = arguments.data_folder
    settings = resolve(given)
    if arguments.time or arguments.hours:
        check_tensorflow()
    found = scan(arguments.data_folder)
    print(f"{found.folder}: looking at {len(found.images)} images", flush=True)
    accepts = accepts_for(given, found)
    diagnosis = diagnose(found, settings.images, accepts)
    print("\n".join(describe_diagnosis(diagnosis)), flush=True)
    if arguments.pairs is not None:
        pairs = write_pairs(diagnosis, settings.images, arguments.pairs)
        count = "1 pair" if pairs == 1 else f"{pairs} pairs"
        print(f"{count} to look at in {arguments.pairs}" if pairs else "no pairs to look at", flush=True)
    content = asdict(diagnosis)
    if not arguments.no_estimate and (missing := missing_tensorflow()):
        print(f"memory and disk: not estimated, for {missing}")
    elif not arguments.no_estimate:
        content["estimate"] = estimate_needs(settings, diagnosis.usable)
        print("\n".join(describe_estimate(content["estimate"], settings, accepts)), flush=True)
    if arguments.time:
        content["seconds_per_step"] = seconds = ask_times(settings).step_seconds
        hours, length = seconds * settings.optimization.steps / 3600, f"{settings.optimization.steps:,} steps"
        print(f"a step takes {seconds:.3g} s here; {length} {hours:.1f} hours")
    elif arguments.hours:
        trials = PrecisionTrials(given, ask_times)
        chosen, lines = fit_length(settings, given, arguments.hours, trials.fastest, diagnosis.usable)
        print("\n".join(lines))
        planned = resolve({**given, **chosen})
        print(f"rates: {describe_rates(planned, goes_on=False) or 'those of the paper'}")
        if trials.has_choice(planned):
            print(f"precision: {trials.choose(planned)[1]}")
        content |= {**chosen, "rates": planned.optimization.rates}
    if arguments.json is not None:
        write_json(arguments.json, content)
    return 0


def describe_estimate(estimate: Mapping[str, int | bool], settings: TrainSettings, accepts: Accepts) -> Iterator[str]:
    """Describes what a training needs for a person.

    Args:
        estimate: as `estimate_needs` returns it.
        settings: of the training that is planned.
        accepts: whether that training takes some changes; no others are advised.

    Yields:
        Lines of text.
    """
    step, images, disk, memory, free = (
        estimate[f"{name}_bytes"] / 2**30 for name in ("step", "images", "disk", "free_memory", "free_disk")
    )
    place = "in a file" if estimate["images_in_file"] else "in memory"
    yield f"memory: about {step:.1f} GiB for a step, {images:.2f} GiB for the decoded images, {place}"
    yield f"disk: about {disk:.1f} GiB for a run"
    yield f"free on this machine: {memory:.1f} GiB of memory, {free:.1f} GiB of disk space in the current folder"
    if step + (0 if estimate["images_in_file"] else images) > memory:
        way = first_accepted(_smaller(settings, images_alone=step <= memory), accepts)
        yield "advice: the memory may not suffice" + ("" if way is None else f"; {as_flags(way)} takes less")
    if disk > free:
        yield "advice: the disk space may not suffice"


def _smaller(settings: TrainSettings, *, images_alone: bool) -> Iterator[Changes]:
    """Yields what takes less memory, the least loss first."""
    size, width = settings.optimization.batch_size, settings.network.width
    shape = settings.images.shape
    if images_alone:
        yield {"cache_limit": 1}
    if size > 1:
        yield {"batch_size": size // 2}
    if width > 8:
        yield {"width": max(8, width // 16 * 8)}
    yield {"resolution": shape.of_side(shape.side // 2).resolution}
