"""Sparse training: prune and regrow, search a ticket, train one, or sparse from scratch; a type for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sle_gan.errors import InputError
from sle_gan.settings.field import RECIPE, REQUIRED, Flag, Setting, SettingsGroup, flag_name, setting
from sle_gan.settings.kinds import DENSITY, POSITIVE, RATE, SWITCH, UTF8_PATH, WEIGHT, choice, whole

PAPER_INTERVALS = {"adapt": 500, "rigl": 100, "set": 100, "stu": 1000}  # generator steps between changes, by rule
PAPER_BALANCE_INTERVALS = {"relaxed": 1000, "strict": 2000}
REWIND_SHARES = {"none": None, "init": 0.0, "5%": 0.05, "10%": 0.10, "20%": 0.20}  # of the first round
_MOST_ROUNDS = 100


def _regrow_state() -> Any:
    return setting(
        choice("keep", "reset"),
        "what the optimizer remembers of weights that grow; reset with --exploration rigl without it, otherwise keep",
        RECIPE,
        fits_weights=True,
    )


def _switch(text: str) -> Setting:
    return Setting(SWITCH, text, False)


@dataclass(frozen=True, kw_only=True)
class ReconfigureSettings(SettingsGroup):
    """The generator is trained sparse and dense in turn.

    `warmup_steps` and `interval_steps` are what the training uses; they follow from the others and its length.

    Source: Saxena et al., CVPR 2023 (Re-GAN).
    """

    title: ClassVar[str] = "prune and regrow while training (Re-GAN)"
    method: ClassVar[str | None] = "reconfigure"
    asked_by: ClassVar[tuple[str, object] | None] = ("reconfigure", True)
    inputs: ClassVar[dict[str, Setting]] = {
        "reconfigure": _switch("train the generator sparse and dense in turn"),
        "warmup_epoch": Setting(POSITIVE, "--reconfigure-warmup EPOCHS --reconfigure-unit epochs", None, unit="EPOCHS"),
    }
    times_follow: ClassVar[dict[str, tuple[str, ...]]] = {
        "warmup_steps": ("reconfigure_warmup", "reconfigure_unit"),
        "interval_steps": ("reconfigure_interval", "reconfigure_unit"),
    }

    sparsity: float = setting(RATE, "of each kernel, pruned in sparse phases", 0.3, unit="SHARE", fits_weights=True)
    reconfigure_warmup: int | None = setting(
        POSITIVE,
        "before the first sparse phase; a quarter of the training without it (the paper: 10000 steps of 40000)",
        None,
        unit="TIME",
        fits_weights=True,
    )
    reconfigure_interval: int | None = setting(
        POSITIVE,
        "of each phase after it; an eighth of the training without it (the paper: 5000 steps of 40000)",
        None,
        unit="TIME",
        flag=Flag(names=("--reconfigure-interval", "--g")),
        fits_weights=True,
    )
    reconfigure_unit: str = setting(choice("steps", "epochs"), "of both times", "steps", fits_weights=True)
    prune_scope: str = setting(
        choice("kernels", "all", "all-but-rgb"),
        "kernels of convolutions, or all weights, or all but those of layers that make colors",
        "kernels",
    )
    regrow_state: str = _regrow_state()
    warmup_steps: int = setting(
        POSITIVE, "generator steps before the first sparse phase", RECIPE, is_free=True, flag=None
    )
    interval_steps: int = setting(POSITIVE, "generator steps of each phase after it", RECIPE, is_free=True, flag=None)


@dataclass(frozen=True, kw_only=True)
class TicketSearchSettings(SettingsGroup):
    """The generator is trained, pruned and rewound in rounds.

    Source: Frankle & Carbin 2019, arXiv:1803.03635; Chen et al., ICLR 2021 (GAN-LTH) and NeurIPS 2021.
    """

    title: ClassVar[str] = "lottery tickets"
    method: ClassVar[str | None] = "find_ticket"
    asked_by: ClassVar[tuple[str, object] | None] = ("find_ticket", True)
    inputs: ClassVar[dict[str, Setting]] = {
        "find_ticket": _switch("train, prune and rewind in rounds of --steps each"),
    }

    ticket_rounds: int = setting(whole(1, _MOST_ROUNDS), "rounds of the search", 10, unit="COUNT")
    ticket_rate: float = setting(RATE, "of the live weights, pruned in each round", 0.2, unit="SHARE")
    rewind_to: str = setting(
        choice(*REWIND_SHARES),
        "initial weights, or those at a share of the first round; none keeps the trained ones",
        "init",
    )
    keep_discriminator: bool = setting(SWITCH, "do not rewind the discriminator", False)
    prune_discriminator: bool = setting(SWITCH, "prune the discriminator by the same rate", False)
    distill_weight: float = setting(
        WEIGHT,
        "of the first round's discriminator as a teacher of the later ones; 1 in the paper",
        0.0,
        unit="WEIGHT",
    )
    round_steps: int = setting(POSITIVE, "generator steps of the first round", RECIPE, flag=None)


@dataclass(frozen=True, kw_only=True)
class TicketSettings(SettingsGroup):
    """The networks are trained with the masks and the weights of a ticket."""

    title: ClassVar[str] = "lottery tickets"
    method: ClassVar[str | None] = "ticket"
    asked_by: ClassVar[tuple[str, object] | None] = ("ticket", REQUIRED)

    ticket: str = setting(UTF8_PATH, "train from this ticket", unit="FILE")
    ticket_masks: str = setting(
        choice("found", "random"),
        "the ticket's own masks, or as a control masks of the same densities drawn at random",
        "found",
    )


@dataclass(frozen=True, kw_only=True)
class SparseFromScratchSettings(SettingsGroup):
    """Both networks are sparse from the first step to the last.

    `exploration` and the fields that end in `_steps` are what the training uses; they follow from the others and its
    length.

    Source: SET, Mocanu et al. 2018; RigL, Evci et al. 2020, arXiv:1911.11134; STU-GAN, Liu et al. 2022; ADAPT,
    NeurIPS 2023.
    """

    title: ClassVar[str] = "sparse from scratch (STU-GAN, RigL, SET, ADAPT)"
    method: ClassVar[str | None] = "sparse_from_scratch"
    asked_by: ClassVar[tuple[str, object] | None] = ("sparse_from_scratch", True)
    inputs: ClassVar[dict[str, Setting]] = {
        "sparse_from_scratch": _switch("train sparse from the first step to the last")
    }
    times_follow: ClassVar[dict[str, tuple[str, ...]]] = {
        "interval_steps": ("exploration", "exploration_interval"),
        "balance_interval_steps": ("balance",),
        "exploration_steps": (),
    }

    generator_density: float = setting(RATE, "of the generator's kernels that lives", 0.2, unit="SHARE")
    discriminator_density: float = setting(
        DENSITY, "of the discriminator's kernels that lives; 1 for a dense one", 0.3, unit="SHARE"
    )
    layer_densities: str = setting(
        choice("erdos-renyi-kernel", "uniform"), "how a density is shared out among the layers", "erdos-renyi-kernel"
    )
    exploration: str = setting(
        choice("off", *PAPER_INTERVALS),
        "the rule by which the generator's masks change; stu without it, adapt with --balance",
        RECIPE,
        fits_weights=True,
    )
    exploration_interval: int | None = setting(
        POSITIVE,
        "between changes; the paper's without it, or a fiftieth of a short training",
        None,
        unit="STEPS",
        fits_weights=True,
    )
    balance: str = setting(
        choice("off", *PAPER_BALANCE_INTERVALS),
        "let the discriminator's density follow the balance ratio (ADAPT)",
        "off",
        fits_weights=True,
    )
    regrow_state: str = _regrow_state()
    interval_steps: int = setting(POSITIVE, "generator steps between changes", RECIPE, is_free=True, flag=None)
    balance_interval_steps: int = setting(
        POSITIVE, "generator steps between changes of the discriminator's density", RECIPE, is_free=True, flag=None
    )
    exploration_steps: int = setting(
        POSITIVE, "generator steps over which the explored share shrinks to 0", RECIPE, is_free=True, flag=None
    )


Sparsity = ReconfigureSettings | TicketSearchSettings | TicketSettings | SparseFromScratchSettings


def resolve_warmup_epoch(values: dict[str, object]) -> None:
    """Replaces `warmup_epoch`, another name of one time.

    Args:
        values: settings by name.

    Raises:
        InputError: if both names are given.
    """
    epochs = values.pop("warmup_epoch", None)
    if epochs is None:
        return
    if values.get("reconfigure_warmup") is not None:
        raise InputError("--warmup-epoch and --reconfigure-warmup are two names of one time; give one")
    values["reconfigure_warmup"], values["reconfigure_unit"] = epochs, "epochs"


def check_sparsity(values: Mapping[str, object]) -> None:
    """Checks that one method of sparsity is asked for, if any.

    Args:
        values: settings by name.

    Raises:
        InputError: if there are several.
    """
    asked = [name for name in ("reconfigure", "find_ticket", "ticket", "sparse_from_scratch") if values.get(name)]
    if len(asked) > 1:
        raise InputError(f"one method of sparsity at a time; got {' and '.join(map(flag_name, asked))}")
    if values.get("ticket_masks") == "random" and values.get("ticket") is None:
        raise InputError("--ticket-masks random needs the --ticket whose densities it takes")


def resolve_exploration(values: Mapping[str, object]) -> object:
    """Returns the rule by which masks change: the one that is asked for, or the one that goes with the balance."""
    return values.get("exploration") or ("stu" if values.get("balance", "off") == "off" else "adapt")
