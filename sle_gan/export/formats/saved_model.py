"""A generator as a SavedModel, which needs nothing but TensorFlow."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from sle_gan.export.drawing import LARGEST_SEED
from sle_gan.export.formats.exporting import CHECKED_SEEDS, Drawn, Source
from sle_gan.export.trained import TrainedGenerator
from sle_gan.json_files import write_json
from sle_gan.models.io import EACH_ITS_OWN, interpolate_codes, postprocess_images, seed_inputs


def write(source: Source, folder: Path) -> None:
    """Writes a SavedModel, and where it comes from: `assets.extra/generator.json`.

    It has these signatures, each of which returns `images`:

    - `serving_default(z)`: float32 `[batch, latent size]` -> float32 `[batch, height, width, channels]` in [-1, 1].
    - `sample(seed, n)`: int32 scalars -> uint8 `[n, height, width, channels]`, for the seeds `seed` to `seed + n - 1`.
    - `interpolate(seed_a, seed_b, steps)`: int32 scalars -> uint8 `[steps, height, width, channels]`, both ends
      included.

    With classes, each also takes `label`: int32 `[batch]` for `serving_default`, an int32 scalar for the others. There
    -1 draws the classes in turn, each seed its own.

    A number out of its range, a label among them, is an `InvalidArgumentError` that says the range: seeds are from 0 to
    2**31 - 1, counts from 1, steps from 2. All images of a call are drawn in one batch.
    """
    module, signatures = _module(source.trained)
    tf.saved_model.save(module, str(folder), signatures=signatures)
    arguments = {name: [tensor.name for tensor in function.input_signature] for name, function in signatures.items()}
    (folder / "assets.extra").mkdir()
    write_json(folder / "assets.extra" / "generator.json", source.describe() | {"signatures": arguments})


def draw(source: Source, folder: Path) -> dict[str, Drawn]:
    """Draws with the two signatures that take single pictures."""
    loaded = tf.saved_model.load(str(folder))  # kept in a variable, because its functions fail once it is deleted
    inputs = {name: tf.constant(array) for name, array in source.checked.items()}
    own = {"label": tf.constant(EACH_ITS_OWN)} if "label" in inputs else {}
    images = {
        "sample": loaded.signatures["sample"](seed=tf.constant(0), n=tf.constant(CHECKED_SEEDS), **own),
        "serving_default": loaded.signatures["serving_default"](**inputs),
    }
    return {name: Drawn(result["images"].numpy()) for name, result in images.items()}


def _module(trained: TrainedGenerator) -> tuple[tf.Module, dict[str, Any]]:
    generator, latent_size = trained.generator, trained.latent_size

    def drawn_images(inputs: Any) -> dict[str, tf.Tensor]:
        return {"images": postprocess_images(trained.draw_inputs(inputs), tf.uint8)}

    # With classes, each signature has one more argument: the label.
    def serving_default(z: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        checked = _checked_labels(label, 0, trained.class_names)
        one_hot = [tf.one_hot(part, len(trained.class_names)) for part in checked]
        return {"images": trained.draw_inputs([z, *one_hot] if one_hot else z)}

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
