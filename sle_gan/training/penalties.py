"""The penalties on the discriminator that the settings of a training ask for."""

import functools

from sle_gan.settings import PenaltySettings
from sle_gan.training.consistency import consistency
from sle_gan.training.diggan import SmoothedGap, diggan
from sle_gan.training.drift import LogitDrift
from sle_gan.training.gradient_penalty import gradient_penalty
from sle_gan.training.r1 import r1, r2
from sle_gan.training.regularizers import Regularizer
from sle_gan.training.terms import LossTerm


def build_penalties(settings: PenaltySettings, batch_size: int) -> list[LossTerm]:
    """Builds the terms of the discriminator's loss whose weights are above 0, in the order in which they are summed.

    Args:
        settings: weights and intervals.
        batch_size: images in a step of the discriminator, on all devices together.
    """
    terms: list[LossTerm] = []
    is_before = settings.r1_on == "before"
    if settings.r1_gamma:
        terms.append(r1(settings.r1_gamma, settings.r1_interval, is_before))
    if settings.r2_gamma:
        terms.append(r2(settings.r2_gamma, settings.r1_interval, is_before))
    if settings.gradient_penalty:
        penalty = functools.partial(gradient_penalty, target=settings.gradient_target)
        terms.append(Regularizer(penalty, settings.gradient_penalty))
    if settings.drift_weight:
        terms.append(LogitDrift(settings.drift_weight))
    if settings.consistency_weight:
        terms.append(consistency(settings.consistency_weight))
    if settings.dig_weight:
        dig = settings.dig_weight, settings.dig_interval
        terms.append(SmoothedGap(*dig, batch_size) if settings.dig_smoothing else diggan(*dig))
    return terms
