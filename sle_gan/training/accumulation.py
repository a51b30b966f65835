"""Gradients of a batch as the sum over equal shares of it, one after the other: a step takes the memory of a share.

The shares lie unrolled in one compiled step: a loop could not hold what several devices bring together within them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from sle_gan.keras_version import needs_keras_2
from sle_gan.layers.chain import ChainNormalization
from sle_gan.layers.minibatch import MinibatchDeviation
from sle_gan.training import draws

_WITH_BATCH_STATISTICS = {
    keras.layers.BatchNormalization: "batch normalization",
    ChainNormalization: "CHAIN",
    MinibatchDeviation: "minibatch deviation",
}


class Share(NamedTuple):
    """One of the equal shares of a batch.

    The only share of a batch that is not divided adds nothing to a graph: the names in a graph order its
    sums, and a run that knows of no shares must go on exactly.

    Attributes:
        index: its number, from 0.
        count: how many there are.
    """

    index: int  # type: ignore[assignment]  # these hide methods of tuples
    count: int  # type: ignore[assignment]

    def rows(self, tensor: tf.Tensor) -> tf.Tensor:
        """Returns what belongs to this share of a tensor `[images of the batch, ...]`: its part of the rows."""
        return tensor if self.count == 1 else tf.split(tensor, self.count)[self.index]

    def whole(self, amount: int | tf.Tensor) -> int | tf.Tensor:
        """Returns what the whole batch has of something that this share has so much of, such as images."""
        return amount if self.count == 1 else self.count * amount

    def seed(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns the seed int32 `[2]` of what this share draws for itself, from that of the batch."""
        return seed if self.count == 1 else draws.fold(seed, self.index)


def shares(count: int) -> list[Share]:
    """Returns the shares of a batch that is divided into `count`."""
    return [Share(index, count) for index in range(count)]


def in_turn(count: int, work: Callable[[Share, Any], Any]) -> Any:
    """Does the same for each share, each time after what came of the share before is there.

    Args:
        count: number of shares.
        work: function of (share, what it returned for the share before, None at first) -> a structure of tensors.

    Returns:
        What `work` returned for the last share.
    """
    result = None
    for share in shares(count):
        there = [part for part in tf.nest.flatten(result) if tf.is_tensor(part)]
        # The maps of a share are free before the next share needs as much.
        with tf.control_dependencies(there):
            result = work(share, result)
    return result


def summed(count: int, gradients_of: Callable[[Share], tuple[list, Any]]) -> tuple[list, list]:
    """Sums gradients over the shares of a batch.

    Args:
        count: number of shares.
        gradients_of: function of a share -> (list of gradients, None where there is none; anything else).

    Returns:
        The list of sums, and the list of whatever else there was of each share.
    """

    def add(share: Share, before: tuple[list, list] | None) -> tuple[list, list]:
        gradients, other = gradients_of(share)
        if before is None:
            return gradients, [other]
        total, others = before
        return [_sum(*pair) for pair in zip(total, gradients, strict=True)], [*others, other]

    return in_turn(count, add)


def mean_over(parts: Sequence[Any]) -> Any:
    """Returns the mean of equal structures of float32 scalars, one for each share; that of a single one is itself."""
    first, *others = parts
    return tf.nest.map_structure(lambda *values: tf.reduce_mean(values), *parts) if others else first


@needs_keras_2
def describe_shares(count: int, batch_size: int, networks: Sequence[keras.Model]) -> list[str]:
    """Says what a step is that goes through shares.

    Args:
        count: number of shares.
        batch_size: images of a step, on all devices together.
        networks: the networks in training.

    Returns:
        A line of text; none where a batch is not divided.
    """
    if count == 1:
        return []
    images = batch_size // count
    line = f"accumulate: each step sums the gradients of {count} shares of {images} of its {batch_size} images"
    layers = [layer for network in networks for layer in network.submodules]
    kinds = [name for kind, name in _WITH_BATCH_STATISTICS.items() if any(isinstance(layer, kind) for layer in layers)]
    if not kinds:
        return [line]
    statistics = ", ".join(kinds)
    return [f"{line}; batch statistics ({statistics}) are those of {images}, so it is not the step of the whole batch"]


def _sum(total: tf.Tensor | None, gradient: tf.Tensor | None) -> tf.Tensor | None:
    if total is None or gradient is None:
        return gradient if total is None else total
    return total + gradient
