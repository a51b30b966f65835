"""Draws points with the trained generator of a run. Imports TensorFlow."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.export.trained import TrainedGenerator
from sle_gan.models import GENERATORS
from sle_gan.models.io import DRAWN_BATCH, draw_padded, postprocess_images
from sle_gan.play.drawing_thread import Drawn
from sle_gan.play.latent_places import LatentPlaces
from sle_gan.play.points import How, Place, Point, Shape
from sle_gan.run import RunFolder


class Painter:
    """The averaged generator of a run, at the one of its checkpoints that was last asked for.

    Seeds and walks between them give the pictures that `generate.py` draws, on the CPU to the last bit; what is moved
    or mixed differs by 1 of 255 at most.

    Args:
        run: the `RunFolder`.
        step: of the checkpoint to begin with.

    Attributes:
        shape: the `Shape` of its points.
        batch: how many points are drawn together.

    Raises:
        InputError: see `TrainedGenerator`.
    """

    batch = DRAWN_BATCH

    def __init__(self, run: RunFolder, step: int):
        has_styles = GENERATORS[run.settings().network.generator].has_styles
        self._trained = TrainedGenerator(run, step, 1.0 if has_styles else None)
        self._step: int | None = step
        self._places = LatentPlaces(self._trained)
        self.shape: Shape = self._places.shape
        generator, parts = self._trained.generator, self._places.parts
        self._of_codes = tf.function(
            lambda codes: postprocess_images(generator(self._places.inputs(codes), training=False), tf.uint8)
        )
        self._of_styles = tf.function(
            lambda styles: postprocess_images(parts.synthesis(styles, training=False), tf.uint8)
        )

    def draw(self, how: How, points: Sequence[Point]) -> list[Drawn]:
        """Draws points, `batch` of them at most.

        Raises:
            InputError: if the checkpoint is damaged or gone.
        """
        if how.step != self._step:
            self._step = None  # what fails may have read half of it
            self._trained.restore(how.step)
            self._places.forget()
            self._step = how.step
        share = 1.0 if how.truncation is None else how.truncation
        places = self._places.find(points, share)
        moved = self._places.move(places, points, share)
        if how.truncation is not None:
            moved = [Place(styles=styles) for styles in self._places.styles(moved, share)]
        pictures: dict[int, NDArray[np.uint8]] = {}
        by_code = {row: one.code for row, one in enumerate(moved) if one.styles is None and one.code is not None}
        by_styles = {row: one.styles for row, one in enumerate(moved) if one.styles is not None}
        for inputs, draw in ((by_code, self._of_codes), (by_styles, self._of_styles)):
            if inputs:
                drawn = draw_padded(draw, tf.constant(np.stack(list(inputs.values()))))
                pictures |= zip(inputs, drawn, strict=True)
        return [Drawn(pictures[row], *found) for row, found in enumerate(zip(places, moved, strict=True))]
