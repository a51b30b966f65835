"""Beginning with another run's weights: all of them, or what its networks share with these. See `--init-from`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from sle_gan.assembly.weights import begin_from
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.build import build_discriminator, build_generator
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.training.gan import GAN

Trained = tuple[keras.Model, keras.Model, GAN]  # the generator, the discriminator, and the GAN of both

_SHOWN = 6


class Taken(NamedTuple):
    """What was taken over by one network from another.

    Attributes:
        whole: number of variables that are those of the other network.
        of_classes: number of variables of which the rows of the classes that both know are.
        new: names of the layers that keep variables of their own.
    """

    whole: int
    of_classes: int
    new: tuple[str, ...]


def begin_with_run(
    settings: TrainSettings, trained: Trained, path: str, build: Callable[[TrainSettings], Trained]
) -> list[str]:
    """Gives a GAN the weights of a run, and nothing of its optimizers.

    Where the run has other classes or images of a lower resolution or another ratio, layers of equal names and shapes
    are taken over; of what belongs to classes, the rows of those that both have.

    Args:
        settings: of the training.
        trained: what takes the weights.
        path: of the run folder.
        build: builds the same of other settings.

    Returns:
        Lines of text that say what was taken over; none where it is all.

    Raises:
        InputError: if the run cannot be read.
    """
    theirs = RunFolder(path).settings()
    if _shapes(settings) == _shapes(theirs):
        begin_from(trained[2], trained[0], trained[1], path)
        return []
    alone = replace(theirs.transfer, init_from=None, teacher=None, freeze_d=None)
    others = build(replace(theirs, transfer=alone, sparsity=None, adversarial_features=None))
    begin_from(others[2], others[0], others[1], path)
    pairs = {
        "generator": (trained[0], others[0], build_generator),
        "averaged generator": (trained[2].average_generator, others[2].average_generator, build_generator),
        "discriminator": (trained[1], others[1], build_discriminator),
    }
    names = settings.images.class_names, theirs.images.class_names
    axes = {build_one: class_axes(theirs, build_one) if names[1] else {} for _, _, build_one in pairs.values()}
    lines = [*_describe_classes(*names)]
    for name, (ours, other, build_one) in pairs.items():
        taken = take_over(ours, other, names, axes[build_one])
        new = f"; new: {', '.join(taken.new[:_SHOWN])}{' and more' if len(taken.new) > _SHOWN else ''}"
        of_classes = f" and the known classes of {taken.of_classes}" if taken.of_classes else ""
        lines.append(
            f"{name}: {taken.whole}{of_classes} of {len(ours.weights)} variables are those of {path}"
            f"{new if taken.new else ''}"
        )
    return lines


@needs_keras_2
def take_over(
    ours: keras.Model, theirs: keras.Model, class_names: tuple[Sequence[str], Sequence[str]], axes: dict[str, int]
) -> Taken:
    """Copies variables of equal names and shapes from one network to another, and of classes the rows that both know.

    Args:
        ours: that takes them.
        theirs: that has them.
        class_names: of the classes that `ours` and that `theirs` knows.
        axes: by the names of variables of `theirs`, the axis along which classes lie.

    Returns:
        What was taken over.
    """
    by_name = {variable.name: variable for variable in theirs.weights}
    known = [(here, class_names[1].index(name)) for here, name in enumerate(class_names[0]) if name in class_names[1]]
    whole = of_classes = 0
    new: dict[str, None] = {}
    for variable in ours.weights:
        other = by_name.get(variable.name)
        axis = axes.get(variable.name)
        if other is None or (axis is None and other.shape != variable.shape):
            new[variable.name.partition("/")[0]] = None
        elif axis is None:
            variable.assign(other)
            whole += 1
        elif known and _without(variable.shape, axis) == _without(other.shape, axis):
            value = variable.numpy()
            rows, other_rows = np.moveaxis(value, axis, 0), np.moveaxis(other.numpy(), axis, 0)
            for here, there in known:
                rows[here] = other_rows[there]
            variable.assign(value)
            of_classes += 1
        else:
            new[variable.name.partition("/")[0]] = None
    return Taken(whole, of_classes, tuple(new))


def class_axes(settings: TrainSettings, build: Callable[..., keras.Model]) -> dict[str, int]:
    """Finds the variables of a network that belong to classes, by what another number of classes changes.

    Args:
        settings: of a training with classes.
        build: of the network: `build_generator` or `build_discriminator`.

    Returns:
        The axis along which the classes lie, by the names of variables.
    """
    more = replace(settings.images, class_names=(*settings.images.class_names, ""))
    shapes = [
        {variable.name: variable.shape for variable in build(settings.network, images, 0).weights}
        for images in (settings.images, more)
    ]
    return {
        name: next(axis for axis, (a, b) in enumerate(zip(shape, shapes[1][name], strict=True)) if a != b)
        for name, shape in shapes[0].items()
        if shape != shapes[1][name]
    }


def _shapes(settings: TrainSettings) -> tuple[object, ...]:
    """What the shapes of all weights, and the order of classes, follow from, beside what must be the same."""
    return settings.images.resolution, settings.images.class_names


def _describe_classes(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    known = [name for name in ours if name in theirs]
    parts = {
        "known": known,
        "new": [name for name in ours if name not in theirs],
        "left out": [name for name in theirs if name not in ours],
    }
    told = "; ".join(f"{part}: {', '.join(names)}" for part, names in parts.items() if names)
    return [f"classes: {told}"] if told else []


def _without(shape: tf.TensorShape, axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])
