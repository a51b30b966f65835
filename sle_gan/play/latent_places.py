"""Where points lie in the spaces of codes and of styles of a trained generator. Imports TensorFlow."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.export.directions import COUNT, find_directions
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models import GENERATORS
from sle_gan.models.io import DRAWN_BATCH, EACH_ITS_OWN, batch_at, draw_padded, interpolate_codes, seed_inputs
from sle_gan.play.points import Base, Between, Code, Near, Place, Point, Seed, Shape, decode

Floats = NDArray[np.float32]


class LatentPlaces:
    """Finds the codes and the styles of points.

    Args:
        trained: the `TrainedGenerator`; with a truncation of 1 if it has styles.

    Attributes:
        shape: the `Shape` of its points.
        parts: of a network with styles, its `Styles`, as its file brings them out; None without.
    """

    def __init__(self, trained: TrainedGenerator):
        self._trained = trained
        settings = trained.run.settings()
        module = GENERATORS[settings.network.generator].module()
        self.parts: Any = module.styles(trained.generator) if trained.truncation is not None else None
        sides, layers, style_size = [], 0, 0
        if self.parts:
            self._first_layer_from = module.first_layer_from
            self._map = tf.function(lambda codes: self.parts.mapping(self.inputs(*codes), training=False))
            sides = [2**power for power in range(3, settings.images.shape.side.bit_length())]
            layers, style_size = self.parts.synthesis.input_shape[1:]
        size = trained.latent_size
        directions = min(COUNT, style_size or size)
        self.shape = Shape(size, len(trained.class_names), layers, style_size, directions, tuple(sides))
        self._codes = tf.function(lambda seeds: _joined(seed_inputs(trained.generator, *seeds)))
        self._noise = tf.function(lambda numbers: _noise(numbers[0], size))
        self._walk = tf.function(lambda ends: interpolate_codes(*ends))

    def inputs(self, codes: tf.Tensor) -> Any:
        """Returns codes `[count, latent_size + classes]` as the generator takes them."""
        if not self.shape.classes:
            return codes
        return tf.split(codes, [self.shape.latent_size, self.shape.classes], axis=1)

    def forget(self) -> None:
        """Forgets the directions, which belong to the weights."""
        self.__dict__.pop("_directions", None)

    def find(self, points: Sequence[Point], share: float = 1.0) -> list[Place]:
        """Finds where points lie, before they are moved or mixed.

        Args:
            points: the points.
            share: how far the styles of a walk between moved or mixed points go from the average one.
        """
        walks = [point.place for point in points if isinstance(point.place, Between)]
        ends = [end for walk in walks for end in (walk.start, walk.end)]
        at_ends = self.move(self.find(ends, share), ends, share) if ends else []
        walked = (
            self._walked(start, end, walk, share)
            for start, end, walk in zip(at_ends[::2], at_ends[1::2], walks, strict=True)
        )
        others = iter(self._simple([point.place for point in points if not isinstance(point.place, Between)]))
        return [next(walked if isinstance(point.place, Between) else others) for point in points]

    def move(self, places: Sequence[Place], points: Sequence[Point], share: float = 1.0) -> list[Place]:
        """Moves and mixes places as their points say, among styles where the network has them.

        Args:
            places: of the points.
            points: the points.
            share: how far styles go from the average one.
        """
        moved = list(places)
        if not self.parts:
            for row, point in enumerate(points):
                code = places[row].code
                if point.moves and code is not None:
                    moved[row] = Place(code + self._along(point.moves))
            return moved
        rows = [row for row, point in enumerate(points) if point.moves or point.mix]
        own = self.styles([places[row] for row in rows], share)
        mixed = [_mixed_seed(point) for point in points if point.mix]
        fine = iter(self.styles(self._simple(mixed), share))
        for row, styles in zip(rows, own, strict=True):
            moves, mix = points[row].moves, points[row].mix
            styles = styles + share * self._along(moves) if moves else styles
            if mix:
                is_fine = np.arange(len(styles)) >= self._first_layer_from(mix.from_side)
                styles = np.where(is_fine[:, None], next(fine), styles)
            moved[row] = Place(styles=styles)
        return moved

    def styles(self, places: Sequence[Place], share: float) -> list[Floats]:
        """Returns the styles of places, float32 `[layers, size]` each.

        Args:
            places: any.
            share: how far those of codes go from the average one.
        """
        codes = [place.code for place in places if place.code is not None and place.styles is None]
        mapped = iter(_in_batches(self._map, [np.stack(codes)]) if codes else ())
        average = self.parts.average.numpy()
        return [
            np.repeat((average + share * (next(mapped) - average))[None], self.shape.layers, axis=0)
            if place.styles is None
            else place.styles
            for place in places
        ]

    def _simple(self, places: Sequence[Base | Near]) -> list[Place]:
        """Finds places that are no walks: each a `Base` or a `Near`."""
        bases: list[Base] = [place.of if isinstance(place, Near) else place for place in places]
        seeds = list(dict.fromkeys(base for base in bases if isinstance(base, Seed)))
        labels = [EACH_ITS_OWN if seed.label is None else seed.label for seed in seeds]
        numbers = [np.array(column, np.int32) for column in ([seed.seed for seed in seeds], labels)]
        codes = _in_batches(self._codes, numbers)
        of_seeds = dict(zip(seeds, codes, strict=True))
        turns = [place for place in places if isinstance(place, Near)]
        noise = iter(_in_batches(self._noise, [np.array([turn.number for turn in turns], np.int32)]))
        found = []
        for place, base in zip(places, bases, strict=True):
            at = self._at(base, of_seeds)
            found.append(self._turned(at, place.angle, next(noise)) if isinstance(place, Near) else at)
        return found

    def _at(self, base: Base, of_seeds: dict[Seed, Floats]) -> Place:
        if isinstance(base, Seed):
            return Place(of_seeds[base])
        if isinstance(base, Code):
            return Place(decode(base.numbers))
        return Place(styles=decode(base.numbers).reshape(self.shape.layers, self.shape.style_size))

    def _turned(self, place: Place, angle: float, noise: Floats) -> Place:
        """Turns a place by an angle, which leaves a Gaussian code Gaussian."""
        along, across = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        if place.code is not None:
            code, labels = np.split(place.code, [len(noise)])
            return Place(np.concatenate([along * code + across * noise, labels]))
        classes = self.shape.classes
        even = np.full(classes, 1 / max(classes, 1), np.float32)
        (other,) = self.styles([Place(np.concatenate([noise, even]))], 1.0)
        average = self.parts.average.numpy()
        return Place(styles=average + along * (place.styles - average) + across * (other - average))

    def _walked(self, start: Place, end: Place, walk: Between, share: float) -> Place:
        """Walks from code to code along the sphere where they lie, and straight where an end lies among styles."""
        if walk.share in {0, 1}:
            return end if walk.share else start
        at = np.float32(walk.share)
        if start.code is not None and end.code is not None:
            size = self.shape.latent_size
            rows = [tf.constant(row[None]) for row in (start.code[:size], end.code[:size], at)]
            labels = (1 - at) * start.code[size:] + at * end.code[size:]
            return Place(np.concatenate([draw_padded(self._walk, rows)[0], labels]))
        first, last = self.styles([start, end], share)
        return Place(styles=(1 - at) * first + at * last)

    def _along(self, moves: Sequence[float]) -> Floats:
        """Returns what moves along directions add to a code, with its classes, or to a style."""
        vectors = self._directions[: len(moves)]
        return (np.asarray(moves, np.float32)[:, None] * vectors).sum(axis=0)

    @functools.cached_property
    def _directions(self) -> Floats:
        vectors = find_directions(self._trained, count=self.shape.directions).vectors
        return vectors if self.parts else np.pad(vectors, [(0, 0), (0, self.shape.classes)])


def _joined(inputs: Any) -> tf.Tensor:
    return tf.concat(tf.nest.flatten(inputs), axis=1)


def _noise(numbers: tf.Tensor, size: int) -> tf.Tensor:
    """Draws a code for each number; the second word of the key sets them apart from those of seeds."""
    return tf.map_fn(
        lambda number: tf.random.stateless_normal([size], tf.stack([number, 1])),
        numbers,
        fn_output_signature=tf.float32,
    )


def _in_batches(draw: Callable[[Any], tf.Tensor], columns: Sequence[NDArray[Any]]) -> list[Floats]:
    rows: list[Floats] = []
    for first in range(0, len(columns[0]), DRAWN_BATCH):
        rows += list(draw_padded(draw, batch_at([tf.constant(column) for column in columns], first, DRAWN_BATCH)))
    return rows


def _mixed_seed(point: Point) -> Seed:
    """Returns the seed whose finer styles a point takes, in the class that was chosen for the point."""
    assert point.mix
    place = point.place.of if isinstance(point.place, Near) else point.place
    return Seed(point.mix.seed, place.label if isinstance(place, Seed) else None)
