"""Exports a generator as a SavedModel, which needs nothing but TensorFlow."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from sle_gan.disk import reason
from sle_gan.errors import StorageError
from sle_gan.export.drawing import LARGEST_SEED
from sle_gan.export.trained import TrainedGenerator
from sle_gan.json_files import write_json
from sle_gan.marks import make_output_folder
from sle_gan.models.io import EACH_ITS_OWN, interpolate_codes, postprocess_images, seed_inputs

_CHECKED_SEEDS = 8
_LARGEST_DIFFERENCE = 1  # of 255: results are rounded differently in batches of another size


def export_saved_model(trained: TrainedGenerator, folder: Path) -> Path:
    """Writes the next numbered version to a folder, and checks it.

    It has these signatures, each of which returns `images`:

    - `serving_default(z)`: float32 `[batch, latent size]` -> float32 `[batch, side, side, channels]` in [-1, 1].
    - `sample(seed, n)`: int32 scalars -> uint8 `[n, side, side, channels]`, for the seeds `seed` to `seed + n - 1`.
    - `interpolate(seed_a, seed_b, steps)`: int32 scalars -> uint8 `[steps, side, side, channels]`, both ends included.

    With classes, each also takes `label`: int32 `[batch]` for `serving_default`, an int32 scalar for the others. There
    -1 draws the classes in turn, each seed its own.

    A number out of its range, a label among them, is an `InvalidArgumentError` that says the range: seeds are from 0 to
    2**31 - 1, counts from 1, steps from 2. All images of a call are drawn in one batch. `assets.extra/generator.json`
    says where the generator comes from, and holds the names of the classes in the order of their labels.

    Args:
        trained: a `TrainedGenerator`.
        folder: `Path` of the folder of all versions: `folder/1`, `folder/2`, ...

    Returns:
        The path of the version.

    Raises:
        StorageError: if it cannot be written, or if it draws other pictures than the run.
    """
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    version = folder / str(max(numbers, default=0) + 1)
    unfinished = folder / f".unfinished-{os.getpid()}"
    try:
        make_output_folder(folder)
        module, signatures = _module(trained)
        tf.saved_model.save(module, str(unfinished), signatures=signatures)
        (unfinished / "assets.extra").mkdir()
        write_json(unfinished / "assets.extra" / "generator.json", _description(trained, signatures))
        _check(trained, unfinished)
        unfinished.rename(version)
    except (OSError, tf.errors.OpError) as error:
        raise StorageError(f"{version} cannot be written ({reason(error)}); nothing of it is kept") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return version


def _module(trained: TrainedGenerator) -> tuple[tf.Module, dict[str, Any]]:
    generator, latent_size = trained.generator, trained.latent_size

    def drawn_images(inputs: Any) -> dict[str, tf.Tensor]:
        return {"images": postprocess_images(generator(inputs, training=False), tf.uint8)}

    # With classes, each signature has one more argument: the label.
    def serving_default(z: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        checked = _checked_labels(label, 0, trained.class_names)
        return {"images": generator([z, *(tf.one_hot(part, len(trained.class_names)) for part in checked)])}

    def sample(seed: tf.Tensor, n: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        n = _checked(n, 1, LARGEST_SEED, "n")
        seed = _checked(seed, 0, LARGEST_SEED - n + 1, "seed, and the last of n seeds,")
        return drawn_images(
            seed_inputs(generator, seed + tf.range(n), *_checked_labels(label, -1, trained.class_names))
        )

    def interpolate(seed_a: tf.Tensor, seed_b: tf.Tensor, steps: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        seeds = [_checked(seed_a, 0, LARGEST_SEED, "seed_a"), _checked(seed_b, 0, LARGEST_SEED, "seed_b")]
        steps, label = _checked(steps, 2, LARGEST_SEED, "steps"), _checked_labels(label, -1, trained.class_names)
        inputs = seed_inputs(generator, tf.stack(seeds), *label)
        codes, *labels = tf.nest.flatten(inputs)
        shares = tf.linspace(0.0, 1.0, steps)
        walked = [interpolate_codes(codes[0], codes[1], shares)]
        walked += [part[0] + shares[:, None] * (part[1] - part[0]) for part in labels]
        return drawn_images(tf.nest.pack_sequence_as(inputs, walked))

    def number(name: str) -> tf.TensorSpec:
        return tf.TensorSpec([], tf.int32, name)

    label, labels = ([number("label")], [tf.TensorSpec([None], tf.int32, "label")]) if trained.class_names else ([], [])
    codes = tf.TensorSpec([None, latent_size], tf.float32, "z")
    signatures = {
        "serving_default": tf.function(serving_default, [codes, *labels]),
        "sample": tf.function(sample, [number("seed"), number("n"), *label]),
        "interpolate": tf.function(interpolate, [number("seed_a"), number("seed_b"), number("steps"), *label]),
    }
    module = tf.Module(name="generator")
    # The functions hold the graph, so only the variables are tracked, not the Keras model. With the functions of each
    # of its layers, the file would be twice as large and take three times as long to load.
    module.weights = generator.variables
    return module, signatures


def _checked(value: tf.Tensor, least: int, most: int | tf.Tensor, name: str, more: str = "") -> tf.Tensor:
    """Returns whole numbers, or fails where they are drawn if one is out of its range."""
    inside = tf.reduce_all((value >= least) & (value <= most))
    most_told = most if isinstance(most, int) else LARGEST_SEED
    check = tf.debugging.Assert(inside, [f"{name} must be from {least} to {most_told}{more}; got", value], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(value)


def _checked_labels(labels: tuple[tf.Tensor, ...], least: int, class_names: list[str]) -> tuple[tf.Tensor, ...]:
    named = ", ".join(f"{number} {name}" for number, name in enumerate(class_names))
    more = f" ({named}{'; -1 for the classes in turn' if least < 0 else ''})"
    return tuple(_checked(part, least, len(class_names) - 1, "label", more) for part in labels)


def _description(trained: TrainedGenerator, signatures: dict[str, Any]) -> dict[str, Any]:
    side, _, channels = trained.generator.output_shape[1:]
    classes = {"classes": trained.class_names} if trained.class_names else {}
    return classes | {
        "run": trained.run.name,
        "step": trained.step,
        "resolution": side,
        "channels": channels,
        "latent_size": trained.latent_size,
        "signatures": {
            name: [tensor.name for tensor in function.input_signature] for name, function in signatures.items()
        },
    }


def _check(trained: TrainedGenerator, folder: Path) -> None:
    """Compares the pictures of the export with those of the run, for eight seeds."""
    loaded = tf.saved_model.load(str(folder))  # kept in a variable, because its functions fail once it is deleted
    codes, *one_hot = tf.nest.flatten(seed_inputs(trained.generator, range(_CHECKED_SEEDS)))
    labels = {"label": tf.argmax(one_hot[0], axis=1, output_type=tf.int32)} if one_hot else {}
    own = {"label": tf.constant(EACH_ITS_OWN)} if one_hot else {}
    drawn = {
        "sample": loaded.signatures["sample"](seed=tf.constant(0), n=tf.constant(_CHECKED_SEEDS), **own)["images"],
        "serving_default": postprocess_images(loaded.signatures["serving_default"](z=codes, **labels)["images"]),
    }
    expected = np.stack(list(trained.draw_seeds(range(_CHECKED_SEEDS)))).astype(int)
    for name, images in drawn.items():
        difference = np.abs(images.numpy() - expected).max()
        if difference > _LARGEST_DIFFERENCE:
            raise StorageError(
                f"{name} of the export must draw the run's pictures; they differ by up to {difference} of 255; "
                "nothing is kept"
            )
