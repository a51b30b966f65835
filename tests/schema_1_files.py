"""Settings as the configurations of schema 1 held them: one dictionary of all names."""

from sle_gan.settings.sparsity import ReconfigureSettings, SparseFromScratchSettings
from sle_gan.settings.train import DEFAULTS, TIMES, TrainSettings


def flat(settings: TrainSettings) -> dict[str, object]:
    """Returns every setting by name; those of methods that are not asked for have their defaults."""
    values = {"round_steps": None} | DEFAULTS | settings.named() | {"schedule": _schedule(settings.sparsity)}
    return {name: value for name, value in values.items() if name not in TIMES}


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
