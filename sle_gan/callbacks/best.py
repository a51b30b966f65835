"""Keeps the averaged generators that scored best, whatever becomes of the checkpoints."""

import shutil

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.disk import reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import read_json, write_json


class BestGenerators(StepClock):
    """Keeps the checkpoints of the lowest scores, as `ckpt-<step>` with the averaged generator alone.

    Place it behind `Checkpoints`. A run may go on from its newest checkpoint, and then the scores behind that are
    forgotten; so the best up to there are kept too, until the next checkpoint.

    Args:
        run: the `RunFolder`; they lie in its `best`, with their scores in `scores.json`.
        keep: number of generators that are kept.
    """

    def __init__(self, run, keep):
        super().__init__()
        self.run = run
        self.keep = keep
        self._scores_file = run.best / "scores.json"
        self._unfinished = run.best / ".unfinished"

    def on_train_begin(self, logs=None):
        """Forgets the scores behind the checkpoint that the run goes on from, and what a killed save left."""
        self.run.best.mkdir(exist_ok=True)
        done = int(self.model.steps.numpy())
        self._settle({step: value for step, value in self._read().items() if step <= done})

    def offer(self, step, value):
        """Keeps the averaged generator as it is, for as long as its score is among the best.

        Args:
            step: number of generator steps done.
            value: its score; less is better.

        Raises:
            StorageError: if it cannot be written.
        """
        items = {"average_generator": self.model.average_generator, "steps": self.model.steps}
        try:
            manager = tf.train.CheckpointManager(tf.train.Checkpoint(**items), str(self._unfinished), max_to_keep=1)
            manager.save(checkpoint_number=step)
            # The index last: a checkpoint is there when its index is.
            for file in sorted(self._unfinished.glob("ckpt-*"), key=lambda file: file.suffix == ".index"):
                file.replace(self.run.best / file.name)
        except (tf.errors.OpError, OSError) as error:
            shutil.rmtree(self._unfinished, ignore_errors=True)
            raise StorageError(f"the best generator of step {step} cannot be written ({reason(error)})") from error
        self._settle(self._read() | {step: value})

    def on_step(self, step, logs):
        """Lets those go that no resume can make the best again."""
        if step == self.run.latest_step():
            self._settle(self._read())

    def on_train_end(self, logs=None):
        """Does the same behind the last checkpoint."""
        self._settle(self._read())

    def _settle(self, scores):
        resumable = {step: value for step, value in scores.items() if step <= (self.run.latest_step() or 0)}
        kept = {*self._lowest(scores), *self._lowest(resumable)}
        write_json(self._scores_file, {str(step): scores[step] for step in sorted(kept)})
        shutil.rmtree(self._unfinished, ignore_errors=True)
        names = {f"ckpt-{step}" for step in kept}
        gone = [file for file in self.run.best.glob("ckpt-*") if file.name.partition(".")[0] not in names]
        for file in sorted(gone, key=lambda file: file.suffix != ".index"):
            file.unlink()

    def _lowest(self, scores):
        return sorted(scores, key=lambda step: (scores[step], step))[: self.keep]

    def _read(self):
        try:
            scores = read_json(self._scores_file)
        except FileNotFoundError:
            return {}
        except InputError:
            scores = None
        if not isinstance(scores, dict) or not all(_is_score(*score) for score in scores.items()):
            raise InputError(f"{self._scores_file} is damaged; delete {self.run.best}")
        return {int(step): value for step, value in scores.items() if (self.run.best / f"ckpt-{step}.index").exists()}


def _is_score(step, value):
    return step.isascii() and step.isdecimal() and isinstance(value, int | float)
