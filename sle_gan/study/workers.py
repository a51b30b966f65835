"""Trainings as processes, as many at a time as there are places for: cores of the CPU, or GPUs.

A worker ends in good order when the study does, however that ends: it reads a pipe whose other end the study holds.
"""

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sle_gan.assembly.probe import process_environment

Environment = dict[str, str]


class Task(NamedTuple):
    """What a worker does.

    Attributes:
        question: see `sle_gan.study.cell.train_and_measure`.
        measured_file: likewise.
        log_file: what it prints is added to this file.
    """

    question: Mapping[str, Any]
    measured_file: Path
    log_file: Path


def count_cores() -> int:
    """Returns the number of cores of the CPU that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[str]:
    """Returns the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them. Loads no TensorFlow."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in {"", "-1"}]
    if shutil.which("nvidia-smi") is None:
        return []
    told = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False).stdout
    return [str(index) for index in range(sum(line.startswith("GPU ") for line in told.splitlines()))]


def cpu_threads(cores: int) -> Environment:
    """Returns the variables by which a process computes on so many cores."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(cores))


def places(cores: int, at_once: int | None, gpus: Sequence[str]) -> list[Environment]:
    """Returns the places that trainings are made in: one for each GPU, or without one for each `cores` of the CPU.

    Args:
        cores: of the CPU, for each training.
        at_once: number of the places, if it is given.
        gpus: as `list_gpus` returns them.

    Returns:
        Variables of the environment, for each place.
    """
    count = at_once or len(gpus) or max(count_cores() // cores, 1)
    own = [{"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]} if gpus else {} for index in range(count)]
    return [cpu_threads(cores) | one for one in own]


class Workers:
    """Processes that train, in places.

    Args:
        command: words that start a worker, which is given its task as one more word, JSON.
        environments: as `places` returns them.
    """

    def __init__(self, command: Sequence[str], environments: Sequence[Environment]) -> None:
        self._command = command
        self._count = len(environments)
        self._free: queue.SimpleQueue[Environment] = queue.SimpleQueue()
        for environment in environments:
            self._free.put(environment)
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._is_ending = False

    def do_all(self, jobs: Mapping[str, Callable[[], str | None]], needs: Mapping[str, set[str]]) -> Iterator[str]:
        """Does jobs, those first that stand first, but none before those that it needs.

        Args:
            jobs: functions by name, each called in a thread of its own.
            needs: names of the jobs that each needs, by its name.

        Yields:
            The name of each job when it is done.
        """
        waiting, running, done = dict(jobs), dict[Future[str | None], str](), set[str]()
        with ThreadPoolExecutor(self._count) as pool, self._ending():  # which waits for those that are ended
            while waiting or running:
                ready = [name for name in waiting if needs[name] <= done][: self._count - len(running)]
                running |= {pool.submit(waiting.pop(name)): name for name in ready}
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    name = running.pop(future)
                    future.result()
                    done.add(name)
                    yield name

    def do(self, task: Task) -> str | None:
        """Does a task in a process, in the next place that is free.

        Returns:
            None, or what the process failed of.
        """
        environment = self._free.get()
        try:
            task.log_file.parent.mkdir(parents=True, exist_ok=True)
            with task.log_file.open("ab") as log:
                begin = log.tell()
                code = self._run(task, environment, log)
        finally:
            self._free.put(environment)
        return None if code == 0 else _reason(task.log_file, begin, code)

    def _run(self, task: Task, environment: Environment, log: Any) -> int:
        words = json.dumps({"question": task.question, "measured_file": str(task.measured_file)})
        with self._guard:
            if self._is_ending:
                return -1
            process = subprocess.Popen(
                [*self._command, words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=process_environment() | environment,
                start_new_session=True,  # a Ctrl-C is for the study, which ends its workers
            )
            self._processes.add(process)
        code = process.wait()
        with self._guard:
            self._processes.discard(process)
            _close(process)
        return code

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends the workers, where something ends the study before them."""
        try:
            yield
        finally:
            with self._guard:
                self._is_ending = True
                for process in self._processes:
                    _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _reason(log_file: Path, begin: int, code: int) -> str:
    with log_file.open("rb") as log:
        log.seek(begin)
        lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    told = errors[-1:] or lines[-1:] or ["it said nothing"]
    return told[0] if code > 0 else f"ended by signal {-code}: {told[0]}"
