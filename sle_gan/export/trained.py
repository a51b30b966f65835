"""The trained generator of a run, and drawing with it."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from sle_gan.array_files import read_arrays
from sle_gan.checkpoint_files import read_saved
from sle_gan.errors import InputError
from sle_gan.export.latents import Code, Point, Styles
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
        run.generator_checkpoint(step, or_newest=or_newest)  # what is not there is told before a network is built
        self.generator = _build(run)
        self.latent_size = self.generator.inputs[0].shape[-1]
        self.restore(step, or_newest=or_newest)
        self.truncation = truncation
        self._inputs = tf.function(
            lambda seeds: seed_inputs(self.generator, seeds, self.label), [tf.TensorSpec([None], tf.int32, "seeds")]
        )
        self._draw = tf.function(lambda inputs: postprocess_images(self.draw_inputs(inputs), tf.uint8))
        if truncation is not None:
            self._parts = _styles(run, self.generator)
            self._layer_count = self._parts.synthesis.input_shape[1]
            self._draw_styles = tf.function(self._draw_styles_of_layers)
            self._map = tf.function(self._styles_of)

    def restore(self, step: int | None = None, *, or_newest: bool = False) -> None:
        """Reads the weights of another checkpoint.

        Args:
            step: see the class.
            or_newest: see the class.

        Raises:
            InputError: if there is no such checkpoint, or it is damaged.
        """
        find = functools.partial(self.run.generator_checkpoint, step, or_newest=or_newest)
        self.step = read_saved(find, functools.partial(_restore, self.generator))

    def draw_seeds(self, seeds: Sequence[Point]) -> Iterator[NDArray[np.uint8]]:
        """Draws the picture of each seed; on the CPU it is the same, bit for bit, whatever the other seeds.

        Args:
            seeds: a sequence of whole numbers from 0 to 2**31 - 1, and of codes and styles that passed `check`.

        Yields:
            uint8 `[height, width, channels]`, in the order of the seeds.
        """
        for rows in _batches(len(seeds)):
            points = list(seeds[rows])
            pictures = draw_padded(self._draw, self._inputs_of(points))
            are_styles = [isinstance(point, Styles) for point in points]
            if any(are_styles):
                drawn = draw_padded(self._draw_styles, self._layer_styles(points))
                pictures = np.where(np.reshape(are_styles, [-1, 1, 1, 1]), drawn, pictures)
            yield from pictures

    def draw_mixed(
        self, seeds: Sequence[Point], mix_seeds: Sequence[int], from_side: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Draws the pictures of each seed with the finer styles of each other seed.

        Args:
            seeds: see `draw_seeds`; their styles shape the coarser maps.
            mix_seeds: likewise, whose styles shape the finer maps.
            from_side: side in pixels of the coarsest map that is shaped by `mix_seeds`: 4, 8, 16, ...

        Yields:
            uint8 `[height, width, channels]`: of the first seed with every other seed, then of the second, ...
        """
        first_layer = GENERATORS[self.run.settings().network.generator].module().first_layer_from(from_side)
        is_fine = (np.arange(self._layer_count) >= first_layer)[:, None]
        fine = self._layer_styles(mix_seeds)
        for coarse in self._layer_styles(seeds):
            mixed = np.where(is_fine, fine, coarse)
            for rows in _batches(len(mixed)):
                yield from draw_padded(self._draw_styles, mixed[rows])

    def draw_style_walk(
        self, seeds: Sequence[Point], route: Route, moves: NDArray[np.float32] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Draws a walk from seed to seed in the space of styles, where straight lines are walked.

        Args:
            seeds: see `draw_seeds`.
            route: the place of each frame among them.
            moves: float32 `[frames, size]`, added to the styles of each frame; None for none.

        Yields:
            uint8 `[height, width, channels]`, a picture for each frame.
        """
        styles = self._layer_styles(seeds)
        shares = route.shares[:, None, None]
        for rows in _batches(len(shares)):
            starts, ends = styles[route.starts[rows]], styles[route.ends[rows]]
            walked = (1.0 - shares[rows]) * starts + shares[rows] * ends
            yield from draw_padded(self._draw_styles, walked if moves is None else walked + moves[rows, None])

    def draw_walk(
        self, seeds: Sequence[Point], route: Route, moves: NDArray[np.float32] | None = None, *, straight: bool = False
    ) -> Iterator[NDArray[np.uint8]]:
        """Draws a walk from seed to seed; from class to class along the straight line between their labels.

        Args:
            seeds: see `draw_seeds`; no styles.
            route: the place of each frame among them. A frame on a seed is its own picture, to the last bit.
            moves: float32 `[frames, size]`, added to the codes of each frame; None for none.
            straight: whether codes are joined by straight lines; otherwise along the sphere where they lie.

        Yields:
            uint8 `[height, width, channels]`, a picture for each frame.
        """
        inputs = self._inputs_of(seeds)
        codes, *labels = tf.nest.flatten(inputs)
        between = interpolate_straight if straight else interpolate_codes
        for rows in _batches(len(route.shares)):
            part = route.at(rows)
            starts = tf.gather(codes, part.starts)
            walked = between(starts, tf.gather(codes, part.ends), tf.constant(part.shares))
            walked = tf.where(part.shares[:, None] == 0, starts, walked)
            parts = [walked if moves is None else walked + moves[rows]]
            parts += [
                interpolate_straight(tf.gather(label, part.starts), tf.gather(label, part.ends), part.shares)
                for label in labels
            ]
            yield from draw_padded(self._draw, tf.nest.pack_sequence_as(inputs, parts))

    def draw_moved(self, seeds: Sequence[Point], moves: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
        """Draws the pictures of each seed, whose code, or style where there are styles, is moved.

        Args:
            seeds: see `draw_seeds`.
            moves: float32 `[count, size]` that are added. Zeros give the seed's own picture, to the last bit.

        Yields:
            uint8 `[height, width, channels]`: of the first seed with every move, then of the second, ...
        """
        of_seeds, of_moves = (part.ravel() for part in np.indices([len(seeds), len(moves)]))
        if self.truncation is not None:
            styles = self._layer_styles(seeds)
            for rows in _batches(len(of_seeds)):
                yield from draw_padded(self._draw_styles, styles[of_seeds[rows]] + moves[of_moves[rows], None])
            return
        inputs = self._inputs_of(seeds)
        codes, *labels = tf.nest.flatten(inputs)
        for rows in _batches(len(of_seeds)):
            parts = [tf.gather(codes, of_seeds[rows]) + moves[of_moves[rows]]]
            parts += [tf.gather(label, of_seeds[rows]) for label in labels]
            yield from draw_padded(self._draw, tf.nest.pack_sequence_as(inputs, parts))

    def check(self, points: Iterable[Point]) -> None:
        """Checks that codes and styles are of this network's sizes; seeds always fit.

        Raises:
            InputError: if one is not, or the class of a code is not known.
        """
        for point in points:
            if isinstance(point, Styles):
                size = self._parts.average.shape[0]
                if point.numbers.shape not in {(1, size), (self._layer_count, size)}:
                    wanted = f"[{size}] or [{self._layer_count}, {size}]"
                    raise InputError(f"styles must be {wanted} in {self.run.path}; got {list(point.numbers.shape)}")
            elif isinstance(point, Code):
                if point.numbers.shape != (self.latent_size,):
                    wanted = f"of {self.latent_size} numbers in {self.run.path}"
                    raise InputError(f"a code must be {wanted}; got {list(point.numbers.shape)}")
                self._check_classes(point)

    def _check_classes(self, code: Code) -> None:
        if not self.class_names or self.label != EACH_ITS_OWN:
            return
        if code.classes is None:
            raise InputError(f"--class must name the class of the codes: {', '.join(self.class_names)}")
        if code.classes.shape != (len(self.class_names),):
            raise InputError(f"the shares of a code's classes must be {len(self.class_names)}; got {len(code.classes)}")

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

    def draw_inputs(self, inputs: Any) -> tf.Tensor:
        """Draws codes at this truncation.

        Args:
            inputs: float32 codes `[count, latent_size]`; with classes a list of them and of one-hot labels.

        Returns:
            float `[count, height, width, channels]` in about [-1, 1].
        """
        if self.truncation is None:
            return self.generator(inputs, training=False)
        styles = tf.repeat(self._styles_of(inputs)[:, None], self._layer_count, axis=1)
        return self._parts.synthesis(styles, training=False)

    def images_of(self, codes: tf.Tensor) -> tf.Tensor:
        """Draws codes, or styles with a truncation, so that gradients flow.

        Args:
            codes: float32 `[count, size]`, as `codes` returns them.

        Returns:
            float `[count, height, width, channels]` in about [-1, 1]; with classes, of the class of `label`, or of none
            without one.
        """
        if self.truncation is not None:
            return self._parts.synthesis(tf.repeat(codes[:, None], self._layer_count, axis=1), training=False)
        if not self.class_names:
            return self.generator(codes, training=False)
        labels = tf.one_hot(tf.fill([len(codes)], self.label), len(self.class_names))
        return self.generator([codes, labels], training=False)

    def styles(self, seeds: Sequence[Point]) -> NDArray[np.float32]:
        """Returns the style of each seed or code, float32 `[count, size]`, at this truncation."""
        inputs = self._inputs_of(seeds)
        batches = [batch_at(inputs, rows.start, DRAWN_BATCH) for rows in _batches(len(seeds))]
        return np.concatenate([draw_padded(self._map, batch) for batch in batches])

    def first_responses(self) -> NDArray[np.float32]:
        """Returns what the first layers make of each number of a code alone, or of a style where there are styles.

        Returns:
            float32 `[size, units]`: with a first layer x W + b it is W.
        """
        module = GENERATORS[self.run.settings().network.generator].module()
        if self.truncation is not None:
            network = module.style_scales(self.generator)
            size = self._parts.average.shape[0]
            alone: Any = tf.repeat(tf.eye(size + 1, size)[:, None], self._layer_count, axis=1)  # the last row is 0
            outputs = network(alone, training=False)
        else:
            network = module.feature_split(self.generator).first
            alone = tf.eye(self.latent_size + 1, self.latent_size)
            if self.class_names:
                alone = [alone, tf.zeros([self.latent_size + 1, len(self.class_names)])]
            (outputs,), _ = network(alone, training=False)
        outputs = tf.cast(tf.reshape(outputs, [len(outputs), -1]), tf.float32)
        return (outputs[:-1] - outputs[-1:]).numpy()

    def _draw_styles_of_layers(self, styles: tf.Tensor) -> tf.Tensor:
        return postprocess_images(self._parts.synthesis(styles, training=False), tf.uint8)

    def _inputs_of(self, points: Sequence[Point]) -> Any:
        """Returns what the generator draws points from; styles have the place of a seed there."""
        seeds = [0 if isinstance(point, Code | Styles) else point for point in points]
        inputs = self._inputs(tf.constant(seeds, tf.int32))
        given = {row: point for row, point in enumerate(points) if isinstance(point, Code)}
        if not given:
            return inputs
        parts = [np.array(part) for part in tf.nest.flatten(inputs)]
        for row, point in given.items():
            parts[0][row] = point.numbers
            if self.class_names and self.label == EACH_ITS_OWN:
                parts[1][row] = point.classes
        return tf.nest.pack_sequence_as(inputs, [tf.constant(part) for part in parts])

    def _layer_styles(self, points: Sequence[Point]) -> NDArray[np.float32]:
        """Returns the styles of all layers of each point at this truncation, float32 `[count, layers, size]`."""
        styles = np.repeat(self.styles(points)[:, None], self._layer_count, axis=1)
        for row, point in enumerate(points):
            if isinstance(point, Styles):
                styles[row] = self._truncated(point.numbers).numpy()
        return styles

    def _styles_of(self, inputs: Any) -> tf.Tensor:
        return self._truncated(self._parts.mapping(inputs, training=False))

    def _truncated(self, styles: Any) -> tf.Tensor:
        """Returns styles at this truncation; those of 1 as they are, to the last bit."""
        if self.truncation == 1:
            return tf.convert_to_tensor(styles)
        return self._parts.average + self.truncation * (styles - self._parts.average)


def _batches(count: int) -> Iterator[slice]:
    """Yields the rows of each batch of so many."""
    for first in range(0, count, DRAWN_BATCH):
        yield slice(first, first + DRAWN_BATCH)


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
