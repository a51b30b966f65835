"""The trained generator of a run, and drawing with it."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.array_files import read_arrays
from sle_gan.checkpoint_files import read_saved
from sle_gan.errors import InputError
from sle_gan.export.route import Route
from sle_gan.models import GENERATORS
from sle_gan.models.array_weights import assign_arrays
from sle_gan.models.build import build_generator
from sle_gan.models.io import (
    DRAWN_BATCH,
    EACH_ITS_OWN,
    batch_at,
    draw_padded,
    interpolate_codes,
    interpolate_straight,
    latent_codes,
    postprocess_images,
    seed_inputs,
)
from sle_gan.run import RunFolder


class TrainedGenerator:
    """The averaged generator of a run at one of its checkpoints.

    Args:
        run: the `RunFolder`.
        step: step of the checkpoint; the newest if None.
        truncation: how far styles lie from their average, in multiples of where the network puts them: 1 changes
            nothing, 0 is the average picture. None for networks without styles.
        label: with classes, that of all pictures; without it the classes in turn, see `seed_inputs`.
        or_newest: whether the newest is taken where the checkpoint of the step was deleted.

    Attributes:
        run: the `RunFolder`.
        step: step of the checkpoint.
        generator: the `keras.Model`.
        latent_size: length of its codes.
        label: as given.
        class_names: the names of the classes by label; empty without classes.

    Raises:
        InputError: if the run's settings describe no network, or there is no such checkpoint, or it is damaged, or
            styles are asked for of a network that has none.
    """

    def __init__(
        self,
        run: RunFolder,
        step: int | None = None,
        truncation: float | None = None,
        label: int = EACH_ITS_OWN,
        *,
        or_newest: bool = False,
    ) -> None:
        self.run = run
        self.label = label
        self.class_names = list(run.settings().images.class_names)
        find = functools.partial(run.generator_checkpoint, step, or_newest=or_newest)
        find()  # what is not there is told before a network is built
        self.generator = _build(run)
        self.latent_size = self.generator.inputs[0].shape[-1]
        self.step = read_saved(find, functools.partial(_restore, self.generator))
        self.truncation = truncation
        self._inputs = tf.function(
            lambda seeds: seed_inputs(self.generator, seeds, self.label), [tf.TensorSpec([None], tf.int32, "seeds")]
        )
        self._draw = tf.function(lambda inputs: postprocess_images(self.generator(inputs, training=False), tf.uint8))
        if truncation is not None:
            self._parts = _styles(run, self.generator)
            self._draw = tf.function(self._draw_truncated)
            self._draw_styles = tf.function(self._draw_styles_of_layers)
            self._map = tf.function(self._styles_of)

    def draw_seeds(self, seeds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Draws the picture of each seed; on the CPU it is the same, bit for bit, whatever the other seeds.

        Args:
            seeds: a sequence of whole numbers from 0 to 2**31 - 1.

        Yields:
            uint8 `[height, width, channels]`, in the order of the seeds.
        """
        for first in range(0, len(seeds), DRAWN_BATCH):
            chosen = seeds[first : first + DRAWN_BATCH]
            yield from draw_padded(self._draw, self._inputs(tf.constant(list(chosen), tf.int32)))

    def draw_mixed(self, seeds: Sequence[int], mix_seeds: Sequence[int], from_side: int) -> Iterator[NDArray[np.uint8]]:
        """Draws the pictures of each seed with the finer styles of each other seed.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1, whose styles shape the coarser maps.
            mix_seeds: likewise, whose styles shape the finer maps.
            from_side: side in pixels of the coarsest map that is shaped by `mix_seeds`: 4, 8, 16, ...

        Yields:
            uint8 `[height, width, channels]`: of the first seed with every other seed, then of the second, ...
        """
        first_layer = GENERATORS[self.run.settings().network.generator].module().first_layer_from(from_side)
        layer_count = self._parts.synthesis.input_shape[1]
        is_fine = (tf.range(layer_count) >= first_layer)[None, :, None]
        fine = self._styles_of_seeds(mix_seeds)
        for coarse in self._styles_of_seeds(seeds):
            mixed = tf.where(is_fine, fine[:, None], coarse[None, None])
            for first in range(0, len(mixed), DRAWN_BATCH):
                yield from draw_padded(self._draw_styles, mixed[first : first + DRAWN_BATCH])

    def draw_style_walk(self, seeds: Sequence[int], route: Route) -> Iterator[NDArray[np.uint8]]:
        """Draws a walk from seed to seed in the space of styles, where straight lines are walked.

        Args:
            seeds: two whole numbers or more, from 0 to 2**31 - 1.
            route: the place of each frame among them.

        Yields:
            uint8 `[height, width, channels]`, a picture for each frame.
        """
        styles = self._styles_of_seeds(seeds)
        layer_count = self._parts.synthesis.input_shape[1]
        for part in _batches(route):
            walked = interpolate_straight(tf.gather(styles, part.starts), tf.gather(styles, part.ends), part.shares)
            yield from draw_padded(self._draw_styles, tf.repeat(walked[:, None], layer_count, axis=1))

    def draw_walk(self, seeds: Sequence[int], route: Route, *, straight: bool = False) -> Iterator[NDArray[np.uint8]]:
        """Draws a walk from seed to seed; from class to class along the straight line between their labels.

        Args:
            seeds: two whole numbers or more, from 0 to 2**31 - 1.
            route: the place of each frame among them. A frame on a seed is its own picture, to the last bit.
            straight: whether codes are joined by straight lines; otherwise along the sphere where they lie.

        Yields:
            uint8 `[height, width, channels]`, a picture for each frame.
        """
        inputs = seed_inputs(self.generator, list(seeds), self.label)
        codes, *labels = tf.nest.flatten(inputs)
        between = interpolate_straight if straight else interpolate_codes
        for part in _batches(route):
            starts = tf.gather(codes, part.starts)
            walked = between(starts, tf.gather(codes, part.ends), tf.constant(part.shares))
            parts = [tf.where(part.shares[:, None] == 0, starts, walked)]
            parts += [
                interpolate_straight(tf.gather(label, part.starts), tf.gather(label, part.ends), part.shares)
                for label in labels
            ]
            yield from draw_padded(self._draw, tf.nest.pack_sequence_as(inputs, parts))

    def draw_moved(self, seeds: Sequence[int], moves: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
        """Draws the pictures of each seed, whose code, or style where there are styles, is moved.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1.
            moves: float32 `[count, size]` that are added. Zeros give the seed's own picture, to the last bit.

        Yields:
            uint8 `[height, width, channels]`: of the first seed with every move, then of the second, ...
        """
        of_seeds, of_moves = (part.ravel() for part in np.indices([len(seeds), len(moves)]))
        rows = [slice(first, first + DRAWN_BATCH) for first in range(0, len(of_seeds), DRAWN_BATCH)]
        if self.truncation is not None:
            layer_count = self._parts.synthesis.input_shape[1]
            styles = self.styles(seeds)
            for part in rows:
                moved = styles[of_seeds[part]] + moves[of_moves[part]]
                yield from draw_padded(self._draw_styles, tf.repeat(moved[:, None], layer_count, axis=1))
            return
        inputs = seed_inputs(self.generator, list(seeds), self.label)
        codes, *labels = tf.nest.flatten(inputs)
        for part in rows:
            parts = [tf.gather(codes, of_seeds[part]) + moves[of_moves[part]]]
            parts += [tf.gather(label, of_seeds[part]) for label in labels]
            yield from draw_padded(self._draw, tf.nest.pack_sequence_as(inputs, parts))

    def codes(self, seeds: Sequence[int]) -> NDArray[np.float32]:
        """Returns what a picture is searched among: the style of each seed with a truncation, else its latent code.

        Args:
            seeds: whole numbers from 0 to 2**31 - 1.

        Returns:
            float32 `[count, size]`.
        """
        if self.truncation is not None:
            return self.styles(seeds)
        return latent_codes(list(seeds), self.latent_size).numpy()

    def images_of(self, codes: tf.Tensor) -> tf.Tensor:
        """Draws codes, or styles with a truncation, so that gradients flow.

        Args:
            codes: float32 `[count, size]`, as `codes` returns them.

        Returns:
            float `[count, height, width, channels]` in about [-1, 1]; with classes, of the class of `label`, or of none
            without one.
        """
        if self.truncation is not None:
            layer_count = self._parts.synthesis.input_shape[1]
            return self._parts.synthesis(tf.repeat(codes[:, None], layer_count, axis=1), training=False)
        if not self.class_names:
            return self.generator(codes, training=False)
        labels = tf.one_hot(tf.fill([len(codes)], self.label), len(self.class_names))
        return self.generator([codes, labels], training=False)

    def styles(self, seeds: Sequence[int]) -> NDArray[np.float32]:
        """Returns the style of each seed, float32 `[count, size]`, at this truncation."""
        return self._styles_of_seeds(seeds).numpy()

    def first_responses(self) -> NDArray[np.float32]:
        """Returns what the first layers make of each number of a code alone, or of a style where there are styles.

        Returns:
            float32 `[size, units]`: with a first layer x W + b it is W.
        """
        module = GENERATORS[self.run.settings().network.generator].module()
        if self.truncation is not None:
            network = module.style_scales(self.generator)
            size, layer_count = self._parts.average.shape[0], self._parts.synthesis.input_shape[1]
            alone: Any = tf.repeat(tf.eye(size + 1, size)[:, None], layer_count, axis=1)  # the last row is 0
            outputs = network(alone, training=False)
        else:
            network = module.feature_split(self.generator).first
            alone = tf.eye(self.latent_size + 1, self.latent_size)
            if self.class_names:
                alone = [alone, tf.zeros([self.latent_size + 1, len(self.class_names)])]
            (outputs,), _ = network(alone, training=False)
        outputs = tf.cast(tf.reshape(outputs, [len(outputs), -1]), tf.float32)
        return (outputs[:-1] - outputs[-1:]).numpy()

    def _draw_truncated(self, inputs: Any) -> tf.Tensor:
        layer_count = self._parts.synthesis.input_shape[1]
        return self._draw_styles_of_layers(tf.repeat(self._styles_of(inputs)[:, None], layer_count, axis=1))

    def _draw_styles_of_layers(self, styles: tf.Tensor) -> tf.Tensor:
        return postprocess_images(self._parts.synthesis(styles, training=False), tf.uint8)

    def _styles_of_seeds(self, seeds: Sequence[int]) -> tf.Tensor:
        inputs = seed_inputs(self.generator, list(seeds), self.label)
        batches = [batch_at(inputs, first, DRAWN_BATCH) for first in range(0, len(seeds), DRAWN_BATCH)]
        return tf.concat([draw_padded(self._map, batch) for batch in batches], axis=0)

    def _styles_of(self, inputs: Any) -> tf.Tensor:
        average = self._parts.average
        return average + self.truncation * (self._parts.mapping(inputs, training=False) - average)


def _batches(route: Route) -> Iterator[Route]:
    for first in range(0, len(route.shares), DRAWN_BATCH):
        rows = slice(first, first + DRAWN_BATCH)
        yield Route(route.starts[rows], route.ends[rows], route.shares[rows])


def _styles(run: RunFolder, generator: keras.Model) -> Any:
    name = run.settings().network.generator
    if not GENERATORS[name].has_styles:
        raise InputError(f"{run.path} is a run of {name}, which has no styles; stylegan2 has")
    return GENERATORS[name].module().styles(generator)


def _build(run: RunFolder) -> keras.Model:
    settings = run.settings()
    try:
        return build_generator(settings.network, settings.images, settings.optimization.seed)
    except KeyError as error:
        raise InputError(f"{run.config_file} must name a generator of this version; {error} is none") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{run.config_file} describes no network of this version ({error})") from error


def _restore(generator: keras.Model, path: Path) -> None:
    if path.is_file():  # of a shared generator
        assign_arrays(generator, read_arrays(path)[0], path)
        return
    try:
        status = tf.train.Checkpoint(average_generator=generator).restore(str(path))
        status.assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"checkpoint {path} is damaged ({reason}); choose another with --step") from error
