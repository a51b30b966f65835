"""`sle-gan evaluate`: how far a run's pictures are from its training images, how many are copies, how different.

The arguments, the run, its images and the network's weights are checked before TensorFlow is imported.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np

from sle_gan.assembly.training_images import background_of, read_training_images
from sle_gan.cli.program import ArgumentParser, HelpFormatter, quiet_start, run_program
from sle_gan.data.pictures import opaque, write_picture
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES, METRICS, MODES, NETWORKS, check_metrics
from sle_gan.evaluation.download import INCEPTION_ADDRESS, cache_folder, inception_file, inception_weights
from sle_gan.evaluation.judges import FLATTERING, described, judge_of
from sle_gan.evaluation.self_check import check_score, cifar10_images
from sle_gan.report.run_report import write_report
from sle_gan.run import find_run

_BATCH_SIZE = 8
_TOLD_EVERY_S = 10


def main(argv=None):
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


def parser():
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
        default="fid,kid,prdc,swd,diversity",
        metavar="NAMES",
        help=f"some of {','.join(METRICS)}; prdc is precision, recall, density and coverage, is the Inception Score, "
        "swd the sliced Wasserstein distance, which needs no network",
    )
    add(
        "--network",
        choices=("auto", *NETWORKS),
        default="auto",
        help="whose features are compared; auto: the first that is no part of the training's loss; fid and kid of "
        "inception alone are those of published tables",
    )
    add("--mode", choices=MODES, default="legacy", help="how images are resized: legacy as in most tables")
    add("--number-of-images", type=_image_count, default=1000, metavar="IMAGES", help="drawn and scored")
    add("--seed", type=_whole_number, default=0, metavar="NUMBER", help="of the pictures and of the subsets")
    add("--inception-weights", type=Path, metavar="FILE", help="the cache folder's, or fetched, without it")
    add = result.add_argument_group("without a run").add_argument
    add("--self-check", action="store_true", help="compare a score of CIFAR-10 with the published one")
    add("--cifar10", type=Path, metavar="FILE", help="cifar-10-binary.tar.gz; the cache folder's without it")
    return result


def _evaluate(arguments):
    if arguments.run is None:
        raise InputError("RUN must be named, unless --self-check is asked for")
    if arguments.inception_weights and arguments.network != "inception":
        raise InputError("--inception-weights needs --network inception")
    run = find_run(arguments.run, arguments.output_folder)
    step, _ = run.generator_checkpoint(arguments.step)
    settings = run.config()["settings"]
    name = judge_of(settings) if arguments.network == "auto" else arguments.network
    check_metrics(name, arguments.metrics)
    weights = inception_weights(arguments.inception_weights, print) if arguments.network == "inception" else None
    with run.locked():
        images, manifest = read_training_images(run, arguments.data_folder)
        told = f"scoring {run.name} at step {step} against {len(images)} training images"
        print(f"{told} with {described(name, settings)}; loading TensorFlow", flush=True)
        with quiet_start():
            import tensorflow as tf

            from sle_gan.callbacks.metrics import append_row, keep_rows_until
            from sle_gan.evaluation.scoring import Scoring, features_file_name, image_seeds
            from sle_gan.export.trained import TrainedGenerator

            tf.config.list_logical_devices()  # starts the runtime here, where its messages are expected
        trained = TrainedGenerator(run, step)
        network = NETWORKS[name].module().feature_network(weights)
        features_file = run.scores / features_file_name(manifest, settings, network, arguments.mode)
        scoring = Scoring(network, arguments.mode, arguments.metrics, images, settings, arguments.seed, features_file)
        seeds = image_seeds(arguments.seed, arguments.number_of_images)
        drawn = _batches(trained.draw_seeds(seeds))
        batches = (opaque(batch, background_of(settings)) for batch in drawn)
        scored = scoring(batches, seeds, _progress(len(seeds)))
        keep_rows_until(run.metrics_file, math.inf)  # a line that a killed training left torn
        append_row(run.metrics_file, {"step": step, "event": "scores"} | scored.row)
        sheet_file = run.scores / f"copies-step-{step:06d}.png"
        write_picture(sheet_file, scored.sheet, {"run": run.name, "step": str(step), "pairs": scored.sheet_words})
    print("\n".join(told_scores(scored.row)))
    print(f"the closest pairs in {sheet_file}")
    print(f"the report in {write_report(run)}")
    return 0


def told_scores(row):
    """Says in words what a row of scores says in numbers.

    Args:
        row: `Scored.row`.

    Returns:
        Lines of text.
    """
    lines = [
        f"{row['fakes']} pictures against {row['reals']} training images, not mirrored, at {row['resolution']} px; "
        f"{row['network']} {row['weights_sha256'][:8]}, {row['mode']}, seed {row['seed']}"
    ]
    if row["party"]:
        lines.append(FLATTERING)
    for name, score in row["scores"].items():
        spread = "" if score["spread"] is None else f", spread {score['spread']:.3g}"
        floor = "" if score["floor"] is None else f" (halves of the training images: {score['floor']:.4g})"
        lines.append(f"{name} {score['value']:.4g}{spread}{floor}")
    if row["diversity"]:
        found = row["diversity"]
        by = found["network"]
        lines.append(f"diversity ({by}) {found['fakes']:.3g}, of the training images {found['reals']:.3g}")
    found = row["memorization"]
    lines.append(
        f"near copies ({found['network']}) {found['near_copies']:.1%}, "
        f"among the training images {found['near_copies_among_reals']:.1%}; "
        f"median distance ratio {found['median_ratio']:.2f}, smallest {found['smallest_ratio']:.2f}"
    )
    return lines


def _self_check(arguments):
    weights = inception_file(arguments.inception_weights)
    if not weights.is_file():
        raise InputError(f"the self-check needs the weights {INCEPTION_ADDRESS}; put them at {weights}")
    images = cifar10_images(arguments.cifar10 or cache_folder() / "cifar-10-binary.tar.gz")
    inception_weights(weights, print)
    with quiet_start():
        network = NETWORKS["inception"].module().feature_network(weights)
    print(check_score(network, images, _progress(len(images))))
    return 0


def _batches(pictures):
    batch = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == _BATCH_SIZE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def _progress(count):
    start = told = time.monotonic()

    def tell(done):
        nonlocal told
        now = time.monotonic()
        if now - told > _TOLD_EVERY_S or done == count:
            told = now
            print(f"{done} of {count} images, {done / (now - start):.1f} images/s", flush=True)

    return tell


def _metrics(text):
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(METRICS):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(METRICS)}; got {text!r}")
    return names


def _whole_number(text):
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2147483647; got {text!r}")
    return int(text)


def _image_count(text):
    if not text.isdecimal() or int(text) < FEWEST_IMAGES:
        raise argparse.ArgumentTypeError(f"must be a whole number from {FEWEST_IMAGES}; got {text!r}")
    return int(text)
