"""Several processes that train as one, on the loopback address."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT, final_state, script, wait_for
from tiny_gan import train, values
from tiny_runs import write_run

from sle_gan.cli.train import main
from sle_gan.cluster import Cluster
from sle_gan.errors import InputError, StorageError, TrainingError
from sle_gan.run import RunFolder, read_rows
from sle_gan.training.workers import together

_COMPARED = {"kernel", "gamma", "beta", "left_vector"}
TINY_WORKER = Path(__file__).with_name("tiny_worker.py")


def free_addresses(count):
    """Addresses of ports that were free a moment ago."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    return addresses


def start_workers(commands, environments=({}, {})):
    """Starts a process for each command, worker 0 first."""
    addresses = free_addresses(len(commands))
    processes = []
    for index, (command, more) in enumerate(zip(commands, environments, strict=True)):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "TF_CPP_MIN_LOG_LEVEL": "3"} | more
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, cwd=ROOT, **pipes))
    return addresses, processes


def ends(processes, seconds=300):
    """Waits for processes; returns the exit code, the output and the errors of each."""
    told = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=seconds)
            told.append((process.returncode, out, err))
    finally:
        for process in processes:
            process.kill()
    return told


def test_two_workers_make_the_steps_of_one_process_until_one_has_a_signal_and_are_equal(tmp_path):
    _, processes = start_workers([[sys.executable, str(TINY_WORKER), str(tmp_path)]] * 2)
    alone = values(*train(tf.distribute.get_strategy(), steps=3))
    for code, _, err in ends(processes):
        assert code == 0, err
    chief, other = (dict(np.load(tmp_path / f"worker-{index}.npz")) for index in (0, 1))
    assert chief.pop("signal") == other.pop("signal") == signal.SIGTERM
    assert chief.keys() == alone.keys()
    for name, value in alone.items():
        np.testing.assert_array_equal(chief[name], other[name], err_msg=name)
        np.testing.assert_allclose(chief[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert alone["mask_0"].mean() == 0.5


def same_in_all(numbers):
    return np.array([numbers, numbers])


def test_a_worker_that_does_not_answer_is_named_with_the_checkpoint_that_is_kept(tmp_path):
    run, _ = write_run(tmp_path / "run", model="sngan", steps=(4, 8))
    here, gone = free_addresses(2)
    lost = tf.errors.UnavailableError(None, None, "Socket closed")
    unsaved = StorageError("checkpoint 9 cannot be written")
    unsaved.__cause__ = lost
    mend = "the run is at checkpoint 8: start the same command on all machines to go on"
    for error in (lost, unsaved):
        with (
            pytest.raises(TrainingError, match=f"^worker 1 at {gone} is gone; {mend}$"),
            together(Cluster((here, gone), 0), same_in_all, run, run, {}),
        ):
            raise error
    for error in (tf.errors.InvalidArgumentError(None, None, "a shape"), StorageError("disk full")):
        with pytest.raises(type(error)), together(Cluster((here, gone), 0), same_in_all, run, run, {}):
            raise error


def test_flags_or_images_that_differ_are_told_by_every_worker(tmp_path):
    run = RunFolder(tmp_path)

    def gathered(numbers):
        return np.array([numbers, [numbers[0], numbers[1] + 1]])

    with (
        pytest.raises(InputError, match="must be started with the same images; they"),
        together(Cluster(("a:1", "b:2"), 0), gathered, run, run, {"flags": [1], "images": [2]}),
    ):
        pass


def test_workers_that_do_not_see_the_same_run_are_told(tmp_path):
    run, _ = write_run(tmp_path / "run", model="sngan", steps=(4, 8))
    seen = []

    def gathered(numbers):
        seen.append(numbers)
        return np.array([numbers, [4, 0]]) if len(seen) == 2 else np.array([numbers, numbers])

    with (
        pytest.raises(InputError, match="must see the same checkpoints and rows in"),
        together(Cluster(("a:1", "b:2"), 0), gathered, run, run, {"flags": []}),
    ):
        pass
    assert seen[1] == [8, 0]


def test_a_worker_copies_what_a_resume_needs_and_leaves_the_run_alone(tmp_path):
    run, _ = write_run(tmp_path / "run", model="sngan", steps=(4, 8))
    run.samples.joinpath("step-000000.png").touch()
    run.generator_weights.touch()
    before = sorted(run.path.rglob("*"))
    own = RunFolder(tmp_path / "own")
    with together(Cluster(("a:1", "b:2"), 1), same_in_all, run, own, {"flags": []}):
        assert own.config() == run.config()
        assert own.latest_step() == 8
        assert own.manifest_file.exists()
        assert list(own.samples.iterdir()) == []
        assert not own.generator_weights.exists()
    assert sorted(run.path.rglob("*")) == before


def test_a_worker_of_a_run_that_is_done_ends_with_0_and_writes_nothing(photographs, tmp_path, monkeypatch, capsys):
    run, _ = write_run(tmp_path / "run", model="sngan", steps=(4, 8))
    for file in (run.generator_weights, run.discriminator_weights):
        file.touch()
    before = sorted(tmp_path.rglob("*"))
    task = {"cluster": {"worker": free_addresses(2)}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    words = train_command(photographs, tmp_path, "--strategy", "multi-worker", "--steps", "8")[2:]
    assert main(words) == 0
    assert "nothing to do: the run is at step 8 of " in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_workers_with_other_flags_end_all_with_2_and_say_so(tmp_path):
    commands = [[sys.executable, str(TINY_WORKER), str(tmp_path), flag] for flag in ("one", "another")]
    for code, _, err in ends(start_workers(commands)[1]):
        assert code == 1  # of a script without `run_program`
        assert err.endswith("InputError: all workers must be started with the same flags; they were not\n")


def train_command(photographs, output, *more):
    small = (
        "--model sngan --resolution 32 --width 8 --batch-size 4 --n-critic 1 --log-frequency 1 --sample-frequency 9999"
    )
    exact = "--no-diff-augment --checkpoint-frequency 2 --name run"  # noise of replicas differs
    words = ["--data-folder", str(photographs), "--output-folder", str(output), *small.split(), *exact.split(), *more]
    return script(*words)


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_others_with_3_and_both_go_on_as_one_process(photographs, tmp_path):
    run, own = RunFolder(tmp_path / "runs" / "run"), tmp_path / "own"
    own.mkdir()
    environments = {}, {"TMPDIR": str(own)}
    together = ["--strategy", "multi-worker", "--steps"]
    addresses, (chief, worker) = start_workers(
        [train_command(photographs, run.path.parent, *together, "1000")] * 2, environments
    )
    wait_for(lambda: (run.latest_step() or 0) >= 2, chief, seconds=300)
    worker.kill()
    start = time.monotonic()
    (code, _, err), _ = ends([chief, worker])
    assert time.monotonic() - start < 60
    assert code == 3, err
    done = run.latest_step()
    mend = f"the run is at checkpoint {done}: start the same command on all machines to go on"
    assert err == f"error: worker 1 at {addresses[1]} is gone; {mend}\n"

    shutil.rmtree(own)
    own.mkdir()
    steps = str(done + 2)
    _, processes = start_workers([train_command(photographs, run.path.parent, *together, steps)] * 2, environments)
    (code, out, err), (worker_code, worker_out, worker_err) = ends(processes)
    assert (code, worker_code) == (0, 0), err + worker_err
    assert f"resuming run from step {done}" in out
    assert re.fullmatch(
        rf"worker 1 of 2: trains with worker 0, which writes {run.path}\nworker 1: done; .*\n", worker_out
    )
    assert list(own.iterdir()) == []
    # Two that write would have written each row twice.
    assert [row["step"] for row in read_rows(run.metrics_file) if "event" not in row] == list(range(1, done + 3))

    alone = RunFolder(tmp_path / "alone" / "run")
    subprocess.run(
        train_command(photographs, alone.path.parent, "--strategy", "one", "--steps", steps), check=True, cwd=ROOT
    )
    (shared_state, _), (alone_state, _) = final_state(run), final_state(alone)
    assert shared_state.keys() == alone_state.keys()
    compared = 0
    for name, value in alone_state.items():
        # Batch normalization takes away what biases before it add, whose gradients are rounding errors that Adam makes
        # steps of; and the fused kernel of one device keeps the variance of a sample, N / (N - 1) times that of N.
        kind = name.rpartition("/.ATTRIBUTES")[0].rpartition("/")[2]
        if name.startswith(("generator/", "average", "discriminator/")) and kind in _COMPARED:
            np.testing.assert_allclose(shared_state[name], value, rtol=1e-4, atol=1e-4, err_msg=name)
            compared += 1
    assert compared > 50
