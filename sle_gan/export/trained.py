"""The trained generator of a run, and drawing with it."""

import itertools

import tensorflow as tf

from sle_gan.errors import InputError
from sle_gan.models import MODELS
from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images

_BATCH_SIZE = 8  # always, the last batch padded: how a picture is rounded must not depend on how many are drawn


class TrainedGenerator:
    """The averaged generator of a run at one of its checkpoints.

    Args:
        run: the `RunFolder`.
        step: step of the checkpoint; the newest if None.

    Attributes:
        run: the `RunFolder`.
        step: step of the checkpoint.
        generator: the `keras.Model`.
        latent_size: length of its codes.

    Raises:
        InputError: if the run's settings describe no network, or there is no such checkpoint, or it is damaged.
    """

    def __init__(self, run, step=None):
        self.run = run
        self.step, path = run.generator_checkpoint(step)
        self.generator, self.latent_size = _build(run)
        _restore(self.generator, path)
        self._draw = tf.function(lambda codes: postprocess_images(self.generator(codes, training=False), tf.uint8))

    def draw_seeds(self, seeds):
        """Draws the picture of each seed; on the CPU it is the same, bit for bit, whatever the other seeds.

        Args:
            seeds: a sequence of whole numbers from 0 to 2**31 - 1.

        Yields:
            uint8 `[side, side, channels]`, in the order of the seeds.
        """
        for first in range(0, len(seeds), _BATCH_SIZE):
            chosen = seeds[first : first + _BATCH_SIZE]
            yield from self._draw_batch(latent_codes(list(chosen), self.latent_size))

    def draw_walk(self, seeds, frames, *, loop):
        """Draws a walk from seed to seed.

        Args:
            seeds: two whole numbers or more, from 0 to 2**31 - 1.
            frames: pictures from one seed to the next, the next left out.
            loop: whether to return to the first seed; the film then has no end, otherwise it ends on the last.

        Yields:
            uint8 `[side, side, channels]`, `frames` for each leg, and one more without `loop`.
        """
        codes = latent_codes(list(seeds) + ([seeds[0]] if loop else []), self.latent_size)
        for start, end in itertools.pairwise(codes):
            between = interpolate_codes(start, end, tf.range(1, frames, dtype=tf.float32) / frames)
            leg = tf.concat([start[None], between], axis=0)  # a seed's own code, to the last bit
            for first in range(0, frames, _BATCH_SIZE):
                yield from self._draw_batch(leg[first : first + _BATCH_SIZE])
        if not loop:
            yield from self._draw_batch(codes[-1:])

    def _draw_batch(self, codes):
        count = len(codes)
        padded = tf.pad(codes, [[0, _BATCH_SIZE - count], [0, 0]])
        return self._draw(padded).numpy()[:count]


def _build(run):
    settings = run.config()["settings"]
    try:
        module = MODELS[settings["model"]].module()
        shape = [settings[name] for name in ("resolution", "channels", "width", "seed")]
        return module.generator(*shape), module.LATENT_SIZE
    except KeyError as error:
        raise InputError(f"{run.config_file} must name a model and its shape; {error} is unknown or missing") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{run.config_file} describes no network of this version ({error})") from error


def _restore(generator, path):
    try:
        status = tf.train.Checkpoint(average_generator=generator).restore(str(path))
        status.assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"checkpoint {path} is damaged ({reason}); choose another with --step") from error
