"""The trained generator of a run, and drawing with it."""

import itertools

import numpy as np
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
        InputError: if there is no such checkpoint, or it is damaged.
    """

    def __init__(self, run, step=None):
        settings = run.config()["settings"]
        self.run = run
        self.step = run.latest_step() if step is None else step
        if self.step is None:
            raise InputError(f"{run.path} has no checkpoint yet; train it first")
        module = MODELS[settings["model"]].module()
        self.generator = module.generator(
            settings["resolution"], settings["channels"], settings["width"], settings["seed"]
        )
        self.latent_size = module.LATENT_SIZE
        self._restore(run.checkpoints / f"ckpt-{self.step}")
        self._draw = tf.function(lambda codes: postprocess_images(self.generator(codes, training=False), tf.uint8))

    def _restore(self, path):
        try:
            status = tf.train.Checkpoint(average_generator=self.generator).restore(str(path))
            status.assert_existing_objects_matched().expect_partial()
        except tf.errors.NotFoundError:
            there = ", ".join(sorted(file.stem for file in path.parent.glob("*.index"))) or "none"
            raise InputError(f"{self.run.path} has no checkpoint of step {self.step}; there are {there}") from None
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"checkpoint {path} is damaged ({reason}); choose another with --step") from error

    def draw_seeds(self, seeds):
        """Draws the picture of each seed.

        Args:
            seeds: a sequence of whole numbers.

        Yields:
            uint8 `[side, side, channels]`, in the order of the seeds.
        """
        for first in range(0, len(seeds), _BATCH_SIZE):
            chosen = seeds[first : first + _BATCH_SIZE]
            yield from self._draw_batch(latent_codes(list(chosen), self.latent_size))

    def draw_walk(self, seeds, frames, *, loop):
        """Draws a walk from seed to seed.

        Args:
            seeds: two whole numbers or more.
            frames: pictures from one seed to the next, the next left out.
            loop: whether to return to the first seed; the film then has no end, otherwise it ends on the last.

        Yields:
            uint8 `[side, side, channels]`.
        """
        codes = latent_codes(list(seeds) + ([seeds[0]] if loop else []), self.latent_size)
        for start, end in itertools.pairwise(codes):
            leg = interpolate_codes(start, end, tf.range(frames, dtype=tf.float32) / frames)
            for first in range(0, frames, _BATCH_SIZE):
                yield from self._draw_batch(leg[first : first + _BATCH_SIZE])
        if not loop:
            yield from self._draw_batch(codes[-1:])

    def _draw_batch(self, codes):
        count = len(codes)
        padded = tf.pad(codes, [[0, _BATCH_SIZE - count], [0, 0]])
        return np.asarray(self._draw(padded))[:count]
