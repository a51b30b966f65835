"""Checkpoints: everything that a resumed run needs to be the run that was not interrupted."""

import re
import shutil
from pathlib import Path

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.errors import InputError, StorageError


class Checkpoints(StepClock):
    """Saves the run every so many steps and at the end of training, and keeps the newest.

    Args:
        folder: where the checkpoints lie, as `ckpt-<step>`.
        items: what is saved, by name; see `GAN.checkpoint_items`.
        frequency_steps: steps between checkpoints.
        keep: number of checkpoints that are kept.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.
    """

    def __init__(self, folder, items, frequency_steps, keep, calibrate):
        super().__init__()
        self.folder = folder
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self._checkpoint = tf.train.Checkpoint(**items)
        _settle_killed_saves(folder)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep)

    def restore_latest(self):
        """Restores the newest checkpoint, every item of it.

        Returns:
            Its step; 0 if there is none.

        Raises:
            InputError: if it is damaged or was written by other networks.
        """
        path = self._manager.latest_checkpoint
        if path is None:
            return 0
        try:
            self._checkpoint.restore(path).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            mend = "delete its files to use the one before"
            raise InputError(f"checkpoint {path} cannot be restored ({reason}); {mend}") from error
        return int(re.search(r"-(\d+)$", path)[1])

    def on_step(self, step, logs):
        """Saves when it is due."""
        if step % self.frequency_steps == 0:
            self.save(step)

    def on_train_end(self, logs=None):
        """Saves where training ended, unless that is saved already."""
        self.save(int(self.model.steps.numpy()))

    def save(self, step):
        """Saves the run as it is, once for each step.

        Args:
            step: number of generator steps done.

        Raises:
            StorageError: if it cannot be written; the checkpoint before is kept.
            TrainingError: if the losses are not finite; nothing is written.
        """
        if str(self._manager.latest_checkpoint).endswith(f"-{step}"):
            return
        self.model.raise_if_not_finite()
        self.calibrate(step)
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.ResourceExhaustedError, tf.errors.UnknownError, OSError) as error:
            kept = self._manager.latest_checkpoint or "none before it"
            reason = str(error).splitlines()[0]
            raise StorageError(f"checkpoint {step} cannot be written ({reason}); {kept} is kept") from error


def _settle_killed_saves(folder):
    """Lists a checkpoint whose save was killed when its files were whole, and removes what is left of others."""
    for leftover in folder.glob("ckpt-*_temp"):
        shutil.rmtree(leftover)
    state = tf.train.get_checkpoint_state(str(folder))
    listed = list(state.all_model_checkpoint_paths) if state else []
    for index in sorted(folder.glob("ckpt-*.index"), key=lambda file: int(file.stem.removeprefix("ckpt-"))):
        path = str(index.with_suffix(""))
        if path in listed:
            continue
        try:
            reader = tf.train.load_checkpoint(path)
            reader.get_tensor("steps/.ATTRIBUTES/VARIABLE_VALUE")
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError):
            for part in folder.glob(f"{index.stem}.*"):
                part.unlink()
            continue
        listed = [earlier for earlier in listed if Path(f"{earlier}.index").exists()] + [path]
        times = [Path(f"{kept}.index").stat().st_mtime for kept in listed]  # without them none is ever deleted
        tf.compat.v1.train.update_checkpoint_state(str(folder), path, listed, all_model_checkpoint_timestamps=times)
