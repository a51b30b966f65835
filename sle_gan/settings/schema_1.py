"""Runs of schema 1, whose `config.json` was one dictionary of all names: read into the settings of today."""

from typing import Any

from sle_gan.errors import InputError
from sle_gan.settings.command import CommandSettings
from sle_gan.settings.field import settings_of
from sle_gan.settings.scores import kid_network_of_older_runs
from sle_gan.settings.sparsity import resolve_exploration
from sle_gan.settings.train import CHOOSERS, CONCERNS, TrainSettings

# What trainings did before there were settings for it: FastGAN was the one network, then SNGAN joined it.
_BEFORE = {
    "resolution": 256,
    "width": 64,
    "batch_size": 8,
    "n_critic": 1,
    "loss": "hinge",
    "G_learning_rate": 2e-4,
    "D_learning_rate": 2e-4,
    "adam_beta_1": 0.5,
    "adam_beta_2": 0.999,
    "ema_decay": 0.999,
    "ema_kimg": None,
    "ema_start": 0,
    "rates": "paper",
    "r1_gamma": 0.0,
    "augment": "diff",
    "diff_augment": "color,translation",
}
_MAPPING_LAYERS = 2  # of StyleGAN2, before they could be chosen
_CHANNEL_BASE, _CHANNEL_MAX = 256, 8  # of StyleGAN2, times its width, likewise
_TIMES = {
    "reconfigure": {"warmup": "warmup_steps", "interval": "interval_steps"},
    "sparse_from_scratch": {
        "exploration": "exploration",
        "interval": "interval_steps",
        "balance_interval": "balance_interval_steps",
        "total_steps": "exploration_steps",
    },
}
_NOT_SETTINGS = {"schedule", *settings_of(CommandSettings)}


def from_schema_1(content: dict[str, Any]) -> TrainSettings:
    """Makes the settings from a dictionary of all names.

    Args:
        content: plain data, wherever it comes from.

    Raises:
        InputError: if there is another name, or a value is missing or not allowed.
    """
    known = {name for types in CONCERNS.values() for group in types for name in settings_of(group)}
    unknown = sorted(content.keys() - known - CHOOSERS.keys() - _NOT_SETTINGS)
    if unknown:
        raise InputError(f"the setting {unknown[0]!r} is not one of this version")
    values = dict(content)
    for name in ("class_names", "round_steps", "exploration"):  # what was None is not there
        if values.get(name, ()) is None:
            del values[name]
    for network in ("generator", "discriminator"):  # those of a model were one
        values.setdefault(network, content.get("model", "fastgan"))
    if isinstance(weight := content.get("distill_weight"), int | float):  # of a sum, where there is a mean now
        values["distill_weight"] = 4.0 * weight
    if content.get("ema_kimg") is not None:
        values.setdefault("ema_decay", None)
    return TrainSettings.of(_BEFORE | values | _derived(_BEFORE | values) | _times(content))


def _derived(values: dict[str, Any]) -> dict[str, Any]:
    """Returns what followed from other settings before there were settings for it."""
    n_critic = values["n_critic"]
    has_styles = values.get("model") == "stylegan2"
    reconstruction_loss = values.get("reconstruction_loss", "perceptual")
    derived = {
        "smallest_margin": 0.8 if values.get("model", "fastgan") == "fastgan" else 1.0,
        "gradient_penalty": 10.0 if values["loss"] == "wasserstein" else 0.0,
        "drift_weight": 0.0,
        "dig_interval": n_critic if isinstance(n_critic, int) and n_critic > 1 else 4,
        "lazy_scaling": bool(values["r1_gamma"] or values.get("path_length_weight")),
        "mapping_layers": _MAPPING_LAYERS if has_styles else None,
        "channel_base": _CHANNEL_BASE * values["width"] if has_styles else None,
        "channel_max": _CHANNEL_MAX * values["width"] if has_styles else None,
        "exploration": resolve_exploration(values),
        "regrow_state": "keep",
        "kid_network": kid_network_of_older_runs(values["discriminator"], reconstruction_loss),
    }
    return {name: value for name, value in derived.items() if name not in values}


def _times(content: dict[str, Any]) -> dict[str, Any]:
    schedule = content.get("schedule")
    if schedule is None:
        return {}
    if not isinstance(schedule, dict):
        raise InputError("the setting 'schedule' must be plain values by name, or null")
    names = next((names for method, names in _TIMES.items() if content.get(method)), {})
    return {ours: schedule[theirs] for theirs, ours in names.items() if theirs in schedule}
