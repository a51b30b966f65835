"""`train.py`: trains a GAN on a folder of images.

Everything that can be wrong with the arguments, the images and the run folder is found before TensorFlow is
imported.
"""

import contextlib
import functools
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.assembly.batch_size import with_batch_size
from sle_gan.assembly.other_runs import check_initial_run, resolve_other_runs
from sle_gan.assembly.resolve import cluster_of, resolve
from sle_gan.assembly.step_probe import ask_probe
from sle_gan.cli.program import run_program, signals_end_at_once
from sle_gan.cli.train_flags import Given, parse
from sle_gan.cluster import Cluster, wait_for_chief
from sle_gan.data.classes import check_classes, class_labels, class_names, count_class_folders, describe_classes
from sle_gan.data.decode import decode_folder
from sle_gan.data.folder import (
    FolderScan,
    changed_images,
    describe_images,
    hold_out,
    manifest,
    read_manifest,
    scan,
    subsample,
)
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.evaluation.download import inception_weights
from sle_gan.json_files import write_json
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder, check_writable, choose_run, start_run
from sle_gan.run_config import RunConfig
from sle_gan.settings import CommandSettings, ImageSettings, TicketSettings, TrainSettings
from sle_gan.settings.presets import describe_preset
from sle_gan.settings.train import TIMES
from sle_gan.sparsity.times import sparsity_timeline

_VERSIONED = ("sle-gan", "tensorflow", "tf-keras", "numpy", "pillow")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 3 training failed, 4 input/output, 130 SIGINT, 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    given = parse(argv)
    if given.command.preset is not None:
        print(describe_preset(given.command.preset, given.filled))
    return run_program(lambda: _train(given, argv), debug=given.command.debug)


class _Plan(NamedTuple):
    command: CommandSettings
    settings: TrainSettings
    folder: FolderScan
    held_out: FolderScan | None
    run: RunFolder
    cluster: Cluster | None


def _train(given: Given, argv: Sequence[str]) -> int:
    # The images do not rest on the size of the batch: however many sizes are tried, they are looked at once.
    planned = functools.partial(_planned, command=given.command, found=functools.cache(_found))
    plan = planned(with_batch_size(given.settings, given.command, planned, ask_probe))
    if plan.cluster is not None and not plan.cluster.is_chief:
        return _follow(plan, plan.cluster)
    settings, run, folder = plan.settings, plan.run, plan.folder
    print(f"run {run.path}")
    _print_findings(folder, plan.held_out, settings)
    going_on = run.exists() and not given.command.override
    if going_on:
        settings = _with_times_of(run, settings)
    else:
        check_initial_run(settings, run)
    plan = plan._replace(settings=settings)
    for line in sparsity_timeline(settings.sparsity, settings.optimization.steps):
        print(f"sparsity: {line}")
    if given.command.dry_run:
        return _dry_run(plan)
    images = manifest(folder, plan.held_out)
    with run.locked():
        if going_on:
            _check_manifest(run, images, accept=given.command.accept_data_change)
        else:
            start_run(run, RunConfig(settings, _versions(), [Path(sys.argv[0]).name, *argv]), images)
        return 0 if _is_done(run, settings) else _fit(plan, run)


def _planned(values: Mapping[str, object], command: CommandSettings, found: Callable[..., tuple]) -> _Plan:
    """Returns what a training would do; of all that it would write, the output folder alone is made."""
    settings = resolve(values, image_count=1)  # what cannot be used is told before the images are looked at
    command.check_for(settings.run.name)
    cluster = cluster_of(settings.devices)
    writes = cluster is None or cluster.is_chief
    if writes:
        check_writable(settings.run.output_folder)
    folder, held_out, names = found(settings.images, settings.optimization.seed)
    settings = _with_scores(resolve(values, len(folder.images), names or ()), len(folder.images))
    settings = _with_absolute_paths(resolve_other_runs(settings))
    if writes:
        run = _chosen_run(settings, command)
    else:  # which has a name: that was checked
        run = RunFolder(Path(settings.run.output_folder, str(settings.run.name)))
    return _Plan(command, settings, folder, held_out, run, cluster)


