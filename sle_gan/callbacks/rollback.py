"""What becomes of a training whose numbers are lost: back to the last good checkpoint, and on with other draws."""

from sle_gan.callbacks.metrics import append_row, keep_rows_until
from sle_gan.errors import TrainingError
from sle_gan.run import read_rows

MOST_ROLLBACKS = 3
_RATE_FACTOR = 0.5
_EVENT = "rollback"


class Rollback:
    """Starts a training where its run is, and takes it back there when a loss or a weight is no longer finite.

    With each return the learning rates are halved for the rest of the run, and training draws other numbers. How often
    a run has returned is written in its `metrics.jsonl` alone, in rows of the event `rollback` at the step that it
    returned to. So a run that is killed goes on as it would have gone on, and one that is set back by hand to a
    checkpoint before its returns knows nothing of them.

    Build it before anything is restored: the learning rates are then those that were asked for.

    Args:
        gan: a compiled `GAN`.
        checkpoints: the `sle_gan.callbacks.checkpoint.Checkpoints` of the run.
        calibrate: the `sle_gan.training.ema.Calibration` of the averaged generator.
        metrics_file: path of `metrics.jsonl`.
    """

    def __init__(self, gan, checkpoints, calibrate, metrics_file):
        self.gan = gan
        self.checkpoints = checkpoints
        self.calibrate = calibrate
        self.metrics_file = metrics_file
        self._optimizers = (gan.generator_optimizer, gan.discriminator_optimizer)
        self._rates = [float(optimizer.learning_rate.numpy()) for optimizer in self._optimizers]

    def resume(self):
        """Restores the newest checkpoint, if there is one, with the learning rates and draws of its returns.

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

    def count(self):
        """Returns how often the run has returned."""
        return sum(row.get("event") == _EVENT for row in read_rows(self.metrics_file))

    def go_back(self, error):
        """Returns to the newest checkpoint, all of whose numbers are finite.

        Args:
            error: the `NotFiniteError`.

        Raises:
            TrainingError: if there is no checkpoint, or the run has returned as often as is tried.
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
