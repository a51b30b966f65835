"""`sle-gan evaluate`: how far a run's pictures are from its training images, how many are copies, how different.

The arguments, the run, its images and the network's weights are checked before TensorFlow is imported.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sle_gan.assembly.evaluate_folders import LARGEST_SIDE_PX, SMALLEST_SIDE_PX, evaluate_folders
from sle_gan.assembly.evaluate_run import NETWORK_CHOICES, Evaluation
from sle_gan.assembly.opened_run import open_run
from sle_gan.cli.program import ArgumentParser, HelpFormatter, file_path, run_program
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES, METRICS
from sle_gan.evaluation.judges import FLATTERING
from sle_gan.evaluation.self_check import check_inception
from sle_gan.picture_shape import PictureShape, Resolution
from sle_gan.pretrained import MODES


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 4 input/output, 130 SIGINT.
    """
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    return run_program(
        lambda: _self_check(arguments) if arguments.self_check else _evaluate(arguments), debug=arguments.debug
    )


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments."""
    result = ArgumentParser(
        prog="sle-gan evaluate",
        description="Score a trained generator against its training images. One line is added to RUN/metrics.jsonl.",
        formatter_class=HelpFormatter,
    )
    add = result.add_argument_group("the run").add_argument
    add("run", metavar="RUN", nargs="?", help="a run folder, or the name of one")
    add("--output-folder", default="runs", metavar="FOLDER", help="where runs are looked for by name")
    add("--step", type=_whole_number, metavar="STEP", help="of an older checkpoint that is still kept")
    add("--data-folder", metavar="FOLDER", help="where the training images are now, if they were moved")
    add("--debug", action="store_true", help="show the traceback of an error")
    add = result.add_argument_group("the scores").add_argument
    add(
        "--metrics",
        type=_metrics,
        default=",".join(Evaluation.metrics),
        metavar="NAMES",
        help=f"some of {','.join(METRICS)}; prdc is precision, recall, density and coverage, is the Inception Score, "
        "swd the sliced Wasserstein distance, which needs no network",
    )
    add(
        "--network",
        choices=NETWORK_CHOICES,
        default=Evaluation.network,
        help="whose features are compared; auto: the first that is no part of the training's loss; fid and kid of "
        "inception alone are those of published tables",
    )
    add("--mode", choices=MODES, default=Evaluation.mode, help="how images are resized: legacy as in most tables")
    add(
        "--number-of-images",
        type=_image_count,
        default=Evaluation.number_of_images,
        metavar="IMAGES",
        help="drawn and scored",
    )
    add(
        "--seed",
        type=_whole_number,
        default=Evaluation.seed,
        metavar="NUMBER",
        help="of the pictures and of the subsets",
    )
    add(
        "--reference-folder",
        metavar="FOLDER",
        help="score against these images, such as a test split, in the shape of the training images; copies and "
        "diversity stay those of the training images",
    )
    add("--inception-weights", type=file_path, metavar="FILE", help="the cache folder's, or fetched, without it")
    add = result.add_argument_group("without a run").add_argument
    add("--real", type=file_path, metavar="FOLDER", help="images that the pictures of --fake are scored against")
    add("--fake", type=file_path, metavar="FOLDER", help="pictures, all of which are scored; nothing is written")
    help = "side, or width and height such as 384x256, that both are brought to, the middle cut out; the shorter side "
    help += "of the smallest picture without it"
    add("--resolution", type=_resolution, metavar="PX", help=help)
    add("--sheet", type=file_path, metavar="FILE", help="write the closest pairs of pictures and images (.png)")
    add("--self-check", action="store_true", help="compare a score of CIFAR-10 with the published one")
    add("--cifar10", type=file_path, metavar="FILE", help="cifar-10-binary.tar.gz; the cache folder's without it")
    return result


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.real or arguments.fake:
        return _evaluate_folders(arguments)
    if arguments.run is None:
        raise InputError("RUN must be named, unless --self-check or --real and --fake are given")
    run = open_run(arguments.run, arguments.output_folder)
    row = run.evaluate(
        arguments.metrics,
        arguments.network,
        arguments.number_of_images,
        mode=arguments.mode,
        seed=arguments.seed,
        inception_weights=arguments.inception_weights,
        step=arguments.step,
        data_folder=arguments.data_folder,
        reference_folder=arguments.reference_folder,
        tell=_tell,
    )
    print("\n".join(describe_scores(row)))
    print(f"the closest pairs in {run.folder.copies_sheet(row['step'])}")
    print(f"the report in {run.report()}")
    return 0


def _evaluate_folders(arguments: argparse.Namespace) -> int:
    if arguments.run or not (arguments.real and arguments.fake):
        raise InputError("--real and --fake go together, and without a RUN")
    evaluation = Evaluation(
        arguments.metrics,
        arguments.network,
        mode=arguments.mode,
        seed=arguments.seed,
        inception_weights=arguments.inception_weights,
    )
    row = evaluate_folders(
        arguments.real, arguments.fake, evaluation, arguments.resolution, arguments.sheet, tell=_tell
    )
    print("\n".join(describe_scores(row)))
    return 0


def describe_scores(row: Mapping[str, Any]) -> list[str]:
    """Says in words what a row of scores says in numbers.

    Args:
        row: of scores, as `OpenedRun.evaluate` returns it.

    Returns:
        Lines of text.
    """
    kind = "training images" if row["split"] == "train" else f"images of the folder ({row['split']})"
    halves = "training images" if row["split"] == "train" else "images of the folder"
    lines = [
        f"{row['fakes']} pictures against {row['reals']} {kind}, not mirrored, at {row['resolution']} px; "
        f"{row['network']} {row['weights_sha256'][:8]}, {row['mode']}, seed {row['seed']}"
    ]
    if row["party"]:
        lines.append(FLATTERING)
    for name, score in row["scores"].items():
        spread = "" if score["spread"] is None else f", spread {score['spread']:.3g}"
        floor = "" if score["floor"] is None else f" (halves of the {halves}: {score['floor']:.4g})"
        lines.append(f"{name} {score['value']:.4g}{spread}{floor}")
    if row["diversity"]:
        diversity = row["diversity"]
        network = diversity["network"]
        lines.append(f"diversity ({network}) {diversity['fakes']:.3g}, of the training images {diversity['reals']:.3g}")
    copies = row["memorization"]
    lines.append(
        f"near copies ({copies['network']}) {copies['near_copies']:.1%}, "
        f"among the training images {copies['near_copies_among_reals']:.1%}; "
        f"median distance ratio {copies['median_ratio']:.2f}, smallest {copies['smallest_ratio']:.2f}"
    )
    return lines


def _self_check(arguments: argparse.Namespace) -> int:
    print(check_inception(arguments.inception_weights, arguments.cifar10, _tell))
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _metrics(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(METRICS):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(METRICS)}; got {text!r}")
    return names


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2147483647; got {text!r}")
    return int(text)


def _resolution(text: str) -> Resolution:
    try:
        shape = PictureShape.of(text)
        if all(SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX for side in shape):
            return shape.resolution
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"must be a whole number from {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX}, or width and height such as 384x256; "
        f"got {text!r}"
    )


def _image_count(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST_IMAGES:
        raise argparse.ArgumentTypeError(f"must be a whole number from {FEWEST_IMAGES}; got {text!r}")
    return int(text)
