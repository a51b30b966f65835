"""Rolls a training back to its last good checkpoint when its numbers are no longer finite."""

from pathlib import Path

from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.callbacks.metrics import append_row, keep_rows_until
from sle_gan.errors import NotFiniteError, TrainingError
from sle_gan.keras_version import needs_keras_2
from sle_gan.run import read_rows
from sle_gan.training.ema import Calibration
from sle_gan.training.gan import GAN

MOST_ROLLBACKS = 3
_RATE_FACTOR = 0.5
_EVENT = "rollback"


class Rollback:
    """Resumes a training from its newest checkpoint, and rolls it back there when a loss or a weight is not finite.

    Each rollback halves the learning rates for the rest of the run, and changes the seed of what training draws. The
    only record of rollbacks are rows of the event `rollback` in `metrics.jsonl`, at the step that the run went back to.
    So a killed run resumes with the same rates and draws. A run that is set back by hand to an earlier checkpoint
    forgets the rollbacks after it.

    Build it before anything is restored, while the optimizers still have the learning rates of the settings.

    Args:
        gan: a compiled `GAN`.
        checkpoints: the `sle_gan.callbacks.checkpoint.Checkpoints` of the run.
        calibrate: the `sle_gan.training.ema.Calibration` of the averaged generator.
        metrics_file: path of `metrics.jsonl`.
    """

    @needs_keras_2
    def __init__(self, gan: GAN, checkpoints: Checkpoints, calibrate: Calibration, metrics_file: Path) -> None:
        self.gan = gan
        self.checkpoints = checkpoints
        self.calibrate = calibrate
        self.metrics_file = metrics_file
        self._optimizers = (gan.generator_optimizer, gan.discriminator_optimizer)
        self._rates = [float(optimizer.learning_rate.numpy()) for optimizer in self._optimizers]

    def resume(self) -> int:
        """Restores the newest checkpoint, if there is one, with the learning rates and draws of the rollbacks so far.

        Returns:
            Its step; 0 if there is none.

        Raises:
            InputError: if the checkpoint or a row is damaged.
        """
        step = self.checkpoints.restore_latest()
        keep_rows_until(self.metrics_file, step)
        self.calibrate.forget()
        count = self.count()
        self.gan.seed_offset.assign(count)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            optimizer.learning_rate = rate * _RATE_FACTOR**count
        return step

    def count(self) -> int:
        """Returns how often the run was rolled back."""
        return sum(row.get("event") == _EVENT for row in read_rows(self.metrics_file))

    def go_back(self, error: NotFiniteError) -> None:
        """Goes back to the newest checkpoint; all its numbers are finite.

        Args:
            error: the `NotFiniteError`.

        Raises:
            TrainingError: if there is no checkpoint, or the run was rolled back `MOST_ROLLBACKS` times already.
        """
        count, step = self.count(), self.checkpoints.latest_step()
        if step is None:
            raise TrainingError(f"{error}, where training starts; give other weights") from error
        if count == MOST_ROLLBACKS:
            raise TrainingError(
                f"{error}, after {count} returns to a checkpoint, each with half the learning rates; checkpoint {step} "
                "is kept. Try --G-learning-rate and --D-learning-rate lower, under another --name"
            ) from error
        keep_rows_until(self.metrics_file, step)
        row = {"step": step, "event": _EVENT, "failed_step": int(self.gan.steps.numpy()), "cause": str(error)}
        append_row(self.metrics_file, row | {"learning_rate_factor": _RATE_FACTOR ** (count + 1)})
        self.resume()
        print(
            f"{error}: back to checkpoint {step}, with half the learning rates and other draws "
            f"({count + 1} of {MOST_ROLLBACKS})",
            flush=True,
        )
