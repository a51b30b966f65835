"""Several processes that train as one: what they must agree on, and what becomes of the others when one dies.

All of them make the same steps and the same saves, because reading a batch statistic or a mean is an operation of all
of them. What they write differs in its place alone: the chief writes the run, every other one a copy that is thrown
away at its end.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sle_gan.cluster import Cluster, is_listening
from sle_gan.errors import InputError, StorageError, TrainingError
from sle_gan.run import RunFolder, read_rows
from sle_gan.training.devices import strategy_of

_NOT_COPIED = ("*.h5", "*.npy", "*.html", "lock", "samples", "tensorboard", "*_temp", ".unfinished")
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
_SECONDS_TO_END = 10  # that a worker may take from its error to its end


class Gathering:
    """What every replica of every worker says; whoever asks waits for all of them.

    Args:
        strategy: a `tf.distribute.Strategy`.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self._gather = tf.function(self._gathered, input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)

    def __call__(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Gathers whole numbers.

        Args:
            numbers: list of whole numbers of 63 bits, as many in every worker.

        Returns:
            int64 array `[replicas, count]`.
        """
        return self._gather(tf.constant(numbers, tf.int64)).numpy()

    def _gathered(self, numbers: tf.Tensor) -> tf.Tensor:
        def gather(numbers: tf.Tensor) -> tf.Tensor:
            return tf.distribute.get_replica_context().all_gather(numbers[None], axis=0)

        return self._strategy.experimental_local_results(self._strategy.run(gather, (numbers,)))[0]


def join(batch_size: int, accumulate: int) -> tuple[tf.distribute.Strategy, Gathering]:
    """Meets the other workers; call it before the first operation.

    Args:
        batch_size: images in a step of the discriminator, of all workers together.
        accumulate: equal shares of what a device has of them.

    Returns:
        The strategy, and its `Gathering`, once all workers are there.

    Raises:
        TrainingError: if they cannot begin together, for one of them belongs to a training that has not ended yet.
        InputError: if the batch cannot be shared equally.
    """
    try:
        strategy = strategy_of("multi-worker", batch_size, accumulate)
        gathered = Gathering(strategy)
        gathered([0])
    except (tf.errors.OpError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"the workers cannot begin ({reason}); start the same command on all machines") from error
    return strategy, gathered


def largest_of_workers(strategy: tf.distribute.Strategy) -> Callable[[int], int]:
    """Returns a function of a whole number -> the largest that any worker calls it with, at the same time."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return lambda number: number
    gathered = Gathering(strategy)
    return lambda number: int(gathered([number]).max())


@contextlib.contextmanager
def together(
    cluster: Cluster, gathered: Gathering, shared: RunFolder, own: RunFolder, same: Mapping[str, Any]
) -> Iterator[None]:
    """Trains what is trained inside with the other workers.

    Args:
        cluster: the `sle_gan.cluster.Cluster`.
        gathered: the `Gathering` of its strategy.
        shared: the `RunFolder` that the chief writes and all see; it is there.
        own: the `RunFolder` that this worker writes: for the chief the same, for the others an empty one, which
            becomes a copy of what a resume needs.
        same: what must be equal in all workers, by name, as JSON takes it.

    Raises:
        InputError: if the workers were started with other flags or images, or do not see the same run.
        TrainingError: if one of them is gone.
    """
    try:
        _check_same(gathered, same)
        if not cluster.is_chief:
            shutil.copytree(shared.path, own.path, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True)
            own.samples.mkdir()
        _check_same_start(gathered, own, shared)  # which also keeps the chief from writing before all have their copy
        yield
        gathered([0])  # nor does anyone end before all are done with what it sent
    except (tf.errors.OpError, StorageError) as error:
        cause = error if isinstance(error, tf.errors.OpError) else error.__cause__
        gone = _gone(cluster) if isinstance(cause, _LOST) else ()
        if not gone:
            raise
        machines = " and ".join(f"worker {index} at {cluster.addresses[index]}" for index in gone)
        raise TrainingError(
            f"{machines} {'is' if len(gone) == 1 else 'are'} gone; the run is at checkpoint {shared.latest_step()}: "
            "start the same command on all machines to go on"
        ) from error


def _check_same(gathered: Gathering, same: Mapping[str, Any]) -> None:
    digests = [hashlib.sha256(json.dumps(part, sort_keys=True).encode()).digest() for part in same.values()]
    rows = gathered([int.from_bytes(digest[:8], "big", signed=True) for digest in digests])
    different = [name for name, column in zip(same, rows.T, strict=True) if len(set(column)) > 1]
    if different:
        raise InputError(f"all workers must be started with the same {' and '.join(different)}; they were not")


def _check_same_start(gathered: Gathering, own: RunFolder, shared: RunFolder) -> None:
    # A network file system may show a machine what a folder held some seconds ago.
    step = own.latest_step()
    seen = gathered([-1 if step is None else step, len(read_rows(own.metrics_file))])
    if len({tuple(row) for row in seen}) > 1:
        raise InputError(
            f"all workers must see the same checkpoints and rows in {shared.path}; they do not: start again"
        )


def _gone(cluster: Cluster) -> list[int]:
    """Returns the numbers of the workers that do not answer; one may still be about to end."""
    end = time.monotonic() + _SECONDS_TO_END
    while True:
        others = [index for index in range(len(cluster.addresses)) if index != cluster.index]
        gone = [index for index in others if not is_listening(cluster.addresses[index])]
        if gone or time.monotonic() > end:
            return gone
        time.sleep(0.2)
