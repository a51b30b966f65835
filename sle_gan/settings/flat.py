"""The settings as one dictionary of all names, as they were before each concern had its own type."""

from sle_gan.settings.field import settings_of
from sle_gan.settings.sparsity import ReconfigureSettings, SparseFromScratchSettings
from sle_gan.settings.train import CONCERNS, TrainSettings

_RESOLVED_TIMES = {"warmup_steps", "interval_steps", "balance_interval_steps", "exploration_steps"}


def flat(settings: TrainSettings) -> dict[str, object]:
    """Returns every setting by name; those of methods that are not asked for have their defaults."""
    values: dict[str, object] = {"round_steps": None}
    for types in CONCERNS.values():
        for group in types:
            values |= {name: one.default for name, one in settings_of(group).items() if one.has_default}
    values |= settings.named() | {
        "class_names": list(settings.images.class_names) or None,
        "schedule": _schedule(settings.sparsity),
    }
    return {name: value for name, value in values.items() if name not in _RESOLVED_TIMES}


def _schedule(sparsity: object) -> dict[str, object] | None:
    match sparsity:
        case ReconfigureSettings():
            return {"warmup": sparsity.warmup_steps, "interval": sparsity.interval_steps}
        case SparseFromScratchSettings():
            return {
                "exploration": sparsity.exploration,
                "interval": sparsity.interval_steps,
                "balance_interval": sparsity.balance_interval_steps,
                "total_steps": sparsity.exploration_steps,
            }
        case _:
            return None