def _chosen_run(settings: TrainSettings, command: CommandSettings) -> RunFolder:
    # TensorFlow opens files of UTF-8 names alone.
    folder_name = os.fsencode(Path(settings.images.data_folder).name).decode("utf-8", "replace")
    label = f"{settings.network.model}-{folder_name}"
    return choose_run(label, settings, resume=command.resume == "auto", override=command.override)


def _with_absolute_paths(settings: TrainSettings) -> TrainSettings:
    data_folder, sparsity = str(Path(settings.images.data_folder).resolve()), settings.sparsity
    if isinstance(sparsity, TicketSettings):
        sparsity = replace(sparsity, ticket=str(Path(sparsity.ticket).resolve()))
    return replace(settings, images=replace(settings.images, data_folder=data_folder), sparsity=sparsity)


def _with_times_of(run: RunFolder, settings: TrainSettings) -> TrainSettings:
    """Returns the settings with the phases of a run that goes on: a longer training does not move them."""
    return replace(settings, sparsity=run.settings().sparsity)


def _is_done(run: RunFolder, settings: TrainSettings) -> bool:
    done, steps = run.latest_step() or 0, settings.optimization.steps
    if done < steps or not (run.generator_weights.exists() and run.discriminator_weights.exists()):
        return False
    print(f"nothing to do: the run is at step {done} of {steps}; --steps goes further")
    return True


def _follow(plan: _Plan, cluster: Cluster) -> int:
    """Trains as a worker that is not the chief: writes nothing that stays, and tells nothing but how it ends."""
    settings, run = plan.settings, plan.run
    if plan.command.dry_run:
        return _dry_run(plan)
    if not plan.command.override and run.exists() and _is_done(run, settings):
        return 0
    print(f"worker {cluster.index} of {len(cluster.addresses)}: trains with worker 0, which writes {run.path}")
    with tempfile.TemporaryDirectory(prefix="sle-gan-") as place:
        own = RunFolder(Path(place) / run.name)
        own.path.mkdir()
        settings = replace(settings, run=replace(settings.run, keep_checkpoints=1))
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            code = _fit(plan._replace(settings=settings), own)
    print(f"worker {cluster.index}: {'saved; the same command goes on with' if code else 'done;'} {run.path}")
    return code


def _with_scores(settings: TrainSettings, image_count: int) -> TrainSettings:
    scores = settings.scores
    if (scores.kid or scores.fid) and image_count < FEWEST_IMAGES:
        raise InputError(f"--kid and --fid need {FEWEST_IMAGES} images at least; got {image_count}")
    if not scores.fid:
        return settings
    weights = str(inception_weights(scores.inception_weights, print))
    return replace(settings, scores=replace(scores, inception_weights=weights))


def _found(images: ImageSettings, seed: int) -> tuple[FolderScan, FolderScan | None, list[str] | None]:
    """Returns the images to train on, those held out, if any, and the names of the classes, if they are asked for."""
    scanned = scan(images.data_folder)
    _check_broken(scanned.skipped, strict=images.strict)
    some = subsample(scanned, images.data_ratio, seed)
    folder, held_out = hold_out(some, images.held_out, seed)
    if not images.conditional:
        return folder, held_out, None
    names = class_names(scanned)
    check_classes(folder.images, names)
    return folder, held_out, names


def _print_findings(folder: FolderScan, held_out: FolderScan | None, settings: TrainSettings) -> None:
    print("\n".join(f"data: {line}" for line in describe_images(folder, settings.images.resolution)))
    images_per_step = settings.optimization.images_per_step
    if len(folder.images) < images_per_step:
        print(f"data: warning: a step shows {images_per_step} images; the {len(folder.images)} there are repeat in it")
    if settings.images.class_names:
        print(f"data: {describe_classes(folder.images, settings.images.class_names)}")
    elif unasked := count_class_folders(folder.images):
        print(f"data: all images lie in {unasked} sub-folders; did you mean --conditional, to draw by class?")
    if held_out:
        print(f"data: {len(held_out.images)} more images held out, to judge the discriminator by")


