"""The other runs that a training takes weights from: a teacher, and a run to begin from. Imports no TensorFlow."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.run import RunFolder, find_run
from sle_gan.settings import TrainSettings
from sle_gan.settings.field import flag_name

_READ_BYTES = 2**20


def resolve_other_runs(settings: TrainSettings) -> TrainSettings:
    """Makes the paths of other runs absolute, and notes which weights of the teacher are meant.

    Args:
        settings: of the training.

    Returns:
        The settings, with the teacher's step and checksum if there is one.

    Raises:
        InputError: if the teacher is gone, was not trained, or judges other images.
    """
    transfer, output_folder = settings.transfer, settings.run.output_folder
    if transfer.init_from is not None:
        transfer = replace(transfer, init_from=str(_absolute(transfer.init_from, output_folder)))
    if transfer.teacher is not None:
        run = find_run(transfer.teacher, output_folder)
        _check_same(settings, run, "--teacher", ("resolution", "channels"))
        theirs = run.settings()
        if theirs.images.class_names:  # one that knows of none judges the images alone
            _check_same(settings, run, "--teacher", ("class_names",))
        if theirs.network.model not in MODELS:
            raise InputError(f"{run.config_file} must name a model of this version")
        transfer = replace(
            transfer,
            teacher=str(run.path.resolve()),
            teacher_step=run.latest_step(),
            teacher_sha256=_sha256(discriminator_files(run)),
        )
    return replace(settings, transfer=transfer)


def check_initial_run(settings: TrainSettings, new_run: RunFolder) -> None:
    """Checks the run that a training is to begin from.

    Args:
        settings: of the training.
        new_run: that it will write to, whose files are about to be deleted if there are any.

    Raises:
        InputError: if it is gone, was not trained, has other networks, or would be deleted.
    """
    for name in ("init_from", "teacher"):
        if getattr(settings.transfer, name) == str(new_run.path.resolve()):
            raise InputError(f"{flag_name(name)} must be another run than {new_run.path}, which is about to be deleted")
    if settings.transfer.init_from is None:
        return
    run = RunFolder(settings.transfer.init_from)
    images = ("resolution", "channels", "class_names")
    networks = ("generator", "discriminator", "width", "mapping_layers", "channel_base", "channel_max", "genotype")
    _check_same(settings, run, "--init-from", (*images, *networks))
    if not (run.generator_weights.is_file() and run.discriminator_weights.is_file()):
        newest_checkpoint(run)


def discriminator_files(run: RunFolder) -> list[Path]:
    """Lists the files that hold the newest discriminator of a run: its weights, or a checkpoint of a run that trains.

    Args:
        run: the `RunFolder`.

    Raises:
        InputError: if there are none.
    """
    if run.discriminator_weights.is_file():
        return [run.discriminator_weights]
    path = newest_checkpoint(run)
    return sorted(path.parent.glob(f"{path.name}.*"))


def newest_checkpoint(run: RunFolder) -> Path:
    """Returns the path of the newest checkpoint of a run, as TensorFlow names it.

    Args:
        run: the `RunFolder`.

    Raises:
        InputError: if there is none.
    """
    step = run.latest_step()
    if step is None:
        raise InputError(f"{run.path} has neither weights nor a checkpoint; train it first")
    return run.checkpoints / f"ckpt-{step}"


def _check_same(settings: TrainSettings, run: RunFolder, flag: str, names: Sequence[str]) -> None:
    ours, theirs = settings.named(), run.settings().named()
    for name in names:
        if theirs[name] != ours[name]:
            raise InputError(
                f"{flag} {run.path} must have the {name} of this training; got {theirs[name]} there and "
                f"{ours[name]} here"
            )


def _absolute(text: Path | str, output_folder: Path | str) -> Path:
    """Returns where a run lies or lay: it may be gone when a training goes on that began from it."""
    is_name = Path(text).name == text and not RunFolder(text).exists()
    return (Path(output_folder) / text if is_name else Path(text)).resolve()


def _sha256(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(_READ_BYTES):
                digest.update(part)
    return digest.hexdigest()
