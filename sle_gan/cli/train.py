"""`train.py`: trains a GAN on a folder of images.

Everything that can be wrong with the arguments, the images and the run folder is found before TensorFlow is
imported.
"""

import contextlib
import functools
import importlib.metadata
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import ImageColor

from sle_gan.assembly.batch_size import with_batch_size
from sle_gan.assembly.other_runs import check_initial_run, resolve_other_runs
from sle_gan.assembly.step_probe import ask_probe
from sle_gan.cli.device_flags import cluster_of
from sle_gan.cli.presets import parse_with_preset, told_preset
from sle_gan.cli.program import run_program, signals_end_at_once
from sle_gan.cli.sparsity_flags import resolve_sparsity, sparsity_timeline
from sle_gan.cli.train_flags import parser, resolve
from sle_gan.cluster import Cluster, wait_for_chief
from sle_gan.data.classes import check_classes, class_labels, describe_classes, class_names, count_class_folders
from sle_gan.data.decode import decode_folder
from sle_gan.data.folder import FolderScan, changed_images, describe_images, hold_out, manifest, read_manifest, scan, subsample
from sle_gan.errors import InputError
from sle_gan.evaluation import FEWEST_IMAGES
from sle_gan.evaluation.download import inception_weights
from sle_gan.json_files import write_json
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder, check_writable, choose_run, start_run

_VERSIONED = ("sle-gan", "tensorflow", "tf-keras", "numpy", "pillow")


def main(argv=None):
    """Runs the program.

    Args:
        argv: words of the command line, without the program's name; the process's own if None.

    Returns:
        The exit code: 0 done, 2 bad input, 3 training failed, 4 input/output, 130 SIGINT, 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments, filled = parse_with_preset(parser(), argv)
    if arguments.preset is not None:
        print(told_preset(arguments.preset, filled))
    return run_program(lambda: _train(arguments, argv), debug=arguments.debug)


class _Plan(NamedTuple):
    settings: dict
    folder: FolderScan
    held_out: FolderScan | None
    run: RunFolder
    cluster: Cluster | None

    @property
    def writes(self):
        return self.cluster is None or self.cluster.is_chief


def _train(arguments, argv):
    # The images do not rest on the size of the batch: however many sizes are tried, they are looked at once.
    planned = functools.partial(_planned, found=functools.cache(functools.partial(_found, vars(arguments))))
    arguments = with_batch_size(arguments, planned, ask_probe)
    plan = planned(arguments)
    if not plan.writes:
        return _follow(plan)
    settings, run, folder = plan.settings, plan.run, plan.folder
    print(f"run {run.path}")
    _print_findings(folder, plan.held_out, settings)
    going_on = run.exists() and not arguments.override
    if not going_on:
        check_initial_run(settings, run)
    else:
        settings["schedule"] = run.config()["settings"].get("schedule")  # a longer training does not move its phases
    for line in sparsity_timeline(settings):
        print(f"sparsity: {line}")
    if arguments.dry_run:
        return _dry_run(settings, len(folder.images))
    images = manifest(folder, plan.held_out)
    with run.locked():
        if going_on:
            _check_manifest(run, images, accept=arguments.accept_data_change)
        else:
            start_run(run, settings, [Path(sys.argv[0]).name, *argv], _versions(), images)
        return 0 if _is_done(run, settings) else _fit(plan, run)


def _planned(arguments, found):
    """Returns what a training would do, in a `_Plan`; of all that it would write, the output folder alone is made."""
    settings, cluster = resolve(arguments), cluster_of(vars(arguments))
    writes = cluster is None or cluster.is_chief
    if writes:
        check_writable(arguments.output_folder)
    folder, held_out, settings["class_names"] = found()
    _resolve_scores(settings, len(folder.images))
    if arguments.epochs is not None:
        images_per_step = settings["batch_size"] * settings["n_critic"]
        settings["steps"] = math.ceil(arguments.epochs * len(folder.images) / images_per_step)
    resolve_sparsity(settings, len(folder.images))
    resolve_other_runs(settings)
    for name in ("data_folder", "ticket"):
        settings[name] = settings[name] and str(Path(settings[name]).resolve())
    run = _chosen_run(arguments, settings) if writes else RunFolder(Path(arguments.output_folder) / arguments.name)
    return _Plan(settings, folder, held_out, run, cluster)


def _chosen_run(arguments, settings):
    # TensorFlow opens files of UTF-8 names alone.
    label = f"{arguments.model}-{os.fsencode(Path(settings['data_folder']).name).decode('utf-8', 'replace')}"
    return choose_run(
        arguments.output_folder,
        arguments.name,
        label,
        settings,
        resume=arguments.resume == "auto",
        override=arguments.override,
        defaults=_defaults(arguments),
    )


def _is_done(run, settings):
    done = run.latest_step() or 0
    if done < settings["steps"] or not (run.generator_weights.exists() and run.discriminator_weights.exists()):
        return False
    print(f"nothing to do: the run is at step {done} of {settings['steps']}; --steps goes further")
    return True


def _follow(plan):
    """Trains as a worker that is not the chief: writes nothing that stays, and tells nothing but how it ends."""
    settings, run, cluster = plan.settings, plan.run, plan.cluster
    if settings["dry_run"]:
        return _dry_run(settings, len(plan.folder.images))
    if not settings["override"] and run.exists() and _is_done(run, settings):
        return 0
    print(f"worker {cluster.index} of {len(cluster.addresses)}: trains with worker 0, which writes {run.path}")
    with tempfile.TemporaryDirectory(prefix="sle-gan-") as place:
        own = RunFolder(Path(place) / run.name)
        own.path.mkdir()
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            code = _fit(plan._replace(settings=settings | {"keep_checkpoints": 1}), own)
    print(f"worker {cluster.index}: {'saved; the same command goes on with' if code else 'done;'} {run.path}")
    return code


def _resolve_scores(settings, image_count):
    if (settings["kid"] or settings["fid"]) and image_count < FEWEST_IMAGES:
        raise InputError(f"--kid and --fid need {FEWEST_IMAGES} images at least; got {image_count}")
    if settings["fid"]:
        settings["inception_weights"] = str(inception_weights(settings["inception_weights"], print))


def _found(settings):
    """Returns the images to train on, those held out, if any, and the names of the classes, if they are asked for."""
    scanned = scan(settings["data_folder"])
    _check_broken(scanned.skipped, settings)
    some = subsample(scanned, settings["data_ratio"], settings["seed"])
    folder, held_out = hold_out(some, settings["held_out"], settings["seed"])
    if not settings["conditional"]:
        return folder, held_out, None
    names = class_names(scanned)
    check_classes(folder.images, names)
    return folder, held_out, names


def _defaults(arguments):
    words = ["--data-folder", "", "--model", arguments.model, "--resolution", str(arguments.resolution)]
    return resolve(parser().parse_args(words))


def _print_findings(folder, held_out, settings):
    print("\n".join(f"data: {line}" for line in describe_images(folder, settings["resolution"])))
    images_per_step = settings["batch_size"] * settings["n_critic"]
    if len(folder.images) < images_per_step:
        print(f"data: warning: a step shows {images_per_step} images; the {len(folder.images)} there are repeat in it")
    if settings["class_names"]:
        print(f"data: {describe_classes(folder.images, settings['class_names'])}")
    elif unasked := count_class_folders(folder.images):
        print(f"data: all images lie in {unasked} sub-folders; did you mean --conditional, to draw by class?")
    if held_out:
        print(f"data: {len(held_out.images)} more images held out, to judge the discriminator by")


def _dry_run(settings, image_count):
    with quiet_start():
        from sle_gan.assembly.session import describe

    for name, value in sorted(settings.items()):
        print(f"{name}: {value}")
    print("\n".join(describe(settings, image_count)))
    return 0


def _fit(plan, run):
    """Decodes the images and trains; the run folder is the plan's, or for a worker that is not the chief its own."""
    settings, folder, held_out = plan.settings, plan.folder, plan.held_out
    images, kept = _decoded(folder, settings, run.image_cache)
    held_out_images, held_out_kept = _decoded(held_out, settings, run.held_out_cache) if held_out else (None, ())
    names, labels = settings["class_names"], None
    if names:
        check_classes(kept, names)  # some may not have been decoded
        labels = class_labels(kept, names), class_labels(held_out_kept, names)
    print(f"{len(images)} images decoded; loading TensorFlow", flush=True)
    data = images, held_out_images, labels
    if plan.cluster is not None:
        return _fit_together(plan, run, data)
    with quiet_start():
        from sle_gan.assembly.session import fit
        from sle_gan.training.devices import strategy_of

        strategy = strategy_of(settings["strategy"], settings["batch_size"], settings["accumulate"])
    return fit(run, settings, strategy, *data)


