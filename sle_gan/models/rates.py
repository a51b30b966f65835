"""`--rates auto`: learning rates and an average that fit the length and the width of a training. No TensorFlow.

The rates of FastGAN's paper are for 50,000 steps. A training of a fiftieth of them learns too little at these rates,
and a narrow network takes larger ones. What is chosen here follows from the tables in `docs/results.md`, "Rates that
fit" and "Discriminators on frozen features": heads on a frozen network keep the paper's rate, for at larger ones they
tell all reals within a hundred steps.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sle_gan.models import DISCRIMINATORS, MODELS
from sle_gan.models.rows import Recipe
from sle_gan.settings import TrainSettings
from sle_gan.settings.optimization import AUTO, PAPER

PAPER_STEPS = 50_000  # of FastGAN's paper, at 8 images a step
_MEASURED_MODEL = "fastgan"
_MEASURED_DISCRIMINATORS = {"both", "fastgan", "projected", "projected-color"}
_MEASURED_RESOLUTION = 64
_EXPONENT = 1 / 3
_LARGEST_MULTIPLE = 7.5
_HALF_LIFE_SHARE = 0.05  # of the training
_RATES = ("G_learning_rate", "D_learning_rate")
_AVERAGES = ("ema_decay", "ema_kimg")
_BEGINNINGS = ("init_from", "generator_weights", "discriminator_weights")


class Rates(NamedTuple):
    """Rates and an average; the names are those of the settings.

    Attributes:
        G_learning_rate: of the generator's Adam.
        D_learning_rate: of the discriminator's Adam.
        rate_decay: how both fall over the training.
        ema_kimg: half-life of the averaged generator in thousands of images.
    """

    G_learning_rate: float
    D_learning_rate: float
    rate_decay: str
    ema_kimg: float


def fitting_rates(recipe: Recipe, steps: int, width: int, images_per_step: int) -> Rates:
    """Returns the rates that fit a training of FastGAN.

    Both are the paper's times the cube root of (the paper's steps times its width) / (steps times width), from 1 to 7.5
    and rounded to two digits: 4.7 times the paper's at 1,250 steps and width 24. The averaged generator's half-life is
    a twentieth of the training, and no longer than the paper's.

    Args:
        recipe: of the paper.
        steps: of the generator, in all.
        width: of the networks.
        images_per_step: that a step of the generator goes with.
    """
    multiple = ((PAPER_STEPS * recipe.width) / (steps * width)) ** _EXPONENT
    multiple = min(max(multiple, 1.0), _LARGEST_MULTIPLE)
    paper_half_life_steps = math.inf if recipe.ema_decay is None else math.log(0.5) / math.log(recipe.ema_decay)
    return Rates(
        G_learning_rate=_rounded(multiple * recipe.G_learning_rate),
        D_learning_rate=_rounded(multiple * recipe.D_learning_rate),
        rate_decay="constant",
        ema_kimg=min(_HALF_LIFE_SHARE * steps, paper_half_life_steps) * images_per_step / 1000,
    )


def choose_rates(values: Mapping[str, Any], given: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Decides between the paper's rates and those that fit.

    Rates fit by themselves where none are given and the training is shorter than half of the paper's.

    Args:
        values: settings by name, with those of the recipe.
        given: those of them that were given; they stay as they are.
        recipe: of the paper.

    Returns:
        Settings by name: `rates`, and where they fit those of `Rates` that were not given.
    """
    is_open = not any(name in given for name in _RATES)
    rates = given.get("rates") or (AUTO if is_open and 2 * values["steps"] < PAPER_STEPS else PAPER)
    if rates == PAPER or _why_unmeasured(values):
        return {"rates": rates}
    fitting = fitting_rates(recipe, values["steps"], values["width"], values["batch_size"] * values["n_critic"])
    if DISCRIMINATORS[values["discriminator"]].has_features:
        fitting = fitting._replace(D_learning_rate=recipe.D_learning_rate)
    kept = {*given, *(_AVERAGES if any(name in given for name in _AVERAGES) else ())}
    chosen = {"rates": rates, **fitting._asdict(), "ema_decay": None}
    return {name: value for name, value in chosen.items() if name == "rates" or name not in kept}


def describe_rates(settings: TrainSettings, *, goes_on: bool) -> str | None:
    """Says which rates were chosen, and why.

    Args:
        settings: of the training.
        goes_on: whether a run goes on with the rates that it began with.

    Returns:
        A line of text; None where nothing was to be chosen.
    """
    optimization = settings.optimization
    if optimization.rates == PAPER:
        return None
    generator, discriminator = _in_words(optimization.G_learning_rate), _in_words(optimization.D_learning_rate)
    rates = f"{generator} for both networks" if generator == discriminator else f"{generator} and {discriminator}"
    why = _why_unmeasured(settings.named())
    if why:
        return f"{rates}, as in the paper: others were not measured for {why}"
    fall = "" if optimization.rate_decay == "constant" else f", {optimization.rate_decay} to a tenth"
    average = ""
    if optimization.ema_kimg is not None:
        average = f", average over {1000 * optimization.ema_kimg / optimization.images_per_step:,.0f} steps"
    recipe = MODELS[settings.network.model].recipe_at(settings.images.shape.side)
    paper = f"(--rates paper: {_in_words(recipe.G_learning_rate)})"
    if goes_on:
        return f"{rates}{fall}{average}: as the run began {paper}"
    resolution = settings.images.resolution
    where = "" if resolution == _MEASURED_RESOLUTION else f", as measured at {_MEASURED_RESOLUTION} px"
    steps = f"{settings.steps_given:,} steps"
    return f"{rates}{fall}{average}: fitting {steps} at width {settings.network.width}{where} {paper}"


def _rounded(rate: float) -> float:
    return float(f"{rate:.1e}")


def _in_words(rate: float) -> str:
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _why_unmeasured(values: Mapping[str, Any]) -> str:
    """Returns what no other rates than the paper's were measured for; nothing where they were."""
    networks = {values["model"], values["generator"], values["discriminator"]}
    if networks - _MEASURED_DISCRIMINATORS - {_MEASURED_MODEL} or values["generator"] != _MEASURED_MODEL:
        return " with ".join(sorted(networks))
    if any(values[name] is not None for name in _BEGINNINGS):
        return "networks that begin with trained weights"
    return ""
