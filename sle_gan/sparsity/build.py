"""The masks and callbacks that the settings of a sparse training ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sle_gan.keras_version import needs_keras_2
from sle_gan.settings import (
    ReconfigureSettings,
    SparseFromScratchSettings,
    TicketSearchSettings,
    TicketSettings,
)
from sle_gan.sparsity.adapt import BALANCE_RULES, BalancedDiscriminator, BalanceRatio
from sle_gan.sparsity.densities import erdos_renyi_kernel, uniform
from sle_gan.sparsity.dynamic import DynamicSparsity, random_masks
from sle_gan.sparsity.masks import Masks
from sle_gan.sparsity.reconfigure import Reconfigure
from sle_gan.sparsity.schedules import EXPLORATIONS
from sle_gan.sparsity.selection import Mask
from sle_gan.sparsity.ticket import TicketSearch, apply_subnetwork, read_ticket
from sle_gan.sparsity.times import ticket_rounds
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import copy_weights

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from sle_gan.training.gan import GAN

_LAYER_DENSITIES = {"erdos-renyi-kernel": erdos_renyi_kernel, "uniform": uniform}


class SparseMethod(NamedTuple):
    """A method of sparse training, in place.

    Attributes:
        masks: by the names of the networks, `generator` and `discriminator`.
        callbacks: those that change masks, to be called before all others.
        last_callbacks: those to be called before a checkpoint is saved.
        checkpoint_items: what a resumed run needs beside the masks, by name.
    """

    masks: dict[str, Masks]
    callbacks: list[keras.callbacks.Callback]
    last_callbacks: list[keras.callbacks.Callback]
    checkpoint_items: dict[str, Any]


@needs_keras_2
def build_sparse_method(
    settings: ReconfigureSettings | TicketSearchSettings | TicketSettings | SparseFromScratchSettings,
    gan: GAN,
    seed: int,
    tickets: Path,
    origin: dict[str, Any],
) -> SparseMethod:
    """Gives a GAN the masks of a method.

    Args:
        settings: of the method.
        gan: a compiled `GAN`.
        seed: of masks that are drawn.
        tickets: folder that a search writes its tickets to.
        origin: what a ticket's file says of the training that it was found in: plain values by name.

    Raises:
        InputError: if a ticket is not one of this network.
    """
    match settings:
        case ReconfigureSettings():
            return _reconfiguration(settings, gan)
        case TicketSearchSettings():
            return _ticket_search(settings, gan, tickets, origin)
        case TicketSettings():
            return _from_ticket(settings, gan, seed)
        case SparseFromScratchSettings():
            return _from_scratch(settings, gan, seed)


def _reconfiguration(settings: ReconfigureSettings, gan: GAN) -> SparseMethod:
    callback = Reconfigure(
        gan.generator,
        settings.sparsity,
        warmup=settings.warmup_steps,
        interval=settings.interval_steps,
        average_generator=gan.average_generator,
        scope=settings.prune_scope,
        regrow_state=settings.regrow_state,
    )
    gan.set_update_rules(generator=callback.masks)
    return SparseMethod({"generator": callback.masks}, [callback], [], callback.checkpoint_items())


def _ticket_search(settings: TicketSearchSettings, gan: GAN, tickets: Path, origin: dict[str, Any]) -> SparseMethod:
    masks = {"generator": _mask(gan, "generator")}
    if settings.prune_discriminator:
        masks["discriminator"] = _mask(gan, "discriminator")
    search = TicketSearch(
        ticket_rounds(settings.ticket_rounds, settings.ticket_rate, settings.round_steps, settings.rewind_to),
        tickets,
        origin,
        masks=masks["generator"],
        discriminator_masks=masks.get("discriminator"),
        keep_discriminator=settings.keep_discriminator,
        distillation=gan.method(Distillation),
    )
    return SparseMethod(masks, [], [search], search.checkpoint_items())


def _from_ticket(settings: TicketSettings, gan: GAN, seed: int) -> SparseMethod:
    ticket = read_ticket(settings.ticket)
    shuffle_seed = seed if settings.ticket_masks == "random" else None
    masks = {}
    for network in ("generator", "discriminator"):
        subnetwork = getattr(ticket, network)
        if subnetwork is not None:
            masks[network] = _mask(gan, network)
            apply_subnetwork(subnetwork, getattr(gan, network), masks[network], shuffle_seed=shuffle_seed)
    copy_weights(gan.average_generator, gan.generator)
    return SparseMethod(masks, [], [], {})


def _from_scratch(settings: SparseFromScratchSettings, gan: GAN, seed: int) -> SparseMethod:
    rule, ratio = EXPLORATIONS.get(settings.exploration), gan.method(BalanceRatio)
    shares = {"generator": settings.generator_density, "discriminator": settings.discriminator_density}
    tracks_gradients = {"generator": rule is not None, "discriminator": ratio is not None}
    masks = {}
    for index, (network, share) in enumerate(shares.items()):

        def first(kernels: dict[str, tf.Variable], share: float = share, index: int = index) -> list[Mask]:
            shapes = {name: tuple(kernel.shape) for name, kernel in kernels.items()}
            densities = _LAYER_DENSITIES[settings.layer_densities](shapes, share)
            return random_masks(kernels, densities, [seed, index])

        masks[network] = _mask(gan, network, track_gradients=tracks_gradients[network], first=first)
    copy_weights(gan.average_generator, gan.generator)
    callbacks: list[keras.callbacks.Callback] = []
    clock = {"total_steps": settings.exploration_steps, "optimizer": gan.generator_optimizer}
    if rule is not None:
        clock["interval"] = settings.interval_steps
        options: dict[str, Any] = {"seed": seed, "regrow_state": settings.regrow_state}
        callbacks.append(DynamicSparsity(masks["generator"], rule, **clock, **options))
    if ratio is not None:
        clock["interval"] = settings.balance_interval_steps
        callbacks.append(BalancedDiscriminator(masks["discriminator"], ratio, BALANCE_RULES[settings.balance], **clock))
    return SparseMethod(masks, callbacks, [], {})


def _mask(gan: GAN, network: str, **options: Any) -> Masks:
    average = gan.average_generator if network == "generator" else None
    masks = Masks(getattr(gan, network), average, **options)
    gan.set_update_rules(**{network: masks})
    return masks
