"""Keeps the averaged generators that scored best, even when their checkpoints are deleted."""

import shutil
from typing import Any

import tensorflow as tf

from sle_gan.callbacks.clock import Logs, StepClock
from sle_gan.disk import reason
from sle_gan.errors import InputError, StorageError
from sle_gan.json_files import read_json, write_json
from sle_gan.run import RunFolder


class BestGenerators(StepClock):
    """Keeps the averaged generators with the lowest scores, each as a checkpoint `ckpt-<step>` of nothing else.

    Place it after `Checkpoints`. A run that is interrupted goes on from its newest checkpoint, and forgets the scores
    after it. So the best generators up to that checkpoint are kept too, until the next checkpoint is written.

    Args:
        run: the `RunFolder`. The generators lie in its folder `best`, their scores in `best/scores.json`.
        keep: number of generators to keep.
    """

    def __init__(self, run: RunFolder, keep: int) -> None:
        super().__init__()
        self.run = run
        self.keep = keep
        self._scores_file = run.best / "scores.json"
        self._unfinished = run.best / ".unfinished"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets the scores after the checkpoint that the run goes on from, and deletes the rest of a killed save."""
        self.run.best.mkdir(exist_ok=True)
        done = int(self.model.steps.numpy())
        self._keep_best({step: value for step, value in self._read().items() if step <= done})

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
        self._keep_best(self._read() | {step: value})

    def on_step(self, step: int, logs: Logs) -> None:
        """Deletes, after a checkpoint, the generators that no resumed run could need."""
        if step == self.run.latest_step():
            self._keep_best(self._read())

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Does the same after the last checkpoint."""
        self._keep_best(self._read())

    def _keep_best(self, scores: dict[int, float]) -> None:
        resumable = {step: value for step, value in scores.items() if step <= (self.run.latest_step() or 0)}
        kept = {*self._lowest(scores), *self._lowest(resumable)}
        write_json(self._scores_file, {str(step): scores[step] for step in sorted(kept)})
        shutil.rmtree(self._unfinished, ignore_errors=True)
        names = {f"ckpt-{step}" for step in kept}
        gone = [file for file in self.run.best.glob("ckpt-*") if file.name.partition(".")[0] not in names]
        for file in sorted(gone, key=lambda file: file.suffix != ".index"):
            file.unlink()

    def _lowest(self, scores: dict[int, float]) -> list[int]:
        return sorted(scores, key=lambda step: (scores[step], step))[: self.keep]

    def _read(self) -> dict[int, float]:
        try:
            scores = read_json(self._scores_file)
        except FileNotFoundError:
            return {}
        except InputError:
            scores = None
        if not isinstance(scores, dict) or not all(_is_score(*score) for score in scores.items()):
            raise InputError(f"{self._scores_file} is damaged; delete {self.run.best}")
        return {int(step): value for step, value in scores.items() if (self.run.best / f"ckpt-{step}.index").exists()}


def _is_score(step: str, value: Any) -> bool:
    return step.isascii() and step.isdecimal() and isinstance(value, int | float)
