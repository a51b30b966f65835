"""The other runs that a training takes weights from: a teacher, and a run to begin from. Imports no TensorFlow."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sle_gan.checkpoint_files import checkpoints_in, index_of, read_saved, step_of
from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.models.weight_files import read_network
from sle_gan.run import RunFolder, find_run
from sle_gan.settings import TrainSettings, TransferSettings
from sle_gan.settings.field import flag_name
from sle_gan.shell import shell_line

_READ_BYTES = 2**20
_GROWING = ("fastgan", "stylegan2")  # whose layers are named by the shorter side of their maps
_OF_WIDTHS = ("width", "mapping_layers", "channel_base", "channel_max", "genotype", "progan_variant")
_OF_NETWORKS = ("generator", "discriminator", *_OF_WIDTHS)
_SHAPES = ("resolution", "channels", *_OF_WIDTHS, "class_names")
_INSTEAD_OF_CLASSES = "; --init-from a run takes over what rests on no class, and known classes by their names"


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
    for name in ("init_from", "teacher"):
        _check_no_file(flag_name(name), getattr(transfer, name))
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
        transfer = replace(transfer, teacher=str(run.path.resolve()))
        noted = [transfer]
        read_saved(lambda: newest_discriminator(run), lambda path: noted.append(with_teacher_note(transfer, run, path)))
        transfer = noted[-1]
    return replace(settings, transfer=transfer)


def check_initial_run(settings: TrainSettings, new_run: RunFolder) -> None:
    """Checks the run that a training is to begin from, and the runs of weight files, before TensorFlow is loaded.

    Args:
        settings: of the training.
        new_run: that it will write to, whose files are about to be deleted if there are any.

    Raises:
        InputError: if it is gone, was not trained, has other networks, or would be deleted.
    """
    for name, network in (("generator_weights", "generator"), ("discriminator_weights", "discriminator")):
        file = getattr(settings.network, name)
        noted = None if file is None else _noted_network(Path(file), network)
        if noted is not None:  # else what it is of is known when its network is built
            _check_equal(settings, noted, f"{flag_name(name)} {shell_line(file)}", (network, *_SHAPES), mend=True)
    for name in ("init_from", "teacher"):
        if getattr(settings.transfer, name) == str(new_run.path.resolve()):
            raise InputError(f"{flag_name(name)} must be another run than {new_run.path}, which is about to be deleted")
    if settings.transfer.init_from is None:
        return
    run = RunFolder(settings.transfer.init_from)
    _check_resolution(settings, run)
    _check_same(settings, run, "--init-from", ("channels", *_OF_NETWORKS), mend=True)
    if not (run.generator_weights.is_file() and run.discriminator_weights.is_file()):
        newest_checkpoint(run)


def network_of_weights(settings: TrainSettings, network: str) -> dict[str, object]:
    """Returns what the shapes of a network's weights follow from, as plain data, for a note in their file.

    Args:
        settings: of the training.
        network: `generator` or `discriminator`.
    """
    named = settings.named()
    return {name: named[name] for name in (network, *_SHAPES)}


def with_teacher_note(transfer: TransferSettings, run: RunFolder, path: Path) -> TransferSettings:
    """Notes which weights of a teacher are meant.

    Args:
        transfer: what is taken from other runs.
        run: the teacher's `RunFolder`.
        path: of its weight file, or of a checkpoint as TensorFlow names it.

    Returns:
        The settings, with the step and the checksum of these weights.

    Raises:
        OSError: if the file or the checkpoint is gone.
    """
    step = run.latest_step() if path == run.discriminator_weights else step_of(path)
    return replace(transfer, teacher_step=step, teacher_sha256=_sha256(path))


def newest_discriminator(run: RunFolder, step: int | None = None) -> tuple[int, Path]:
    """Finds the newest discriminator of a run: its weights, or a checkpoint of a run that trains.

    Args:
        run: the `RunFolder`.
        step: of a checkpoint that is taken where it is still there.

    Returns:
        The step of the run, and the path of the weight file, or of the checkpoint as TensorFlow names it.

    Raises:
        InputError: if there is none.
    """
    if run.discriminator_weights.is_file():
        return run.latest_step() or 0, run.discriminator_weights
    there = checkpoints_in(run.checkpoints)
    return (step, there[step]) if step in there else newest_checkpoint(run)


def newest_checkpoint(run: RunFolder) -> tuple[int, Path]:
    """Returns the step of the newest checkpoint of a run, and its path as TensorFlow names it.

    Args:
        run: the `RunFolder`.

    Raises:
        InputError: if there is none.
    """
    step = run.latest_step()
    if step is None:
        raise InputError(f"{run.path} has neither weights nor a checkpoint; train it first")
    return step, run.checkpoints / f"ckpt-{step}"


def _check_no_file(flag: str, path: Path | str | None) -> None:
    if path is None or not Path(path).is_file():
        return
    folder = Path(path).parent
    way = f"give {flag} {shell_line(folder)}" if RunFolder(folder).exists() else "give the folder of the run"
    if flag == "--init-from":
        way += ", or a file of weights to --generator-weights or --discriminator-weights"
    raise InputError(f"{flag} takes a run folder; {shell_line(path)} is a file; {way}")


def _check_resolution(settings: TrainSettings, run: RunFolder) -> None:
    """Checks that a run to begin from has images of this shape, or networks that go on from another one."""
    ours, theirs = settings.images.shape, run.settings().images.shape
    name = f"--init-from {shell_line(run.path)}"
    if ours == theirs:
        return
    network = settings.network
    grows = network.generator in _GROWING and network.discriminator in _GROWING
    if not grows or theirs.side > ours.side:
        which = "it may be lower, not higher" if grows else f"{' and '.join(_GROWING)} alone begin with a lower one"
        raise InputError(
            f"{name} has images of {theirs} px, this training of {ours}; give --resolution {theirs}; {which}"
        )
    if settings.transfer.freeze_d is not None:
        raise InputError(
            f"--freeze-d freezes the blocks next to the images; {name} of {theirs} px has none for {ours} px; give "
            f"--resolution {theirs}, or no --freeze-d"
        )


def _check_same(
    settings: TrainSettings, run: RunFolder, flag: str, names: Sequence[str], *, mend: bool = False
) -> None:
    _check_equal(settings, run.settings().named(), f"{flag} {shell_line(run.path)}", names, mend=mend)


def _check_equal(
    settings: TrainSettings, theirs: Mapping[str, object], what: str, names: Sequence[str], *, mend: bool
) -> None:
    ours = settings.named()
    for name in names:
        value = theirs.get(name, ours[name])
        if value == ours[name]:
            continue
        there = shell_line(value) if isinstance(value, str) else value
        way = f"; give {flag_name(name)} {shell_line(value)}" if mend and value is not None else ""
        if mend and name == "class_names":
            way = _INSTEAD_OF_CLASSES
        raise InputError(f"{what} must have the {name} of this training; got {there} there and {ours[name]} here{way}")


def _noted_network(file: Path, network: str) -> Mapping[str, object] | None:
    """Returns the settings that a file of weights says it is of, or the run that it lies in; None if neither does."""
    noted, run = read_network(file), RunFolder(file.parent)
    if noted is None:
        return run.settings().named() if run.exists() else None
    other = next((name for name in ("generator", "discriminator") if name in noted and network not in noted), None)
    if other is not None:
        raise InputError(f"{shell_line(file)} holds weights of a {other}; give --{other}-weights")
    return noted


def _absolute(text: Path | str, output_folder: Path | str) -> Path:
    """Returns where a run lies or lay: it may be gone when a training goes on that began from it."""
    is_name = Path(text).name == text and not RunFolder(text).exists()
    return (Path(output_folder) / text if is_name else Path(text)).resolve()


def _sha256(path: Path) -> str:
    files = [path] if path.is_file() else sorted(path.parent.glob(f"{path.name}.*"))
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(_READ_BYTES):
                digest.update(part)
    if not path.is_file():
        index_of(path).stat()  # while that is there, so was all that was read
    return digest.hexdigest()
