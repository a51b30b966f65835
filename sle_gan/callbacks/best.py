"""Keeps the averaged generators that scored best, whatever becomes of the checkpoints."""

import shutil

import tensorflow as tf

from sle_gan.callbacks.clock import StepClock
from sle_gan.disk import reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import read_json, write_json

_FIRST_SCORE = "kid_efficientnet_lite0"  # the one of files that do not name it


class BestGenerators(StepClock):
    """Keeps the checkpoints of the lowest scores, as `ckpt-<step>` with the averaged generator alone.

    Place it behind `Checkpoints`. A run may go on from its newest checkpoint, and then the scores behind that are
    forgotten; so the best up to there are kept too, until the next checkpoint. Scores of another network, which the run
    had before, are no rank among these: its best are kept beside.

    Args:
        run: the `RunFolder`; they lie in its `best`, with their scores in `scores.json`.
        keep: number of generators that are kept.
        score: name of the score that they are ranked by, such as `kid_open_nsfw`.
    """

    def __init__(self, run, keep, score):
        super().__init__()
        self.run = run
        self.keep = keep
        self.score = score
        self._scores_file = run.best / "scores.json"
        self._unfinished = run.best / ".unfinished"

    def on_train_begin(self, logs=None):
        """Forgets the scores behind the checkpoint that the run goes on from, and what a killed save left."""
        self.run.best.mkdir(exist_ok=True)
        done = int(self.model.steps.numpy())
        self._settle({name: _until(done, scores) for name, scores in self._read().items()})

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
        scores = self._read()
        self._settle(scores | {self.score: scores.get(self.score, {}) | {step: value}})

    def on_step(self, step, logs):
        """Lets those go that no resume can make the best again."""
        if step == self.run.latest_step():
            self._settle(self._read())

    def on_train_end(self, logs=None):
        """Does the same behind the last checkpoint."""
        self._settle(self._read())

    def _settle(self, by_name):
        resumable = self.run.latest_step() or 0
        kept = {
            name: {*self._lowest(scores), *self._lowest(_until(resumable, scores))} for name, scores in by_name.items()
        }
        content = {name: {str(step): by_name[name][step] for step in sorted(steps)} for name, steps in kept.items()}
        write_json(self._scores_file, content)
        shutil.rmtree(self._unfinished, ignore_errors=True)
        names = {f"ckpt-{step}" for steps in kept.values() for step in steps}
        gone = [file for file in self.run.best.glob("ckpt-*") if file.name.partition(".")[0] not in names]
        for file in sorted(gone, key=lambda file: file.suffix != ".index"):
            file.unlink()

    def _lowest(self, scores):
        return sorted(scores, key=lambda step: (scores[step], step))[: self.keep]

    def _read(self):
        """Returns the values by step, by the name of the score."""
        try:
            by_name = read_json(self._scores_file)
        except FileNotFoundError:
            return {}
        except InputError:
            by_name = None
        if isinstance(by_name, dict) and all(map(_is_value, by_name.values())):
            by_name = {_FIRST_SCORE: by_name} if by_name else {}
        if not isinstance(by_name, dict) or not all(map(_are_scores, by_name.values())):
            raise InputError(f"{self._scores_file} is damaged; delete {self.run.best}")
        return {
            name: {int(step): value for step, value in scores.items() if self._is_kept(step)}
            for name, scores in by_name.items()
        }

    def _is_kept(self, step):
        return (self.run.best / f"ckpt-{step}.index").exists()


def _until(step, scores):
    return {of_step: value for of_step, value in scores.items() if of_step <= step}


def _are_scores(scores):
    return isinstance(scores, dict) and all(
        step.isascii() and step.isdecimal() and _is_value(value) for step, value in scores.items()
    )


def _is_value(value):
    return isinstance(value, int | float)
