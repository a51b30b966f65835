"""Weights that are read into networks: from files, and from other runs."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.other_runs import newest_checkpoint, newest_discriminator, with_teacher_note
from sle_gan.checkpoint_files import read_saved
from sle_gan.errors import InputError
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.build import build_discriminator, build_generator, pair_of
from sle_gan.models.pairing import training_graph
from sle_gan.models.weight_files import describe_difference
from sle_gan.run import RunFolder
from sle_gan.settings import TransferSettings
from sle_gan.training.gan import GAN


@needs_keras_2
def load_weights(network: keras.Model, file: Path | str, width: int | None = None) -> None:
    """Loads weights that `save_weights` wrote for the same network.

    Args:
        network: the `keras.Model`.
        file: path of an `.h5` file that holds weights alone.
        width: that the network was built with, if that is known, for what is said of another one.

    Raises:
        InputError: if it is no such file, or of another network.
    """
    try:
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        shapes = {variable.name: variable.shape.as_list() for variable in network.weights}
        different = None if isinstance(error, OSError) else describe_difference(file, shapes, width)
        reason = different or str(error).splitlines()[0]
        raise InputError(f"{file} does not hold weights of this {network.name} ({reason})") from error


def read_teacher(transfer: TransferSettings, run: RunFolder) -> tuple[keras.Model, TransferSettings]:
    """Builds the discriminator of a teacher, which may be training itself.

    Args:
        transfer: with the teacher's step. Where its checkpoint of that step is gone, the newest is taken.
        run: the teacher's `RunFolder`.

    Returns:
        The `keras.Model` as training calls it, and the settings with the step and the checksum of its weights.

    Raises:
        InputError: if the run cannot be read.
    """
    settings = run.settings()
    asked = settings.network, settings.images, settings.optimization.seed
    discriminator = build_discriminator(*asked)
    judge = training_graph(pair_of(settings.network), build_generator(*asked), discriminator).discriminator
    noted = [transfer]

    def read(path: Path) -> None:
        if path == run.discriminator_weights:
            load_weights(discriminator, path)
        else:
            _restore({"discriminator": judge}, path)
        noted.append(with_teacher_note(transfer, run, path))

    read_saved(lambda: newest_discriminator(run, transfer.teacher_step), read)
    return judge, noted[-1]


@needs_keras_2
def begin_from(gan: GAN, generator: keras.Model, discriminator: keras.Model, path: Path | str) -> None:
    """Gives a GAN the weights of a run, and nothing of its optimizers.

    Its newest checkpoint holds all of them. Where there is none, as in a run folder that was shared without, the
    generator begins as the average.

    Args:
        gan: the `GAN`, of the same networks.
        generator: its generator as its file builds it.
        discriminator: its discriminator as its file builds it.
        path: of the run folder.

    Raises:
        InputError: if the run cannot be read.
    """
    run = RunFolder(path)
    if run.latest_step() is None:
        for network in (generator, gan.average_generator):
            load_weights(network, run.generator_weights)
        load_weights(discriminator, run.discriminator_weights)
        return
    names = {"generator", "discriminator", "average_generator", "decoders"}
    items = {name: item for name, item in gan.checkpoint_items().items() if name in names}
    read_saved(lambda: newest_checkpoint(run), functools.partial(_restore, items))


def _restore(items: Mapping[str, Any], path: Path) -> None:
    try:
        status = tf.train.Checkpoint(**items).restore(str(path))
        status.assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"checkpoint {path} is damaged ({reason}); give another run") from error
