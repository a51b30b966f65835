"""Carries out the plan of a training: the run folder, the decoded images, and this process's part in it.

TensorFlow is loaded when the images are decoded.
"""

import contextlib
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sle_gan.assembly.plan import TrainingPlan
from sle_gan.cluster import Cluster, wait_for_chief
from sle_gan.data.classes import check_classes, class_labels
from sle_gan.data.decode import check_usable, decode_images
from sle_gan.data.folder import FolderScan, ImageFile
from sle_gan.data.manifest import changed_images, manifest, read_manifest
from sle_gan.errors import InputError
from sle_gan.json_files import write_json
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder, start_run
from sle_gan.run_config import Command, RunConfig
from sle_gan.settings import ImageSettings, TrainSettings
from sle_gan.settings.train import TIMES, with_times_of
from sle_gan.signals import signals_end_at_once

_VERSIONED = ("sle-gan", "tensorflow", "tf-keras", "numpy", "pillow")
_OWN_OF_WORKER = {"cache_limit", "data_folder", "keep_checkpoints", "keep_decoded", "output_folder"} | TIMES


class _Data(NamedTuple):
    images: NDArray[np.uint8]
    held_out: NDArray[np.uint8] | None
    labels: tuple[NDArray[np.int32], NDArray[np.int32]] | None


def train_plan(plan: TrainingPlan, command: Sequence[str]) -> int:
    """Trains until the run's last step, or until a signal.

    Args:
        plan: of the training.
        command: the words of a command line that asks for it; the run keeps them.

    Returns:
        The exit code: 0, or 128 and the signal's number.

    Raises:
        InputError: if the images have changed, or what the training takes from files or other runs does not fit.
        TrainingError: if losses or weights are not finite however often it is tried, or the memory does not suffice.
        StorageError: if the disk space does not suffice, or the run cannot be written.
    """
    if not plan.is_written and plan.cluster is not None:
        return _follow(plan, plan.cluster)
    run, images = plan.run, manifest(plan.folder, plan.held_out)
    with run.locked():
        if not plan.goes_on:
            words = list(command)
            start_run(run, RunConfig(plan.settings, current_versions(), words, (Command(0, words, {}),)), images)
            return _fit(plan, run)
        _check_manifest(run, images, accept=plan.command.accept_data_change)
        if _is_done(run, plan.settings):
            return 0
        gone_on = run.config().gone_on(plan.settings, current_versions(), command, run.latest_step() or 0)
        if gone_on != run.config():
            write_json(run.config_file, gone_on.to_json())
        return _fit(plan, run)


def _follow(plan: TrainingPlan, cluster: Cluster) -> int:
    """Trains as a worker that is not the chief: writes nothing that stays, and prints nothing but how it ends."""
    settings, run = plan.settings, plan.run
    if plan.goes_on and _is_done(run, settings):
        return 0
    print(f"worker {cluster.index} of {len(cluster.addresses)}: trains with worker 0, which writes {run.path}")
    with tempfile.TemporaryDirectory(prefix="sle-gan-") as place:
        own = RunFolder(Path(place) / run.name)
        own.path.mkdir()
        settings = replace(settings, run=replace(settings.run, keep_checkpoints=1))
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            code = _fit(replace(plan, settings=settings), own)
    print(f"worker {cluster.index}: {'saved; the same command goes on with' if code else 'done;'} {run.path}")
    return code


def _fit(plan: TrainingPlan, run: RunFolder) -> int:
    """Decodes the images and trains; the run folder is the plan's, or for a worker that is not the chief its own."""
    settings = plan.settings
    data = _decoded_data(plan, run)
    print(f"{len(data.images)} images decoded; loading TensorFlow", flush=True)
    if plan.cluster is not None:
        return _fit_together(plan, plan.cluster, run, data)
    optimization = settings.optimization
    with quiet_start():
        from sle_gan.assembly.session import fit
        from sle_gan.training.devices import has_gpu, slow_precision, strategy_of

        asked = settings.devices.strategy if settings.growth is None else "one"  # the batches of sides differ
        strategy = strategy_of(asked, optimization.batch_size, optimization.accumulate)
        slowness = slow_precision(settings.devices.mixed_precision, has_gpu())
    if slowness is not None:
        print(f"note: {slowness}", flush=True)
    return fit(run, settings, strategy, *data)


def _fit_together(plan: TrainingPlan, cluster: Cluster, run: RunFolder, data: _Data) -> int:
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
    shared = {name: value for name, value in settings.named().items() if name not in _OWN_OF_WORKER}
    same = {"flags": shared, "images": manifest(plan.folder, plan.held_out)}
    with together(cluster, gathered, plan.run, run, same):
        return fit(run, with_times_of(run.settings(), settings), strategy, *data)


def _decoded_data(plan: TrainingPlan, run: RunFolder) -> _Data:
    names = plan.settings.images.class_names
    images, kept = _decoded(plan.folder, plan.settings.images, run.image_cache)
    held_out: NDArray[np.uint8] | None = None
    held_out_kept: Sequence[ImageFile] = ()
    if plan.held_out is not None:
        held_out, held_out_kept = _decoded(plan.held_out, plan.settings.images, run.held_out_cache)
    if not names:
        return _Data(images, held_out, None)
    check_classes(kept, names)  # some may not have been decoded
    return _Data(images, held_out, (class_labels(kept, names), class_labels(held_out_kept, names)))


def _decoded(
    folder: FolderScan, settings: ImageSettings, cache_file: Path
) -> tuple[NDArray[np.uint8], Sequence[ImageFile]]:
    images, kept, failures = decode_images(folder, settings, cache_file)
    for path, reason in failures:
        print(f"skipped {path}: {reason}")
    check_usable(failures, strict=settings.strict)
    return images, kept


def _is_done(run: RunFolder, settings: TrainSettings) -> bool:
    done, steps = run.latest_step() or 0, settings.optimization.steps
    if done < steps or not (run.generator_weights.exists() and run.discriminator_weights.exists()):
        return False
    last = max(done, run.settings().optimization.steps)
    print(f"nothing to do: the run is at step {done} of {last}; {run.way_on()}")
    return True


def _check_manifest(run: RunFolder, new: dict[str, Any], *, accept: bool) -> None:
    if not run.manifest_file.exists() or run.latest_step() is None:  # nothing is trained on them yet
        write_json(run.manifest_file, new)
        return
    added, removed, changed = changed_images(read_manifest(run.manifest_file), new)
    if not (added or removed or changed):
        return
    changes = f"{len(added)} images added, {len(removed)} removed, {len(changed)} changed since the run began"
    if not accept:
        raise InputError(f"{changes}; give --accept-data-change to go on with them, or another --name")
    print(changes)
    write_json(run.manifest_file, new)


def current_versions() -> dict[str, str]:
    """Returns the versions of what a run depends on, by name."""
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {
        name: importlib.metadata.version(name) for name in _VERSIONED
    }
