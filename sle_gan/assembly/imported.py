"""Checkpoints of other programs as runs. TensorFlow is loaded once the checkpoint is read."""

from pathlib import Path
from typing import NamedTuple

from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.training import current_versions
from sle_gan.models.array_weights import assign_arrays
from sle_gan.pretrained.fastgan_checkpoint import FastGANCheckpoint, read_fastgan
from sle_gan.quiet import quiet_start
from sle_gan.run import RunFolder, check_writable, choose_run, start_run
from sle_gan.run_config import Command, RunConfig
from sle_gan.settings import TrainSettings
from sle_gan.settings.words import as_command


class Imported(NamedTuple):
    """A run that was made of a checkpoint.

    Attributes:
        run: the `RunFolder`, at step 0.
        command: the words of a command line that trains it further on the images of FOLDER.
        left_out: what the checkpoint holds beside its networks, by its names.
    """

    run: RunFolder
    command: list[str]
    left_out: tuple[str, ...]


def import_fastgan(file: Path | str, name: str | None = None, output_folder: Path | str = "runs") -> Imported:
    """Makes a run of a checkpoint that FastGAN's authors, or their code, wrote with PyTorch.

    The run is at step 0: it draws, is exported, and trains further with optimizers that begin anew. PyTorch is not
    needed, and nothing that the file names is carried out.

        >>> import sle_gan
        >>> sle_gan.import_fastgan("all_50000.pth")
        Traceback (most recent call last):
            ...
        sle_gan.errors.InputError: a PyTorch weight file must exist; there is none at all_50000.pth

    Args:
        file: the checkpoint, of 256, 512 or 1024 px.
        name: of the run; the next number, `fastgan` and the name of the file if None.
        output_folder: where the run is written.

    Raises:
        InputError: a `ValueError`: if the file is no such checkpoint, or the name is taken.
        StorageError: if the file cannot be read, or the run cannot be written.
    """
    checkpoint = read_fastgan(file)
    given: dict[str, object] = {
        "model": "fastgan",
        "resolution": checkpoint.resolution,
        "channels": checkpoint.channels,
        "width": checkpoint.width,
    }
    settings = resolve({**given, "data_folder": ".", "name": name, "output_folder": str(output_folder)})
    check_writable(output_folder)
    run = choose_run(f"fastgan-{Path(file).stem}", settings, resume=False, override=False)
    words = as_command({**given, "data_folder": "FOLDER", "name": run.name, "output_folder": str(output_folder)})
    with run.locked():
        start_run(run, RunConfig(settings, current_versions(), words, (Command(0, words, {}),)), manifest=None)
        _save(run, settings, checkpoint, str(file))
    return Imported(run, words, checkpoint.left_out)


def _save(run: RunFolder, settings: TrainSettings, checkpoint: FastGANCheckpoint, source: str) -> None:
    with quiet_start():
        import tensorflow as tf

        from sle_gan.assembly.building import build_training
        from sle_gan.callbacks.checkpoint import Checkpoints

    training = build_training(run, settings, tf.distribute.get_strategy(), None)
    assign_arrays(training.generator, checkpoint.generator, source)
    assign_arrays(training.gan.average_generator, checkpoint.average_generator, source)
    assign_arrays(training.discriminator, checkpoint.discriminator, source)
    # The batch statistics are those of the checkpoint: they are not measured anew.
    checkpoints = Checkpoints(run.checkpoints, training.checkpoint_items(), 1, 1, calibrate=lambda step: None)
    checkpoints.set_model(training.gan)
    checkpoints.save(0)
