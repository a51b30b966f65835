"""The search for a generator's architecture."""

from dataclasses import dataclass
from typing import ClassVar

from sle_gan.settings.field import RECIPE, REQUIRED, SettingsGroup, setting
from sle_gan.settings.kinds import POSITIVE, RATE, WEIGHT, choice

# What the papers' two searches make: two more than 20, and all batches of half of CIFAR-10.
INNER_STEPS = {"s": 22, "l": 391}


@dataclass(frozen=True, kw_only=True)
class ArchitectureSearchSettings(SettingsGroup):
    """The generator is a supernet, whose architecture parameters are trained beside its weights.

    Source: Tian et al. 2021, arXiv:2006.09134 (alphaGAN).
    """

    title: ClassVar[str] = "search an architecture: sle-gan search (alphaGAN)"
    method: ClassVar[str | None] = "alphagan"
    asked_by: ClassVar[tuple[str, object] | None] = ("variant", REQUIRED)

    variant: str = setting(
        choice(*INNER_STEPS), "the search that found alphaGAN(s), or the one of alphaGAN(l): how long its parts are"
    )
    rounds: int = setting(
        POSITIVE, "rounds of weights, best responses and architecture", 99, unit="COUNT", is_free=True
    )
    inner_steps: int = setting(
        POSITIVE, "discriminator's steps of a round; 22 of variant s, 391 of variant l without it", RECIPE, unit="STEPS"
    )
    generator_interval: int = setting(
        POSITIVE, "discriminator's steps from one of the generator to the next", 5, unit="STEPS"
    )
    best_response_steps: int = setting(
        POSITIVE, "steps of each best response in a round; --inner-steps without it", RECIPE, unit="STEPS"
    )
    architecture_steps: int = setting(POSITIVE, "steps of the architecture in a round", 20, unit="STEPS")
    architecture_rate: float = setting(RATE, "of the architecture's Adam", 3e-4, unit="RATE")
    architecture_decay: float = setting(
        WEIGHT, "share of each architecture parameter that is added to its gradient", 1e-3, unit="WEIGHT"
    )
