"""The processes that train together, one on each machine, as the environment variable TF_CONFIG names them.

Imports no TensorFlow.
"""

import json
import socket
import time
from typing import NamedTuple

from sle_gan.errors import InputError, TrainingError

_VARIABLE = "TF_CONFIG"
_EXAMPLE = (
    '\'{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}\' on the '
    "first of two machines, index 1 on the second"
)
_MOST_MINUTES = 10
_SECONDS_BETWEEN_TRIES = 0.5
_SECONDS_TO_ANSWER = 2


class Cluster(NamedTuple):
    """The workers of a training, and which of them this process is.

    Attributes:
        addresses: host and port of each, as `10.0.0.1:2222`.
        index: of this process; 0 is the chief, which alone writes the run folder.
    """

    addresses: tuple
    index: int

    @property
    def is_chief(self):
        """Whether this process writes the run folder."""
        return self.index == 0


def read_cluster(environment):
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


def check_shares(batch_size, accumulate, count, sharers):
    """Checks that a batch can be shared equally.

    Args:
        batch_size: images in a step of the discriminator.
        accumulate: equal shares of what each has of them.
        count: how many share it.
        sharers: what they are, such as `devices`.

    Raises:
        InputError: if it cannot.
    """
    if batch_size % (accumulate * count):
        times = f" times --accumulate {accumulate}" if accumulate > 1 else ""
        raise InputError(
            f"--batch-size must be a multiple of {count}, the number of {sharers}{times}; got {batch_size}"
        )


def answers(address):
    """Returns whether a process listens at an address, `HOST:PORT`."""
    try:
        with socket.create_connection(_host_and_port(address), timeout=_SECONDS_TO_ANSWER):
            return True
    except OSError:
        return False


def wait_for_chief(cluster, most_seconds=60 * _MOST_MINUTES):
    """Returns when the chief listens, which it does when it has read its images.

    Args:
        cluster: the `Cluster`.
        most_seconds: time that it is given.

    Raises:
        TrainingError: if it does not.
    """
    end = time.monotonic() + most_seconds
    while not (cluster.is_chief or answers(cluster.addresses[0])):
        if time.monotonic() > end:
            raise TrainingError(
                f"worker 0 at {cluster.addresses[0]} must come within {most_seconds} seconds; it did not: start the "
                "same command on all machines"
            )
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _host_and_port(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _is_address(address):
    try:
        host, port = _host_and_port(address)
    except (ValueError, AttributeError):
        return False
    return bool(host) and 0 < port < 2**16