def _dry_run(plan: _Plan) -> int:
    with quiet_start():
        from sle_gan.assembly.description import describe_training

    for name, value in sorted((plan.settings.named() | vars(plan.command)).items()):
        print(f"{name}: {value}")
    print("\n".join(describe_training(plan.settings, len(plan.folder.images))))
    return 0


def _fit(plan: _Plan, run: RunFolder) -> int:
    """Decodes the images and trains; the run folder is the plan's, or for a worker that is not the chief its own."""
    settings, folder, held_out = plan.settings, plan.folder, plan.held_out
    images, kept = _decoded(folder, settings.images, run.image_cache)
    held_out_images, held_out_kept = _decoded(held_out, settings.images, run.held_out_cache) if held_out else (None, ())
    names, labels = settings.images.class_names, None
    if names:
        check_classes(kept, names)  # some may not have been decoded
        labels = class_labels(kept, names), class_labels(held_out_kept, names)
    print(f"{len(images)} images decoded; loading TensorFlow", flush=True)
    data = images, held_out_images, labels
    if plan.cluster is not None:
        return _fit_together(plan, plan.cluster, run, data)
    optimization = settings.optimization
    with quiet_start():
        from sle_gan.assembly.session import fit
        from sle_gan.training.devices import strategy_of

        strategy = strategy_of(settings.devices.strategy, optimization.batch_size, optimization.accumulate)
    return fit(run, settings, strategy, *data)


def _fit_together(plan: _Plan, cluster: Cluster, run: RunFolder, data: tuple) -> int:
    settings = plan.settings
    wait_for_chief(cluster)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a worker that is gone is told in a line of ours
    print(f"waiting for the other workers of {', '.join(cluster.addresses)}", flush=True)
    with signals_end_at_once(), quiet_start():
        from sle_gan.training.devices import let_memory_grow
        from sle_gan.training.workers import join, together

        let_memory_grow()
        strategy, gathered = join(settings.optimization.batch_size, settings.optimization.accumulate)
        from sle_gan.assembly.session import fit  # behind that, for it begins with an operation
    same = {"flags": _shared_flags(settings), "images": manifest(plan.folder, plan.held_out)}
    with together(cluster, gathered, plan.run, run, same):
        return fit(run, _with_times_of(run, settings), strategy, *data)


def _shared_flags(settings: TrainSettings) -> dict[str, object]:
    own = {"cache_limit", "data_folder", "keep_checkpoints", "output_folder"} | TIMES
    return {name: value for name, value in settings.named().items() if name not in own}


def _decoded(folder: FolderScan, settings: ImageSettings, cache_file: Path) -> tuple:
    images, kept, failures = decode_folder(
        folder,
        resolution=settings.resolution,
        channels=settings.channels,
        fit=settings.fit,
        background=settings.background_rgb,
        memory_limit_bytes=settings.cache_limit_bytes,
        cache_file=cache_file,
        progress=None,
    )
    for path, reason in failures:
        print(f"skipped {path}: {reason}")
    _check_broken(failures, strict=settings.strict)
    return images, kept


def _check_broken(skipped: Sequence[tuple[str, str]], *, strict: bool) -> None:
    if strict and skipped:
        path, reason = skipped[0]
        others = "" if len(skipped) == 1 else f", and {len(skipped) - 1} more"
        raise InputError(f"--strict: {path} cannot be used ({reason}){others}; remove or mend what cannot be used")


def _check_manifest(run: RunFolder, new: dict[str, Any], *, accept: bool) -> None:
    if not run.manifest_file.exists() or run.latest_step() is None:  # nothing is trained on them yet
        write_json(run.manifest_file, new)
        return
    added, removed, changed = changed_images(read_manifest(run.manifest_file), new)
    if not (added or removed or changed):
        return
    told = f"{len(added)} images added, {len(removed)} removed, {len(changed)} changed since the run began"
    if not accept:
        raise InputError(f"{told}; give --accept-data-change to go on with them, or another --name")
    print(told)
    write_json(run.manifest_file, new)


def _versions() -> dict[str, str]:
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {
        name: importlib.metadata.version(name) for name in _VERSIONED
    }
