"""What a Keras user calls: `build` makes a compiled GAN, `train` a run folder as train.py does.

TensorFlow is loaded when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sle_gan.assembly.opened_run import OpenedRun
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.training import train_plan
from sle_gan.errors import InputError
from sle_gan.picture_shape import Resolution
from sle_gan.settings import CommandSettings
from sle_gan.settings.field import make_group, settings_of
from sle_gan.settings.presets import with_preset
from sle_gan.settings.words import as_command

if TYPE_CHECKING:
    from sle_gan.assembly.array_gan import ArrayGAN

_INTERRUPTED = 130


def build(model: str = "fastgan", *, resolution: Resolution, classes: int = 0, **settings: object) -> ArrayGAN:
    """Builds a GAN with its paper's recipe, compiled.

        >>> import numpy as np
        >>> import sle_gan
        >>> gan = sle_gan.build("sngan", resolution=32, width=8, batch_size=2, n_critic=1)
        >>> images = np.zeros([4, 32, 32, 3], np.uint8)
        >>> history = gan.fit(images, steps=2, verbose=0)
        >>> gan.draw(seeds=range(3)).shape
        (3, 32, 32, 3)

    Args:
        model: `fastgan`, `alphagan`, `autogan`, `biggan`, `progan`, `sngan` or `stylegan2`.
        resolution: side of the images in pixels, or width and height such as `384x256`.
        classes: number of classes; 0 without. Labels are then given to `fit`, and each class is drawn alike often.
        **settings: as the flags of train.py, with underscores: `width=32`, `diff_augment="color,translation"`,
            `r1_gamma=0.1`, `mixed_precision="bfloat16"`; see docs/flags.md. What is not given is as in the paper. Rates
            fit `steps`, and fall over them, if they are given.

    Returns:
        A compiled `keras.Model` with `generator`, `discriminator` and `average_generator`, with
        `fit(images, steps=...)` and `draw(seeds)`.

    Raises:
        InputError: a `ValueError`: if there is no such setting, or it cannot be used here: what belongs to a run
            folder is for `train`, and sparse training is a callback of `fit`.
    """
    given = {"data_folder": ".", "model": model, "resolution": resolution, "growth": "none", **settings}
    # Any number of images: the length of the training is that of `fit`.
    resolved = resolve(given, image_count=1, class_names=[str(label) for label in range(classes)])
    if resolved.sparsity is not None:
        raise InputError("build takes no sparsity; give fit a callback such as sle_gan.callbacks.Reconfigure")
    if resolved.growth is not None:
        raise InputError("build takes no growth; sle_gan.train lets networks grow")
    if resolved.optimization.hours is not None:
        raise InputError("build takes no hours; give fit its steps")
    if resolved.transfer.init_from is not None:
        raise InputError("build takes no init_from; sle_gan.train does, or generator_weights and discriminator_weights")
    from sle_gan.assembly.building import build_array_gan

    return build_array_gan(resolved)


def train(data_folder: Path | str, *, preset: str | None = None, **settings: object) -> OpenedRun:
    """Trains on a folder of images and leaves a run folder, as train.py does; the same call goes on with it.

        >>> import sle_gan
        >>> small = {"model": "sngan", "width": 8, "batch_size": 2, "n_critic": 1, "sample_frequency": 2}
        >>> run = sle_gan.train("flowers", resolution=32, steps=2, name="tiny", **small)  # doctest: +ELLIPSIS
        run runs/tiny...
        >>> run.draw(range(2)).shape
        (2, 32, 32, 3)

    Ctrl-C finishes the step, saves, and is raised again.

    Args:
        data_folder: images, also in sub-folders.
        preset: the settings of a paper by name; see `train.py --help`.
        **settings: as the flags of train.py, with underscores: `resolution=64`, `steps=1000`, `reconfigure=True`,
            `name="flowers"`, `output_folder="runs"`; also those of a command: `resume`, `override`,
            `accept_data_change`. See docs/flags.md.

    Returns:
        The run, as `sle_gan.open_run` opens it.

    Raises:
        InputError: a `ValueError`: if settings, images or the run cannot be used.
        TrainingError: if the training fails for good.
        StorageError: if the disk is full or cannot be written.
        KeyboardInterrupt: after a Ctrl-C, when all is saved.
    """
    of_command = settings_of(CommandSettings)
    command = make_group(CommandSettings, {name: value for name, value in settings.items() if name in of_command})
    if command.dry_run:
        raise InputError("train takes no dry_run; sle_gan.build shows the networks")
    given: Mapping[str, Any] = {name: value for name, value in settings.items() if name not in of_command}
    given = {"data_folder": str(data_folder), **given}
    if preset is not None:
        given, _ = with_preset(preset, dict(given))
    plan = plan_training(given, command)
    for line in plan.describe():
        print(line)
    code = train_plan(plan, as_command(given))
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return OpenedRun(plan.run)
