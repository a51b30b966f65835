"""Trainings that are killed at random moments, again and again, and end as the ones that were left alone.

`make soak` runs this, for hours if it is asked to: SOAK_KILLS is the number of kills of each training (20), SOAK_SEED
the seed of the moments (drawn and printed without it).
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import time

import pytest
from processes import assert_same_end, script

from sle_gan.run import RunFolder

SMALL = "--resolution 64 --width 8 --batch-size 2 --reconstruction-loss l1 --name run"
# Saved at every second step, so that kills come while a checkpoint is written, too.
OFTEN = "--checkpoint-frequency 2 --log-frequency 1 --sample-frequency 7 --held-out 0.3"
TRAININGS = {
    "dense": "--steps {steps}",
    "reconfigure": "--steps {steps} --reconfigure --reconfigure-warmup 5 --reconfigure-interval 4 --regrow-state reset",
    "find_ticket": "--steps {round} --find-ticket --ticket-rounds 4 --rewind-to 20% --prune-discriminator "
    "--distill-weight 1",
    "sparse_from_scratch": "--steps {steps} --sparse-from-scratch --exploration adapt --exploration-interval 3",
}
STEPS_FOR_A_KILL = 12


def words_of(photographs, output, training, kills):
    steps = max(24, STEPS_FOR_A_KILL * kills)
    method = TRAININGS[training].format(steps=steps, round=steps // 4)
    fixed = ["--data-folder", str(photographs), "--output-folder", str(output)]
    return script(*fixed, *SMALL.split(), *OFTEN.split(), *method.split())


def step_of(run):
    return run.latest_step() or 0


def killed(words, run, rng, number):
    """Goes on with a training, kills it, and says what it was doing; None if it was done.

    Every fourth kill comes at any moment from the start on, every third while a checkpoint is written, the others
    some time after one.
    """
    before = step_of(run)
    unbuffered = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=unbuffered)
    is_saving = False
    try:
        if number % 4 == 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, 15))
        else:
            while process.poll() is None and step_of(run) == before:
                time.sleep(0.005)
            wanted = time.monotonic() + rng.uniform(0, 0.6)
            while process.poll() is None:
                is_saving = any(run.checkpoints.glob("*_temp")) or any(run.checkpoints.glob("*.tempstate*"))
                now = time.monotonic()
                if now >= wanted and (is_saving or number % 3 or now > wanted + 10):
                    break
                time.sleep(0.0005)
        was_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
    finally:
        process.kill()
    if not was_running:
        assert process.returncode == 0, told
        return None
    resumed = re.search(r"resuming run from step (\d+)", told)
    assert resumed is None or int(resumed[1]) == before, told
    return f"from step {before}, killed at {step_of(run)}{' while it saved' if is_saving else ''}"


@pytest.mark.slow
@pytest.mark.parametrize("training", TRAININGS)
def test_a_training_that_is_killed_again_and_again_ends_as_one_that_was_left_alone(training, photographs, tmp_path):
    kills = int(os.environ.get("SOAK_KILLS", "20"))
    seed = int(os.environ.get("SOAK_SEED", random.SystemRandom().randrange(2**31)))
    rng = random.Random(f"{seed} {training}")
    print(f"\n{training}: {kills} kills, SOAK_SEED={seed}", flush=True)
    alone, broken = (words_of(photographs, tmp_path / name, training, kills) for name in ("alone", "broken"))
    run, expected_run = (RunFolder(tmp_path / name / "run") for name in ("broken", "alone"))
    start = time.monotonic()
    for number in range(1, kills + 1):
        told = killed(broken, run, rng, number)
        assert told is not None, f"it was done after {number - 1} kills; it needs more steps"
        print(f"{training}: kill {number} of {kills}: {told}", flush=True)
    for words in (broken, alone):
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    arrays, metrics = assert_same_end(run, expected_run)
    for weights in ("generator_weights", "discriminator_weights"):
        assert getattr(run, weights).exists()
    left = [path for path in run.path.rglob("*") if "temp" in path.name or path.name.startswith(".new-")]
    assert left == []
    print(
        f"{training}: {len(arrays)} variables and {len(metrics.splitlines())} rows are equal, byte for byte, to those "
        f"of the training that was left alone; {time.monotonic() - start:.0f} s",
        flush=True,
    )
