"""The other runs that a training takes weights from: a teacher, and a run to begin from. Imports no TensorFlow."""

import hashlib
from pathlib import Path

from sle_gan.assembly.networks import pair_of
from sle_gan.errors import InputError
from sle_gan.models import MODELS, Pair
from sle_gan.run import RunFolder, find_run

_READ_BYTES = 2**20


def resolve_other_runs(settings):
    """Makes the paths of other runs absolute, and notes which weights of the teacher are meant.

    Args:
        settings: the settings so far; `teacher_step` and `teacher_sha256` are added, None without a teacher.

    Raises:
        InputError: if the teacher is gone, was not trained, or judges other images.
    """
    settings["teacher_step"] = settings["teacher_sha256"] = None
    if settings["init_from"] is not None:
        settings["init_from"] = str(_absolute(settings["init_from"], settings["output_folder"]))
    if settings["teacher"] is None:
        return
    run = find_run(settings["teacher"], settings["output_folder"])
    _check_same(settings, run, "--teacher", ("resolution", "channels"))
    if run.config()["settings"].get("class_names"):  # one that knows of none judges the images alone
        _check_same(settings, run, "--teacher", ("class_names",))
    if run.config()["settings"].get("model") not in MODELS:
        raise InputError(f"{run.config_file} must name a model of this version")
    settings["teacher"] = str(run.path.resolve())
    settings["teacher_step"] = run.latest_step()
    settings["teacher_sha256"] = _sha256(discriminator_files(run))


def check_initial_run(settings, new_run):
    """Checks the run that a training is to begin from.

    Args:
        settings: resolved settings.
        new_run: the `RunFolder` that it will write to, whose files are about to be deleted if there are any.

    Raises:
        InputError: if it is gone, was not trained, has other networks, or would be deleted.
    """
    for name in ("init_from", "teacher"):
        if settings[name] == str(new_run.path.resolve()):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} must be another run than {new_run.path}, which is about to be deleted")
    if settings["init_from"] is None:
        return
    run = RunFolder(settings["init_from"])
    shape = ["model", "generator", "discriminator", "resolution", "channels", "width", "class_names"]
    if "mapping_layers" in run.config()["settings"]:  # runs of earlier versions do not say
        shape.append("mapping_layers")
    _check_same(settings, run, "--init-from", shape)
    if not (run.generator_weights.is_file() and run.discriminator_weights.is_file()):
        newest_checkpoint(run)


def discriminator_files(run):
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


def newest_checkpoint(run):
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


def _check_same(settings, run, flag, names):
    theirs = run.config()["settings"]
    for name in names:
        there, here = (_value(each, name) for each in (theirs, settings))
        if there != here:
            raise InputError(
                f"{flag} {run.path} must have the {name} of this training; got {there} there and {here} here"
            )


def _value(settings, name):
    """Returns a setting; the networks of a pair are those of the model where the settings do not name them."""
    return getattr(pair_of(settings), name) if name in Pair._fields else settings.get(name)


def _absolute(text, output_folder):
    """Returns where a run lies or lay: it may be gone when a training goes on that began from it."""
    is_name = Path(text).name == text and not RunFolder(text).exists()
    return (Path(output_folder) / text if is_name else Path(text)).resolve()


def _sha256(files):
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(_READ_BYTES):
                digest.update(part)
    return digest.hexdigest()
