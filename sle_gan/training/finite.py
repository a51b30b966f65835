"""The look for numbers that are lost, before anything of a training is written."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.errors import NotFiniteError

_NAMED_AT_MOST = 3


def check_finite(means: Iterable[keras.metrics.Mean], items: Mapping[str, Any], step: int) -> None:
    """Ends a training whose numbers are lost.

    Gradients are not looked at: an optimizer that scales its loss skips those that are not finite, and any
    other leaves them in the weights.

    Args:
        means: the means of the losses since the last row, of `keras.metrics.Mean`.
        items: what a checkpoint holds, by name.
        step: number of steps done.

    Raises:
        NotFiniteError: if a mean, or a variable of the items, is not finite.
    """
    broken = [mean.name for mean in means if not math.isfinite(mean.result())]
    broken = broken or [f"{variable.name} of the {item}" for item, variable in _lost_variables(items)]
    if broken:
        more = f" and {len(broken) - _NAMED_AT_MOST} more" if len(broken) > _NAMED_AT_MOST else ""
        names = ", ".join(broken[:_NAMED_AT_MOST]) + more
        raise NotFiniteError(f"{names} not finite at step {step}")


def _lost_variables(items: Mapping[str, Any]) -> Iterator[tuple[str, tf.Variable]]:
    for name, item in items.items():
        root = tf.train.Checkpoint(item=item)
        for part in tf.train.TrackableView(root).descendants():
            is_number = isinstance(part, tf.Variable) and part.dtype.is_floating
            if is_number and not tf.reduce_all(tf.math.is_finite(part)):
                yield name, part
