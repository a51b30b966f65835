"""What a training step costs in theory beside the passes of its two networks, and what no count holds."""

import functools
import os
from collections.abc import Callable
from typing import Any

from sle_gan.assembly.frozen import frozen_macs_per_step
from sle_gan.keras_version import needs_keras_2
from sle_gan.models.build import pair_of
from sle_gan.models.pairing import graphs_of_side
from sle_gan.pretrained import NETWORKS
from sle_gan.pretrained.efficientnet_lite0 import efficientnet_lite0
from sle_gan.pretrained.perceptual import PerceptualDistance
from sle_gan.settings import SparseFromScratchSettings, TicketSearchSettings, TrainSettings
from sle_gan.sparsity.flops import layer_macs, network_macs, training_macs_per_step
from sle_gan.sparsity.record import dense_costs
from sle_gan.training.gan import GAN
from sle_gan.training.growth import Growth, growth_of
from sle_gan.training.reconstruction import Reconstruction

_DECODER_PASSES = 3  # forward, and back to the weights and to the maps
_DISTANCE_PASSES = 9  # three pictures forward and back to their pixels, and three references forward
_CORE_FLOPS = 100e9  # a second: FastGAN's steps in docs/benchmarks.md make 110 on each of two cores


@needs_keras_2
def training_costs(
    settings: TrainSettings, gan: GAN, macs_per_step: Callable[[float, float], float] | None = None
) -> dict[str, Any]:
    """Counts the parameters of a GAN and what its training costs in theory, with every weight alive.

    Args:
        settings: of the training.
        gan: a compiled `GAN`.
        macs_per_step: function of the MACs of both networks for one image -> those of a step; usual steps without it,
            or the mean over all steps where the networks grow.

    Returns:
        As `sle_gan.sparsity.record.dense_costs`.
    """
    optimization = settings.optimization
    usual = functools.partial(
        training_macs_per_step, batch_size=optimization.batch_size, n_critic=optimization.n_critic
    )
    others = other_macs_per_step(gan, optimization.images_per_step)
    growth = growth_of(settings)
    if growth is not None:
        growing = _growing_macs_per_step(settings, gan, growth)
        return dense_costs(gan.average_generator, gan.discriminator, lambda *macs_of_full_side: growing, others)
    return dense_costs(gan.average_generator, gan.discriminator, macs_per_step or usual, others)


def _growing_macs_per_step(settings: TrainSettings, gan: GAN, growth: Growth) -> float:
    """Counts the MACs of a step of networks that grow, in the mean over a training."""
    optimization, pair = settings.optimization, pair_of(settings.network)
    networks = gan.generator, gan.discriminator
    macs_of = {
        phase.side: [network_macs(layer_macs(part), {}) for part in graphs_of_side(pair, *networks, phase.side)]
        for phase in growth.phases
    }
    total: float = sum(
        (end - begin)
        * training_macs_per_step(
            macs_of[phase.side][0], macs_of[phase.side][1], phase.batch_size, optimization.n_critic
        )
        for phase, begin, end in growth.lengths(optimization.steps)
    )
    return total / optimization.steps


@needs_keras_2
def other_macs_per_step(gan: GAN, images_per_step: int) -> float:
    """Counts what a step costs beside both networks: frozen passes, decoders, and what judges what these draw.

    Args:
        gan: a compiled `GAN`.
        images_per_step: real images that a step of the generator goes with.

    Returns:
        Multiply-accumulates (MACs).
    """
    frozen, reconstruction = frozen_macs_per_step(gan, images_per_step), gan.method(Reconstruction)
    if reconstruction is None:
        return frozen
    macs = _DECODER_PASSES * network_macs(layer_macs(reconstruction.decoders), {})
    if isinstance(reconstruction.distance, PerceptualDistance):
        macs += _DISTANCE_PASSES * _distance_macs(tuple(reconstruction.decoders.outputs[0].shape[1:3]))
    return frozen + images_per_step * macs


@functools.cache  # the network is built for its shapes alone
def _distance_macs(size_px: tuple[int, int]) -> float:
    network = efficientnet_lite0(NETWORKS["efficientnet-lite0"].distance_maps, size_px)
    return network_macs(layer_macs(network), {})


def uncounted(settings: TrainSettings) -> list[str]:
    """Lists what a training computes that its FLOPs do not hold: passes that only some steps make, or that vary.

    Args:
        settings: of the training.
    """
    penalties, sparsity = settings.penalties, settings.sparsity
    is_there = {
        "R1": penalties.r1_gamma,
        "R2": penalties.r2_gamma,
        "the gradient penalty": penalties.gradient_penalty,
        "consistency": penalties.consistency_weight,
        "DigGAN": penalties.dig_weight,
        "path length": penalties.path_length_weight,
        "adversarial features": settings.adversarial_features is not None,
        "the teacher": settings.transfer.teacher is not None,
        "distillation": isinstance(sparsity, TicketSearchSettings) and sparsity.distill_weight,
        "the balance ratio": isinstance(sparsity, SparseFromScratchSettings) and sparsity.balance != "off",
        "fakes that shares draw again": settings.optimization.accumulate > 1,
    }
    return [name for name, value in is_there.items() if value]


def describe_cpu_cost(flops_per_step: float, settings: TrainSettings) -> str:
    """Returns a line of text: what a training costs at least on this CPU, and which flags make that less.

    Args:
        flops_per_step: floating-point operations of a step in theory.
        settings: of the training.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    seconds = flops_per_step / (cores * _CORE_FLOPS)
    hours = seconds * settings.optimization.steps / 3600
    return (
        f"cpu: no GPU here; at {settings.images.resolution} px and width {settings.network.width} a step is "
        f"{flops_per_step / 1e9:,.0f} GFLOP: {seconds:.2g} s at least on {cores} cores, and {hours:,.1f} hours for "
        f"{settings.optimization.steps:,} steps; a smaller --width makes it less, by its square at most, and so does a "
        "smaller --resolution"
    )
