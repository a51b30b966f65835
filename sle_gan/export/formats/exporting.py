"""Writes an export and compares it with the run: what draws other pictures is not kept."""

import functools
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.disk import reason
from sle_gan.errors import StorageError
from sle_gan.export.formats import FORMATS, UNKNOWN_LICENSE
from sle_gan.export.trained import TrainedGenerator
from sle_gan.marks import make_output_folder
from sle_gan.models.io import postprocess_images, seed_inputs
from sle_gan.picture_shape import PictureShape

CHECKED_SEEDS = 8
_LEVEL = 1  # of 255, that pictures may differ by: results are rounded differently in batches of another size


class Drawn(NamedTuple):
    """What a part of an export drew of the first seeds.

    Attributes:
        images: uint8 in [0, 255], or float32 in about [-1, 1]; `[seeds, height, width, channels]`.
        rounded: whether the part has coarser weights than the run: its pictures are then held to the run's by their
            mean difference, and otherwise by the largest.
    """

    images: NDArray[Any]
    rounded: bool = False


class Difference(NamedTuple):
    """How far the pictures of a part of an export are from the run's.

    Attributes:
        largest: of 255.
        mean: of 255.
        rounded: see `Drawn`.
    """

    largest: int
    mean: float
    rounded: bool


class Version(NamedTuple):
    """An export that draws the run's pictures.

    Attributes:
        folder: `Path` where it lies.
        differences: `Difference` of each part, by its name.
    """

    folder: Path
    differences: dict[str, Difference]


@dataclass(frozen=True)
class Source:
    """What is exported.

    Attributes:
        trained: the `TrainedGenerator`.
        seeds: whose codes are written beside formats that do not draw seeds.
        license: of the weights, as the Hub names it.
        push: owner and name on the Hub where the export is to be found; None for none.
        runtime: folder of onnxruntime-web; None for the one that is fetched.
    """

    trained: TrainedGenerator
    seeds: Sequence[int] = range(64)
    license: str = UNKNOWN_LICENSE
    push: str | None = None
    runtime: Path | None = None

    def inputs(self, seeds: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Returns what the pictures of seeds are drawn from, as an export takes it.

        Returns:
            `z`, float32 `[count, latent size]`; with classes also `label`, int32 `[count]`.
        """
        codes, *one_hot = tf.nest.flatten(seed_inputs(self.trained.generator, list(seeds)))
        labels = {"label": one_hot[0].numpy().argmax(axis=1).astype(np.int32)} if one_hot else {}
        return {"z": codes.numpy()} | labels

    @functools.cached_property
    def checked(self) -> dict[str, NDArray[Any]]:
        """The inputs of the first eight seeds."""
        return self.inputs(range(CHECKED_SEEDS))

    def describe(self) -> dict[str, Any]:
        """Returns where the generator comes from and what it draws: plain values by name."""
        trained = self.trained
        optional: dict[str, Any] = {"classes": trained.class_names} if trained.class_names else {}
        if trained.truncation is not None:
            optional["truncation"] = trained.truncation
        return optional | {
            "run": trained.run.name,
            "step": trained.step,
            "resolution": PictureShape.of_array(trained.generator.output_shape).resolution,
            "channels": trained.generator.output_shape[-1],
            "latent_size": trained.latent_size,
        }


def export_as(name: str, source: Source, folder: Path) -> Version:
    """Writes the next numbered version to a folder, and compares it with the run on eight seeds.

    Args:
        name: of the format.
        source: the `Source`.
        folder: `Path` of the folder of all versions: `folder/1`, `folder/2`, ...

    Raises:
        StorageError: if it cannot be written, or draws other pictures than the run; nothing of it is kept then.
    """
    format = FORMATS[name].load()
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    version = folder / str(max(numbers, default=0) + 1)
    unfinished = folder / f".unfinished-{os.getpid()}"
    try:
        make_output_folder(folder)
        unfinished.mkdir()
        format.write(source, unfinished)
        differences = _compared(source.trained, format.draw(source, unfinished))
        unfinished.rename(version)
    except (OSError, tf.errors.OpError) as error:
        raise StorageError(f"{version} cannot be written ({reason(error)}); nothing of it is kept") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Version(version, differences)


def _compared(trained: TrainedGenerator, parts: Mapping[str, Drawn]) -> dict[str, Difference]:
    expected = np.stack(list(trained.draw_seeds(range(CHECKED_SEEDS)))).astype(int)
    differences = {}
    for name, (images, rounded) in parts.items():
        if not np.isfinite(images).all():
            raise StorageError(f"{name} of the export draws numbers that are not finite; nothing is kept")
        pixels = images if images.dtype == np.uint8 else postprocess_images(images).numpy()
        off = np.abs(pixels.astype(int) - expected)
        differences[name] = Difference(int(off.max()), float(off.mean()), rounded)
        if (differences[name].mean if rounded else differences[name].largest) > _LEVEL:
            raise StorageError(
                f"{name} of the export must draw the run's pictures; they differ by up to {off.max()} of 255; "
                "nothing is kept"
            )
    return differences
