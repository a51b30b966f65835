"""Keeps the averaged generators that scored best, even when their checkpoints are deleted."""

import shutil
from typing import Any

import tensorflow as tf

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.disk import reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import read_json, write_json
from sle_gan.run import RunFolder

Scores = dict[int, float]  # by the step of the generator

_FIRST_SCORE = "kid_efficientnet_lite0"  # of files that were written before their score was named in them


class BestGenerators(StepClock):
    """Keeps the averaged generators with the lowest scores, each as a checkpoint `ckpt-<step>` of nothing else.

    Place it after `Checkpoints`. A run that is interrupted goes on from its newest checkpoint, and forgets the scores
    after it. So the best generators up to that checkpoint are kept too, until the next checkpoint is written.

    Scores of two networks cannot be compared. If a run is resumed with another network, the best generators by the
    first one are kept beside those by the second.

    Args:
        run: the `RunFolder`. The generators lie in its folder `best`, their scores in `best/scores.json`.
        keep: number of generators to keep.
        score_name: name of the score that they are ranked by, such as `kid_open_nsfw`.
    """

    def __init__(self, run: RunFolder, keep: int, score_name: str) -> None:
        super().__init__()
        self.run = run
        self.keep = keep
        self.score_name = score_name
        self._scores_file = run.best / "scores.json"
        self._unfinished = run.best / ".unfinished"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets the scores after the checkpoint that the run goes on from, and deletes the rest of a killed save."""
        self.run.best.mkdir(exist_ok=True)
        done = int(self.model.steps.numpy())
        self._keep_best({name: _until(done, scores) for name, scores in self._read().items()})

    def offer(self, step: int, value: float) -> None:
        """Saves the averaged generator as it is now, and keeps it as long as its score is among the best.

        Args:
            step: number of generator steps done.
            value: its score; lower is better.

        Raises:
            StorageError: if it cannot be written.
        """
        items = {"average_generator": self.model.average_generator, "steps": self.model.steps}
        try:
            manager = tf.train.CheckpointManager(tf.train.Checkpoint(**items), str(self._unfinished), max_to_keep=1)
            manager.save(checkpoint_number=step)
            # The index file last: a checkpoint exists when its index does.
            for file in sorted(self._unfinished.glob("ckpt-*"), key=lambda file: file.suffix == ".index"):
                file.replace(self.run.best / file.name)
        except (tf.errors.OpError, OSError) as error:
            shutil.rmtree(self._unfinished, ignore_errors=True)
            raise StorageError(f"the best generator of step {step} cannot be written ({reason(error)})") from error
        by_name = self._read()
        self._keep_best(by_name | {self.score_name: by_name.get(self.score_name, {}) | {step: value}})

    def on_step(self, step: int, logs: Logs) -> None:
        """Deletes, after a checkpoint, the generators that no resumed run could need."""
        if step == self.run.latest_step():
            self._keep_best(self._read())

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Does the same after the last checkpoint."""
        self._keep_best(self._read())

    def _keep_best(self, by_name: dict[str, Scores]) -> None:
        """Deletes all generators but the best by each score, and those that would be the best if the run is resumed."""
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

    def _lowest(self, scores: Scores) -> list[int]:
        return sorted(scores, key=lambda step: (scores[step], step))[: self.keep]

    def _read(self) -> dict[str, Scores]:
        """Returns the scores of the generators that are kept, by the name of the score."""
        try:
            content = read_json(self._scores_file)
        except FileNotFoundError:
            return {}
        except InputError:
            content = None
        if isinstance(content, dict) and all(map(_is_value, content.values())):
            content = {_FIRST_SCORE: content} if content else {}
        if not isinstance(content, dict) or not all(map(_are_scores, content.values())):
            raise InputError(f"{self._scores_file} is damaged; delete {self.run.best}")
        return {
            name: {int(step): value for step, value in scores.items() if self._is_kept(step)}
            for name, scores in content.items()
        }

    def _is_kept(self, step: str) -> bool:
        return (self.run.best / f"ckpt-{step}.index").exists()


def _until(last_step: int, scores: Scores) -> Scores:
    return {step: value for step, value in scores.items() if step <= last_step}


def _are_scores(scores: Any) -> bool:
    return isinstance(scores, dict) and all(
        step.isascii() and step.isdecimal() and _is_value(value) for step, value in scores.items()
    )


def _is_value(value: Any) -> bool:
    return isinstance(value, int | float)
