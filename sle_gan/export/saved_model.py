"""A generator as a SavedModel that needs TensorFlow alone."""

import shutil

import numpy as np
import tensorflow as tf

from sle_gan.errors import StorageError
from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images
from sle_gan.run import write_json

_CHECKED_SEEDS = 8


def export_saved_model(trained, folder):
    """Writes the next numbered version under a folder, after a check of it.

    Signatures, each giving `images`:

    - `serving_default(z)`: float32 `[batch, latent size]` -> float32 `[batch, side, side, channels]` in [-1, 1].
    - `sample(seed, n)`: int32 scalars -> uint8 `[n, side, side, channels]`, of the seeds `seed` to `seed + n - 1`.
    - `interpolate(seed_a, seed_b, steps)`: int32 scalars -> uint8 `[steps, side, side, channels]`, both ends included.

    Args:
        trained: a `TrainedGenerator`.
        folder: where versions lie: `folder/1`, `folder/2`, ...

    Returns:
        The path of the version.

    Raises:
        StorageError: if it cannot be written, or what was written draws other pictures than the run.
    """
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    version = folder / str(max(numbers, default=0) + 1)
    unfinished = folder / f".{version.name}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        module, signatures = _module(trained)
        tf.saved_model.save(module, str(unfinished), signatures=signatures)
        write_json(unfinished / "assets.extra" / "generator.json", _description(trained, unfinished))
        _check(trained, unfinished)
        unfinished.replace(version)
    except (OSError, tf.errors.OpError) as error:
        raise StorageError(f"{version} cannot be written ({str(error).splitlines()[0]})") from error
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
    module.generator = generator  # what the functions use must be tracked
    return module, signatures


def _description(trained, folder):
    (folder / "assets.extra").mkdir(exist_ok=True)
    side, _, channels = trained.generator.output_shape[1:]
    return {
        "run": trained.run.name,
        "step": trained.step,
        "resolution": side,
        "channels": channels,
        "latent_size": trained.latent_size,
    }


def _check(trained, folder):
    loaded = tf.saved_model.load(str(folder))
    drawn = loaded.signatures["sample"](seed=tf.constant(0), n=tf.constant(_CHECKED_SEEDS))["images"].numpy()
    expected = np.stack(list(trained.draw_seeds(range(_CHECKED_SEEDS))))
    difference = np.abs(drawn.astype(int) - expected.astype(int)).max()
    if difference > 1:
        raise StorageError(
            f"the export draws other pictures than the run: they differ by {difference} of 255; nothing is kept"
        )
