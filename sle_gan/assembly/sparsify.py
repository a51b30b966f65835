"""The sparsity of a training, put together from resolved settings: masks, their callbacks, and what is told of them."""

from sle_gan.assembly.networks import build_discriminator, build_generator, pair_of
from sle_gan.assembly.sparsity_parts import Sparsity
from sle_gan.assembly.sparsity_times import ticket_rounds
from sle_gan.callbacks.densities import Densities
from sle_gan.cli.sparsity_flags import ticket_rounds
from sle_gan.models.pairing import training_graph
from sle_gan.sparsity.adapt import BALANCE_RULES, BalancedDiscriminator, BalanceRatio
from sle_gan.sparsity.densities import erdos_renyi_kernel, uniform
from sle_gan.sparsity.dynamic import EXPLORATIONS, DynamicSparsity, random_masks
from sle_gan.sparsity.masks import Masks, prunable_kernels
from sle_gan.sparsity.reconfigure import Reconfigure
from sle_gan.sparsity.record import SparsityRecord
from sle_gan.sparsity.ticket import TicketSearch, apply_subnetwork, read_ticket
from sle_gan.training.distillation import Distillation
from sle_gan.training.ema import copy_weights

_LAYER_DENSITIES = {"erdos-renyi-kernel": erdos_renyi_kernel, "uniform": uniform}
_ROUNDS = ("ticket_rounds", "ticket_rate", "round_steps", "rewind_to")
_TOLD = ("data_folder", "model", "resolution", "channels", "width", "seed", "round_steps", "rewind_to")


def sparsify(method, gan, settings, run):
    """Gives a GAN the masks of a method.

    Args:
        method: `reconfigure`, `find_ticket`, `ticket` or `sparse_from_scratch`.
        gan: a compiled `GAN`.
        settings: the resolved settings.
        run: the `RunFolder`.

    Returns:
        A `Sparsity`.

    Raises:
        InputError: if a ticket is not one of this network.
    """
    methods = {
        "reconfigure": _reconfigured,
        "find_ticket": _ticket_search,
        "ticket": _from_ticket,
        "sparse_from_scratch": _from_scratch,
    }
    return methods[method](gan, settings, run)


def _reconfigured(gan, settings, run):
    callback = Reconfigure(
        gan.generator,
        settings["sparsity"],
        **settings["schedule"],
        average_generator=gan.average_generator,
        scope=settings["prune_scope"],
        regrow_state=settings["regrow_state"],
    )
    gan.generator_masks = callback.masks
    return _recorded(gan, settings, run, [callback], items=callback.checkpoint_items())


def _ticket_search(gan, settings, run):
    _mask(gan, "generator")
    if settings["prune_discriminator"]:
        _mask(gan, "discriminator")
    items = {}
    if settings["distill_weight"]:
        networks = build_generator(settings), build_discriminator(settings)
        teacher = training_graph(pair_of(settings), *networks).discriminator
        gan.distillation = Distillation(teacher, settings["distill_weight"])
        items = gan.distillation.checkpoint_items()
    search = TicketSearch(
        ticket_rounds(*(settings[name] for name in _ROUNDS)),
        run.tickets,
        {name: settings[name] for name in _TOLD if name in settings},
        masks=gan.generator_masks,
        discriminator_masks=gan.discriminator_masks,
        keep_discriminator=settings["keep_discriminator"],
        distillation=gan.distillation,
    )
    return _recorded(gan, settings, run, [], [search], items | search.checkpoint_items())


def _from_ticket(gan, settings, run):
    ticket = read_ticket(settings["ticket"])
    shuffle_seed = settings["seed"] if settings["ticket_masks"] == "random" else None
    for network in ("generator", "discriminator"):
        subnetwork = getattr(ticket, network)
        if subnetwork is not None:
            masks = _mask(gan, network)
            apply_subnetwork(subnetwork, getattr(gan, network), masks, shuffle_seed=shuffle_seed)
    copy_weights(gan.average_generator, gan.generator)
    return _recorded(gan, settings, run, [])


def _from_scratch(gan, settings, run):
    schedule = settings["schedule"]
    rule = EXPLORATIONS.get(schedule["exploration"])
    is_balanced = settings["balance"] != "off"
    tracked = {"generator": rule is not None, "discriminator": is_balanced}
    for index, (network, track_gradients) in enumerate(tracked.items()):
        masks = _mask(gan, network, track_gradients=track_gradients)
        kernels = dict(zip(masks.names, masks.kernels, strict=True))
        shapes = {name: tuple(kernel.shape) for name, kernel in kernels.items()}
        densities = _LAYER_DENSITIES[settings["layer_densities"]](shapes, settings[f"{network}_density"])
        masks.set(random_masks(kernels, densities, [settings["seed"], index]))
    copy_weights(gan.average_generator, gan.generator)
    callbacks, items = [], {}
    clock = {"total_steps": schedule["total_steps"], "optimizer": gan.generator_optimizer}
    if rule is not None:
        options = {"seed": settings["seed"], "regrow_state": settings["regrow_state"]}
        callbacks.append(DynamicSparsity(gan.generator_masks, rule, interval=schedule["interval"], **clock, **options))
    if is_balanced:
        gan.balance = BalanceRatio()
        items = gan.balance.checkpoint_items()
        balance = BALANCE_RULES[settings["balance"]]
        callbacks.append(
            BalancedDiscriminator(
                gan.discriminator_masks, gan.balance, balance, interval=schedule["balance_interval"], **clock
            )
        )
    return _recorded(gan, settings, run, callbacks, items=items)


def _mask(gan, network, *, track_gradients=False):
    averages = prunable_kernels(gan.average_generator) if network == "generator" else None
    masks = Masks(prunable_kernels(getattr(gan, network)), averages, track_gradients)
    setattr(gan, f"{network}_masks", masks)
    return masks


def _recorded(gan, settings, run, callbacks, last_callbacks=(), items=None):
    found = {"generator": gan.generator_masks, "discriminator": gan.discriminator_masks}
    masks = {network: of_network for network, of_network in found.items() if of_network is not None}
    steps = {name: settings[name] for name in ("batch_size", "n_critic")}
    record = SparsityRecord(gan.average_generator, gan.discriminator, masks, **steps)
    densities = Densities(record, run.densities_file, run.density_plot, run.tensorboard)
    items = (items or {}) | record.checkpoint_items()
    for network, of_network in masks.items():
        items |= {f"{network}_{name}": item for name, item in of_network.checkpoint_items().items()}

    def summary():
        row = record.row(int(gan.steps.numpy()))
        told = ", ".join(f"{network} {of_network.density():.1%}" for network, of_network in masks.items())
        yield f"sparsity: live weights of the kernels: {told}; {row['live_parameters']:,} live parameters to draw with"
        yield (
            f"sparsity: theoretical FLOPs of training {row['training_flops_share']:.1%} of dense, "
            f"{row['inference_flops'] / 1e6:.1f} M for an image; dense kernels take the time of all their weights"
        )
        yield f"sparsity: densities over time in {run.density_plot}"

    return Sparsity(callbacks, [*last_callbacks, densities], items, record.row, summary)
