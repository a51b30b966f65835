"""What a method adds to a training beside its networks, losses and optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import tf_keras as keras

    from sle_gan.data.pipeline import Halves


class Supplement(NamedTuple):
    """What a method adds to a training; as it is built without arguments, nothing.

    Attributes:
        callbacks: those that change the networks between steps, to be called first.
        last_callbacks: those to be called before the checkpoint is saved.
        checkpoint_items: what a resumed run needs, by name.
        row: function of the step -> what a row of metrics says, by name.
        summary: function of nothing -> lines of text for the end of training.
        halves: the `Halves` of the images from which steps take their batches in turn; None for batches of all.
        macs_per_step: function of what the generator and the discriminator cost for an image -> what a step costs, all
            in MACs; None where a step is that of the two networks in training.
        checkpoint_bytes: what a checkpoint takes beside the networks, their optimizers and the average.
    """

    callbacks: list[keras.callbacks.Callback] = []  # noqa: RUF012  (nobody writes to it)
    last_callbacks: list[keras.callbacks.Callback] = []  # noqa: RUF012
    checkpoint_items: dict[str, Any] = {}  # noqa: RUF012
    row: Callable[[int], dict[str, Any]] = lambda step: {}
    summary: Callable[[], Iterable[str]] = list
    halves: Halves | None = None
    macs_per_step: Callable[[float, float], float] | None = None
    checkpoint_bytes: int = 0
