"""A generator as a SavedModel that needs TensorFlow alone."""

import os
import shutil

import numpy as np
import tensorflow as tf

from sle_gan.disk import reason
from sle_gan.errors import StorageError
from sle_gan.json_files import write_json
from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images

_CHECKED_SEEDS = 8
_LARGEST_DIFFERENCE = 1  # of 255: in batches of another size the last bits of a picture are rounded differently


def export_saved_model(trained, folder):
    """Writes the next numbered version under a folder, after a check of it.

    Signatures, each giving `images`:

    - `serving_default(z)`: float32 `[batch, latent size]` -> float32 `[batch, side, side, channels]` in [-1, 1].
    - `sample(seed, n)`: int32 scalars -> uint8 `[n, side, side, channels]`, of the seeds `seed` to `seed + n - 1`.
    - `interpolate(seed_a, seed_b, steps)`: int32 scalars -> uint8 `[steps, side, side, channels]`, both ends included.

    All images of a call are drawn at once. `assets.extra/generator.json` says where the generator comes from.

    Args:
        trained: a `TrainedGenerator`.
        folder: `Path` where versions lie: `folder/1`, `folder/2`, ...

    Returns:
        The path of the version.

    Raises:
        StorageError: if it cannot be written, or what was written draws other pictures than the run.
    """
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    version = folder / str(max(numbers, default=0) + 1)
    unfinished = folder / f".unfinished-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
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


def _module(trained):
    generator, latent_size = trained.generator, trained.latent_size

    def bytes_of(codes):
        return {"images": postprocess_images(generator(codes, training=False), tf.uint8)}

    def serving_default(z):
        return {"images": generator(z, training=False)}

    def sample(seed, n):
        return bytes_of(latent_codes(seed + tf.range(n), latent_size))

    def interpolate(seed_a, seed_b, steps):
        start, end = tf.unstack(latent_codes(tf.stack([seed_a, seed_b]), latent_size), num=2)
        return bytes_of(interpolate_codes(start, end, tf.linspace(0.0, 1.0, steps)))

    def number(name):
        return tf.TensorSpec([], tf.int32, name)

    signatures = {
        "serving_default": tf.function(serving_default, [tf.TensorSpec([None, latent_size], tf.float32, "z")]),
        "sample": tf.function(sample, [number("seed"), number("n")]),
        "interpolate": tf.function(interpolate, [number("seed_a"), number("seed_b"), number("steps")]),
    }
    module = tf.Module(name="generator")
    # The functions hold the graph. The variables alone are tracked, not the Keras model: with the functions of
    # each of its layers the file would be twice as large and take three times as long to load.
    module.weights = generator.variables
    return module, signatures


def _description(trained, signatures):
    side, _, channels = trained.generator.output_shape[1:]
    return {
        "run": trained.run.name,
        "step": trained.step,
        "resolution": side,
        "channels": channels,
        "latent_size": trained.latent_size,
        "signatures": {
            name: [tensor.name for tensor in function.input_signature] for name, function in signatures.items()
        },
    }


def _check(trained, folder):
    """Compares what the export draws with what the run draws, on eight seeds."""
    loaded = tf.saved_model.load(str(folder))  # its functions fail once it is gone
    codes = latent_codes(range(_CHECKED_SEEDS), trained.latent_size)
    drawn = {
        "sample": loaded.signatures["sample"](seed=tf.constant(0), n=tf.constant(_CHECKED_SEEDS))["images"],
        "serving_default": postprocess_images(loaded.signatures["serving_default"](z=codes)["images"]),
    }
    expected = np.stack(list(trained.draw_seeds(range(_CHECKED_SEEDS)))).astype(int)
    for name, images in drawn.items():
        difference = np.abs(images.numpy() - expected).max()
        if difference > _LARGEST_DIFFERENCE:
            raise StorageError(
                f"{name} of the export must draw the run's pictures; they differ by up to {difference} of 255; "
                "nothing is kept"
            )
