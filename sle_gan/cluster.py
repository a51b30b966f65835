"""The processes that train together, one on each machine, as the environment variable TF_CONFIG names them.

Imports no TensorFlow.
"""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sle_gan.errors import InputError, TrainingError

_VARIABLE = "TF_CONFIG"
_EXAMPLE = (
    '\'{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}\' on the '
    "first of two machines, index 1 on the second"
)
_WAIT_AT_MOST_MINUTES = 10
_SECONDS_BETWEEN_TRIES = 0.5
_SECONDS_TO_ANSWER = 2


@dataclass(frozen=True)
class Cluster:
    """The workers of a training, and which of them this process is.

    Attributes:
        addresses: host and port of each, as `10.0.0.1:2222`.
        index: number of this process; 0 is the chief, which alone writes the run folder.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.index == 0


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Reads which workers train together.

    Args:
        environment: the environment variables, by name.

    Returns:
        A `Cluster` of two workers or more.

    Raises:
        InputError: if TF_CONFIG is missing, or is not what TensorFlow takes for workers alone.
    """
    text = environment.get(_VARIABLE)
    if text is None:
        raise InputError(f"--strategy multi-worker needs the environment variable {_VARIABLE}: {_EXAMPLE}")
    try:
        config = json.loads(text)
        addresses, task = tuple(config["cluster"]["worker"]), config["task"]
        kind, index = task["type"], task["index"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{_VARIABLE} must be JSON such as {_EXAMPLE}; got {text!r}") from None
    others = sorted(set(config["cluster"]) - {"worker"})
    if others or kind != "worker":
        raise InputError(f"{_VARIABLE} must name workers alone, of which 0 writes the run: {_EXAMPLE}; got {text!r}")
    if len(addresses) < 2 or len(set(addresses)) < len(addresses) or not all(map(_is_address, addresses)):
        raise InputError(f"{_VARIABLE} must name two workers or more, each as HOST:PORT: {_EXAMPLE}; got {text!r}")
    if isinstance(index, bool) or not isinstance(index, int) or index not in range(len(addresses)):
        raise InputError(f"{_VARIABLE} must have an index from 0 to {len(addresses) - 1}; got {index!r}")
    return Cluster(addresses, index)


def check_shares(batch_size: int, accumulate: int, count: int, sharers: str) -> None:
    """Checks that a batch can be shared equally.

    Args:
        batch_size: images in a step of the discriminator.
        accumulate: equal parts that each of them computes one after the other.
        count: how many devices or processes share the batch.
        sharers: what they are, such as `devices`.

    Raises:
        InputError: if it cannot be shared equally.
    """
    if batch_size % (accumulate * count):
        times = f" times --accumulate {accumulate}" if accumulate > 1 else ""
        raise InputError(
            f"--batch-size must be a multiple of {count}, the number of {sharers}{times}; got {batch_size}"
        )


def is_listening(address: str) -> bool:
    """Returns whether a process listens at an address, such as `10.0.0.1:2222`."""
    try:
        with socket.create_connection(_host_and_port(address), timeout=_SECONDS_TO_ANSWER):
            return True
    except OSError:
        return False


def wait_for_chief(cluster: Cluster, most_seconds: float = 60 * _WAIT_AT_MOST_MINUTES) -> None:
    """Waits until the chief listens, which it does when it has read its images.

    Args:
        cluster: the `Cluster`.
        most_seconds: how long to wait.

    Raises:
        TrainingError: if the chief does not listen by then.
    """
    end = time.monotonic() + most_seconds
    while not (cluster.is_chief or is_listening(cluster.addresses[0])):
        if time.monotonic() > end:
            raise TrainingError(
                f"worker 0 at {cluster.addresses[0]} must come within {most_seconds} seconds; it did not: start the "
                "same command on all machines"
            )
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _is_address(address: object) -> bool:
    if not isinstance(address, str):
        return False
    try:
        host, port = _host_and_port(address)
    except ValueError:
        return False
    return bool(host) and 0 < port < 2**16
