"""What sparsity adds to a training; nothing, and nothing is loaded for it, where the training is dense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sle_gan.assembly.supplement import Supplement
from sle_gan.keras_version import needs_keras_2
from sle_gan.run import RunFolder
from sle_gan.settings import TrainSettings
from sle_gan.training.gan import GAN

if TYPE_CHECKING:
    from sle_gan.sparsity.record import SparsityRecord

# Of the training in which a ticket was found, what its file says.
_OF_TICKET = ("data_folder", "model", "generator", "discriminator", "resolution", "channels", "width", "seed")
_OF_SEARCH = ("round_steps", "rewind_to")


@needs_keras_2
def build_sparsity(gan: GAN, settings: TrainSettings, run: RunFolder) -> Supplement:
    """Gives a GAN the masks that the settings ask for.

    Args:
        gan: a compiled `GAN`.
        settings: of the training.
        run: where densities and tickets are written.

    Returns:
        A `Supplement`; one that adds nothing for a dense training.

    Raises:
        InputError: if a ticket is not one of this network.
    """
    if settings.sparsity is None:
        return Supplement()
    # The pruning library takes a quarter of all loading.
    from sle_gan.assembly.step_cost import other_macs_per_step, uncounted
    from sle_gan.callbacks.densities import Densities
    from sle_gan.sparsity.build import build_sparse_method
    from sle_gan.sparsity.record import SparsityRecord

    named = settings.named()
    origin = {name: named[name] for name in (*_OF_TICKET, *_OF_SEARCH) if name in named}
    method = build_sparse_method(settings.sparsity, gan, settings.optimization.seed, run.tickets, origin)
    optimization = settings.optimization
    record = SparsityRecord(
        gan.average_generator,
        gan.discriminator,
        method.masks,
        batch_size=optimization.batch_size,
        n_critic=optimization.n_critic,
        other_macs_per_step=other_macs_per_step(gan, optimization.images_per_step),
    )
    densities = Densities(record, run.densities_file, run.density_plot, run.tensorboard)
    items = method.checkpoint_items | record.checkpoint_items()
    for network, masks in method.masks.items():
        items |= {f"{network}_{name}": item for name, item in masks.checkpoint_items().items()}

    def summary() -> Iterator[str]:
        yield from _summary(record, int(gan.steps.numpy()), uncounted(settings))
        yield f"sparsity: densities over time in {run.density_plot}"

    return Supplement(method.callbacks, [*method.last_callbacks, densities], items, record.row, summary)


def _summary(record: SparsityRecord, step: int, not_counted: list[str]) -> Iterator[str]:
    row, without = record.row(step), f" (without {', '.join(not_counted)})" if not_counted else ""
    live = ", ".join(f"{network} {masks.density():.1%}" for network, masks in record.masks.items())
    yield f"sparsity: live weights of the kernels: {live}; {row['live_parameters']:,} live parameters to draw with"
    yield (
        f"sparsity: theoretical FLOPs of training {row['training_flops_share']:.1%} of dense{without}, "
        f"{row['inference_flops'] / 1e6:.1f} M for an image; dense kernels take the time of all their weights"
    )