def _fit_together(plan, run, data):
    settings, cluster = plan.settings, plan.cluster
    wait_for_chief(cluster)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a worker that is gone is told in a line of ours
    print(f"waiting for the other workers of {', '.join(cluster.addresses)}", flush=True)
    with signals_end_at_once(), quiet_start():
        from sle_gan.training.devices import let_memory_grow
        from sle_gan.training.workers import join, together

        let_memory_grow()
        strategy, gathered = join(settings["batch_size"], settings["accumulate"])
        from sle_gan.assembly.session import fit  # behind that, for it begins with an operation
    same = {"flags": _shared_flags(settings), "images": manifest(plan.folder, plan.held_out)}
    with together(cluster, gathered, plan.run, run, same):
        settings["schedule"] = run.config()["settings"].get("schedule")  # where the chief goes on, it is the run's
        return fit(run, settings, strategy, *data)


def _shared_flags(settings):
    own = {"cache_limit", "data_folder", "debug", "keep_checkpoints", "output_folder", "schedule"}
    return {name: value for name, value in settings.items() if name not in own}


def _decoded(folder, settings, cache_file):
    images, kept, failures = decode_folder(
        folder,
        resolution=settings["resolution"],
        channels=settings["channels"],
        fit=settings["fit"],
        background=ImageColor.getrgb(settings["background"])[:3],
        memory_limit_bytes=settings["cache_limit"] * 2**20,
        cache_file=cache_file,
        progress=None,
    )
    for path, reason in failures:
        print(f"skipped {path}: {reason}")
    _check_broken(failures, settings)
    return images, kept


def _check_broken(skipped, settings):
    if settings["strict"] and skipped:
        path, reason = skipped[0]
        others = "" if len(skipped) == 1 else f", and {len(skipped) - 1} more"
        raise InputError(f"--strict: {path} cannot be used ({reason}){others}; remove or mend what cannot be used")


def _check_manifest(run, new, *, accept):
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


def _versions():
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {
        name: importlib.metadata.version(name) for name in _VERSIONED
    }
