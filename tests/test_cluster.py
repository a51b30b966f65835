import json
import signal
import socket

import pytest

from sle_gan.assembly.resolve import resolve
from sle_gan.cli.train import main
from sle_gan.cluster import Cluster, is_listening, read_cluster, wait_for_chief
from sle_gan.errors import InputError, TrainingError
from sle_gan.signals import signals_end_at_once

TWO = ["10.0.0.1:2222", "10.0.0.2:2222"]
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'


def tf_config(workers=TWO, kind="worker", index=0, **others):
    return json.dumps({"cluster": {"worker": workers} | others, "task": {"type": kind, "index": index}})


GIVEN = {"data_folder": ".", "model": "sngan", "resolution": 32, "strategy": "multi-worker"}


def test_the_first_worker_is_the_chief():
    chief, other = (read_cluster({"TF_CONFIG": tf_config(index=index)}) for index in (0, 1))
    assert chief == Cluster(tuple(TWO), 0)
    assert (chief.is_chief, other.is_chief) == (True, False)
    assert read_cluster({"TF_CONFIG": EXAMPLE}) == chief
    assert read_cluster({"TF_CONFIG": tf_config(["[::1]:20000", "localhost:20001"])}).addresses[0] == "[::1]:20000"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "must be JSON such as"),
        ("[]", "must be JSON such as"),
        (json.dumps({"cluster": {"worker": TWO}}), "must be JSON such as"),
        (tf_config(5), "must be JSON such as"),
        (tf_config(chief=["10.0.0.3:2222"]), "must name workers alone"),
        (tf_config(kind="chief"), "must name workers alone"),
        (tf_config(TWO[:1]), "must name two workers or more, each as HOST:PORT"),
        (tf_config([TWO[0], TWO[0]]), "must name two workers or more"),
        (tf_config(["10.0.0.1", "10.0.0.2"]), "must name two workers or more"),
        (tf_config([1, 2]), "must name two workers or more"),
        (tf_config(["10.0.0.1:99999", TWO[1]]), "must name two workers or more"),
        (tf_config(index=2), "must have an index from 0 to 1; got 2"),
        (tf_config(index="0"), "must have an index from 0 to 1; got '0'"),
        (tf_config(index=True), "must have an index from 0 to 1; got True"),
    ],
)
def test_a_cluster_that_is_none_is_told_in_one_line_with_an_example(text, told):
    with pytest.raises(InputError, match=told) as caught:
        read_cluster({} if text is None else {"TF_CONFIG": text})
    assert "\n" not in str(caught.value)
    assert EXAMPLE in str(caught.value) or "index from 0 to 1" in str(caught.value)


def test_what_several_machines_cannot_share_is_told_before_anything_is_read(monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert main(["--data-folder=.", "--model=sngan", "--resolution=32", "--strategy=multi-worker", "--name=run"]) == 2
    assert EXAMPLE in capsys.readouterr().err
    monkeypatch.setenv("TF_CONFIG", tf_config([*TWO, "10.0.0.3:2222"]))
    for more, told in (
        ({"name": "run", "batch_size": 4}, "--batch-size must be a multiple of 3, the number of workers; got 4"),
        ({"batch_size": 6}, "--strategy multi-worker needs the --name of the run"),
        ({"name": "run", "batch_size": 6, "jit": "on"}, "--jit on cannot be used with --strategy multi-worker"),
    ):
        with pytest.raises(InputError, match=told):
            resolve(GIVEN | more)
    assert resolve(GIVEN | {"name": "run", "batch_size": 6}).devices.strategy == "multi-worker"


def test_workers_wait_for_the_chief_and_not_for_ever():
    with socket.create_server(("127.0.0.1", 0)) as chief:
        address = f"127.0.0.1:{chief.getsockname()[1]}"
        assert is_listening(address)
        wait_for_chief(Cluster((address, TWO[1]), 1))
    assert not is_listening(address)
    wait_for_chief(Cluster((address, TWO[1]), 0))  # which is itself
    with pytest.raises(TrainingError, match=f"worker 0 at {address} must come within 0 seconds; it did not"):
        wait_for_chief(Cluster((address, TWO[1]), 1), most_seconds=0)


def test_a_process_that_waits_within_tensorflow_is_ended_by_signals_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with signals_end_at_once():
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before
