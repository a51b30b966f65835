"""What sparsity adds to a training; nothing, and nothing is loaded for it, where the training is dense."""

from typing import NamedTuple

_METHODS = ("reconfigure", "find_ticket", "ticket", "sparse_from_scratch")


class Sparsity(NamedTuple):
    """What sparsity adds to a training.

    Attributes:
        callbacks: those that change masks, to be called first.
        last_callbacks: those to be called before the checkpoint is saved.
        checkpoint_items: what a resumed run needs, by name.
        row: function of the step -> what a row of metrics tells, by name.
        summary: function of nothing -> lines of text for the end of training.
    """

    callbacks: list
    last_callbacks: list
    checkpoint_items: dict
    row: object
    summary: object


def sparsity_of(gan, settings, run):
    """Gives a GAN the masks that the settings ask for.

    Args:
        gan: a compiled `GAN`.
        settings: the resolved settings.
        run: the `RunFolder`.

    Returns:
        A `Sparsity`; one that adds nothing for a dense training.

    Raises:
        InputError: if a ticket is not one of this network.
    """
    chosen = [name for name in _METHODS if settings[name]]
    if not chosen:
        return Sparsity([], [], {}, lambda step: {}, list)
    from sle_gan.assembly.sparsify import sparsify  # the pruning library takes a quarter of all loading

    return sparsify(chosen[0], gan, settings, run)
