"""Checkpoints: everything that a resumed run needs to be the run that was not interrupted."""

import re
import shutil
from pathlib import Path

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.disk import is_full, reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import replaced

_NAME = re.compile(r"ckpt-[0-9]+")


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
            mend = "delete its files to use the one before"
            raise InputError(f"checkpoint {path} cannot be restored ({reason(error)}); {mend}") from error
        return self.latest_step()

    def latest_step(self):
        """Returns the step of the newest checkpoint, or None."""
        path = self._manager.latest_checkpoint
        return None if path is None else int(re.search(r"-(\d+)$", path)[1])

    def on_train_begin(self, logs=None):
        """Saves the start of a run, for a training whose first steps fail to return to."""
        if self.latest_step() is None:
            self.save(int(self.model.steps.numpy()))

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
            StorageError: if it cannot be written; the checkpoint before is kept, and nothing else is left.
            NotFiniteError: if a loss or a weight is not finite; nothing is written.
        """
        if step == self.latest_step():
            return
        self.model.raise_if_not_finite()
        self.calibrate(step)
        kept = self.latest_step()
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            _remove(self.folder, step)
            told = "none before it" if kept is None else f"checkpoint {kept} is kept"
            if is_full(error):
                raise StorageError(f"disk full: {told}; free space, and the same command goes on") from error
            raise StorageError(f"checkpoint {step} cannot be written ({reason(error)}); {told}") from error


def _remove(folder, step):
    """Removes what a save that failed has left."""
    shutil.rmtree(folder / f"ckpt-{step}_temp", ignore_errors=True)
    for pattern in (f"ckpt-{step}.*", "checkpoint.tmp*"):
        for leftover in folder.glob(pattern):
            leftover.unlink()


def _settle_killed_saves(folder):
    """Lists a checkpoint whose save was killed when its files were whole, and removes what is left of others."""
    for leftover in folder.glob("ckpt-*_temp"):
        shutil.rmtree(leftover)
    listed = _listed(folder)
    for index in folder.glob("ckpt-*.index"):
        if index.stem in listed or not _NAME.fullmatch(index.stem):
            continue
        try:
            reader = tf.train.load_checkpoint(str(index.with_suffix("")))
            reader.get_tensor("steps/.ATTRIBUTES/VARIABLE_VALUE")
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError):
            for part in folder.glob(f"{index.stem}.*"):
                part.unlink()
            continue
        listed.add(index.stem)
    if not listed:
        (folder / "checkpoint").unlink(missing_ok=True)
        return
    in_order = sorted(listed, key=lambda name: int(name.removeprefix("ckpt-")))
    times = [(folder / f"{name}.index").stat().st_mtime for name in in_order]  # without them none is ever deleted
    lines = [
        f'model_checkpoint_path: "{in_order[-1]}"',
        *(f'all_model_checkpoint_paths: "{name}"' for name in in_order),
        *(f"all_model_checkpoint_timestamps: {time:f}" for time in times),
    ]
    with replaced(folder / "checkpoint") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _listed(folder):
    """Returns the names of the checkpoints that the folder lists and has.

    The list holds paths, and what it lists is read, and deleted when it is old. A run folder may come from elsewhere,
    or have been moved; so no folder in the list is followed.
    """
    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except (tf.errors.OpError, ValueError):  # which says of an empty list, too, that it is none
        state = None
    names = [Path(path).name for path in state.all_model_checkpoint_paths] if state else []
    return {name for name in names if _NAME.fullmatch(name) and (folder / f"{name}.index").is_file()}
