"""Checkpoints: everything that a resumed run needs to be the run that was not interrupted."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.checkpoint_files import step_of
from sle_gan.disk import is_full, reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import replaced

# Means since the last row, by their places in a list of what is logged; norms by the places of images in a batch.
_OF_SETTINGS = {"loss_means", "dig_norms"}
_NAME = re.compile(r"ckpt-[0-9]+")


class Checkpoints(StepClock):
    """Saves the run every so many steps and at the end of training, and keeps the newest checkpoints.

    Args:
        folder: where the checkpoints lie, as `ckpt-<step>`.
        items: the objects to save, by name; see `GAN.checkpoint_items`.
        frequency_steps: steps between checkpoints.
        keep: number of checkpoints to keep.
        calibrate: function of the step that brings the averaged generator's batch statistics up to date.
        changed_step: the step at which the settings of the run changed last; checkpoints up to it were written by a
            training of other settings. None if they never changed.
    """

    def __init__(
        self,
        folder: Path,
        items: Mapping[str, Any],
        frequency_steps: int,
        keep: int,
        calibrate: Callable[[int], object],
        changed_step: int | None = None,
    ) -> None:
        super().__init__()
        self._items = items
        self._changed_step = changed_step
        self.folder = folder
        self.frequency_steps = frequency_steps
        self.calibrate = calibrate
        self._checkpoint = tf.train.Checkpoint(**items)
        _clean_up_killed_saves(folder)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep)

    def restore_latest(self) -> int:
        """Restores every item of the newest checkpoint.

        Of one that a training of other settings wrote, an item that it does not have begins anew, and so does what
        rests on those settings: `_OF_SETTINGS`.

        Returns:
            Its step; 0 if there is none.

        Raises:
            InputError: if it is damaged or was written by other networks.
        """
        path = self._manager.latest_checkpoint
        if path is None:
            return 0
        try:
            if self._changed_step is not None and step_of(path) <= self._changed_step:
                self._restore_what_fits(path)
            else:
                self._checkpoint.restore(path).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            mend = "delete its files to use the one before"
            raise InputError(f"checkpoint {path} cannot be restored ({reason(error)}); {mend}") from error
        return step_of(path)

    def _restore_what_fits(self, path: str) -> None:
        names = [name for name, _ in tf.train.list_variables(path)]
        for item_name, item in self._items.items():
            if item_name in _OF_SETTINGS or not any(name.startswith(f"{item_name}/") for name in names):
                continue
            has_scale = any(name.startswith(f"{item_name}/loss_scale/") for name in names)
            wanted = item if has_scale or not hasattr(item, "loss_scale") else _without_loss_scale(item)
            status = tf.train.Checkpoint(**{item_name: wanted}).restore(path)
            status.assert_existing_objects_matched().expect_partial()

    def latest_step(self) -> int | None:
        """Returns the step of the newest checkpoint, or None."""
        path = self._manager.latest_checkpoint
        return None if path is None else step_of(path)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Saves the start of a run, so that a training whose first steps fail can go back to it."""
        if self.latest_step() is None:
            self.save(int(self.model.steps.numpy()))

    def on_step(self, step: int, logs: Logs) -> None:
        """Saves when it is due."""
        if step % self.frequency_steps == 0:
            self.save(step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Saves the end of training, unless it is saved already."""
        self.save(int(self.model.steps.numpy()))

    def save(self, step: int) -> None:
        """Saves the run as it is now, once for each step.

        Args:
            step: number of generator steps done.

        Raises:
            StorageError: if it cannot be written. The checkpoint before is kept, and nothing of this one is left.
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
            kept_text = "none before it" if kept is None else f"checkpoint {kept} is kept"
            if is_full(error):
                raise StorageError(f"disk full: {kept_text}; free space, then the run goes on from there") from error
            raise StorageError(f"checkpoint {step} cannot be written ({reason(error)}); {kept_text}") from error


def _without_loss_scale(optimizer: keras.mixed_precision.LossScaleOptimizer) -> tf.train.Checkpoint:
    """Returns what an optimizer has beside the scale of its losses, by the names that checkpoints have for it."""
    inner = optimizer.inner_optimizer
    # Keras 2 has no public access to these parts; it changes no more.
    return tf.train.Checkpoint(
        **{name: getattr(inner, name) for name in ("_iterations", "_learning_rate", "_variables")}
    )


def _remove(folder: Path, step: int) -> None:
    """Deletes what a failed save has left."""
    shutil.rmtree(folder / f"ckpt-{step}_temp", ignore_errors=True)
    for pattern in (f"ckpt-{step}.*", "checkpoint.tmp*"):
        for leftover in folder.glob(pattern):
            leftover.unlink()


def _clean_up_killed_saves(folder: Path) -> None:
    """Lists checkpoints whose save was killed after their files were whole; deletes the rest of other killed saves."""
    for leftover in folder.glob("ckpt-*_temp"):
        shutil.rmtree(leftover)
    listed = _names_in_index(folder)
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
    # Without times, TensorFlow's manager would never delete these checkpoints.
    times = [(folder / f"{name}.index").stat().st_mtime for name in in_order]
    lines = [
        f'model_checkpoint_path: "{in_order[-1]}"',
        *(f'all_model_checkpoint_paths: "{name}"' for name in in_order),
        *(f"all_model_checkpoint_timestamps: {time:f}" for time in times),
    ]
    with replaced(folder / "checkpoint") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _names_in_index(folder: Path) -> set[str]:
    """Returns the names of the checkpoints that the folder's list names and that exist.

    The list holds paths; TensorFlow reads the files there, and deletes old ones. A run folder may have been moved, or
    come from someone else, so only the names in the list are used, never its folders.
    """
    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except (tf.errors.OpError, ValueError):  # raised for an empty list too
        state = None
    names = [Path(path).name for path in state.all_model_checkpoint_paths] if state else []
    return {name for name in names if _NAME.fullmatch(name) and (folder / f"{name}.index").is_file()}
