import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from processes import assert_same_end, script, wait_for

from sle_gan import __version__
from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.callbacks.metrics import append_row, keep_rows_until
from sle_gan.cli.main import main as sle_gan_command
from sle_gan.cli.train import main
from sle_gan.data.decode import read_image
from sle_gan.data.training_images import read_training_images
from sle_gan.errors import InputError
from sle_gan.models.generators.sngan import generator as build_generator
from sle_gan.run import RunFolder

ROOT = Path(__file__).parent.parent
SMALL = ["--resolution", "64", "--width", "8", "--batch-size", "4", "--reconstruction-loss", "l1"]
SNGAN = ["--model", "sngan", "--resolution", "32", "--n-critic", "1"]  # trains in half of the time


def arguments(photographs, output, *more):
    return ["--data-folder", str(photographs), "--output-folder", str(output), "--name", "run", *SMALL, *more]


@pytest.fixture(scope="module")
def trained(photographs, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    frequencies = "--sample-frequency 3 --checkpoint-frequency 2 --keep-checkpoints 2 --log-frequency 2"
    assert main(arguments(photographs, output, "--steps", "6", *frequencies.split())) == 0
    return RunFolder(output / "run")


def test_a_training_leaves_its_run_folder(trained):
    rows = [json.loads(line) for line in trained.metrics_file.read_text().splitlines()]
    health = [row for row in rows if row.get("event") == "health"]
    assert [(row["step"], row["verdict"]) for row in health] == [(3, "too early to say"), (6, "too early to say")]
    assert [row["step"] for row in rows if "event" not in row] == [2, 4, 6]
    assert set(rows[0]) == {
        "step",
        "generator_loss",
        "discriminator_loss",
        "reconstruction_loss",
        "real_logits",
        "fake_logits",
        "real_signs",
    }
    assert sorted(path.name for path in trained.samples.iterdir()) == [f"step-{s:06d}.png" for s in (0, 3, 6)]
    with Image.open(trained.samples / "step-000006.png") as sheet:
        assert sheet.text["run"] == "run"
        assert sheet.text["step"] == "6"
    assert sorted(path.name for path in trained.checkpoints.glob("*.index")) == ["ckpt-4.index", "ckpt-6.index"]
    assert trained.settings().images.resolution == 64
    assert len(json.loads(trained.manifest_file.read_text())["images"]) == 6
    assert list(trained.tensorboard.glob("events.*"))
    assert "step 6 of 6" in trained.report_file.read_text()
    networks = json.loads(trained.networks_file.read_text())
    assert networks["generator"] == {"parameters": 1_359_908}
    assert networks["training_flops_per_step"] > 0
    timings = [json.loads(line) for line in trained.timings_file.read_text().splitlines()]
    assert timings[-1]["images_per_second"] > 0
    assert 0 < min(row["waiting_for_input"] for row in timings) < 0.02


def test_held_out_images_are_not_trained_on_and_are_listed(photographs, tmp_path):
    words = [*SNGAN, "--steps", "2", "--log-frequency", "1", "--held-out", "0.34"]
    assert main(arguments(photographs, tmp_path, *words)) == 0
    run = RunFolder(tmp_path / "run")
    manifest = json.loads(run.manifest_file.read_text())
    trained_on, held_out = ({image["path"] for image in manifest[key]} for key in ("images", "held_out"))
    assert (len(trained_on), len(held_out)) == (4, 2)
    assert trained_on | held_out == {path.name for path in photographs.iterdir()}
    rows = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert all({"held_out_logits", "train_logits", "drawn_logits", "held_out_below"} <= set(row) for row in rows)
    assert "2 more images held out" in run.report_file.read_text()
    assert main(arguments(photographs, tmp_path, *words)) == 0  # the manifest still fits
    images, _ = read_training_images(run)
    expected = [read_image(photographs / name, 32, 3, "crop", (255, 255, 255)) for name in sorted(trained_on)]
    np.testing.assert_array_equal(images, expected)  # what is scored against is what was trained on


def test_the_weights_of_a_run_load_into_the_public_networks(trained):
    import sle_gan

    generator = sle_gan.Generator(64, width=8)
    generator.load_weights(trained.generator_weights)
    sle_gan.Discriminator(64, width=8).load_weights(trained.discriminator_weights)
    average = sle_gan.Generator(64, width=8)
    path = str(trained.checkpoints / "ckpt-6")
    tf.train.Checkpoint(average_generator=average).restore(path).expect_partial()
    noise = sle_gan.create_input_noise(2, seed=1)
    np.testing.assert_array_equal(generator(noise), average(noise))


def test_a_finished_run_has_nothing_to_do(trained, photographs, capsys):
    assert main(arguments(photographs, trained.path.parent, "--steps", "6")) == 0
    assert "nothing to do: the run is at step 6 of 6" in capsys.readouterr().out


def test_a_run_that_was_killed_before_its_weights_were_written_writes_them(trained, photographs, capsys):
    expected = trained.generator_weights.read_bytes()
    trained.discriminator_weights.unlink()
    assert main(arguments(photographs, trained.path.parent, "--steps", "6")) == 0
    assert "resuming run from step 6" in capsys.readouterr().out
    assert trained.discriminator_weights.exists()
    assert len(trained.generator_weights.read_bytes()) == len(expected)


def small_checkpoints(folder, steps):
    """Callbacks of a checkpoint that holds the number of steps alone."""
    return Checkpoints(folder, {"steps": steps}, 1, 2, calibrate=lambda step: None)


class Finite:
    """What a checkpoint asks of its model before it saves."""

    def raise_if_not_finite(self):
        """Finds nothing."""


def saved(folder, *numbers):
    for number in numbers:
        checkpoints = small_checkpoints(folder, tf.Variable(number, dtype=tf.int64))
        checkpoints.set_model(Finite())
        checkpoints.save(number)


def test_a_save_that_was_killed_before_it_was_listed_counts(tmp_path):
    saved(tmp_path, 1, 2)
    listed = (tmp_path / "checkpoint").read_bytes()
    saved(tmp_path, 3)
    (tmp_path / "checkpoint").write_bytes(listed)
    (tmp_path / "ckpt-4_temp").mkdir()
    steps = tf.Variable(0, dtype=tf.int64)
    assert small_checkpoints(tmp_path, steps).restore_latest() == 3
    assert int(steps) == 3
    assert not (tmp_path / "ckpt-4_temp").exists()
    saved(tmp_path, 5)
    assert sorted(file.name for file in tmp_path.glob("*.index")) == ["ckpt-3.index", "ckpt-5.index"]


def test_a_list_of_checkpoints_that_was_emptied_is_made_anew(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "checkpoint").write_bytes(b"")
    assert small_checkpoints(tmp_path, tf.Variable(0, dtype=tf.int64)).restore_latest() == 2


def test_a_save_that_was_killed_half_way_is_removed_and_the_one_before_restored(tmp_path):
    saved(tmp_path, 1, 2)
    listed = (tmp_path / "checkpoint").read_bytes()
    saved(tmp_path, 3)
    (tmp_path / "checkpoint").write_bytes(listed)
    (tmp_path / "ckpt-3.index").write_bytes((tmp_path / "ckpt-3.index").read_bytes()[:20])
    steps = tf.Variable(0, dtype=tf.int64)
    assert small_checkpoints(tmp_path, steps).restore_latest() == 2
    assert list(tmp_path.glob("ckpt-3*")) == []


def test_a_damaged_checkpoint_is_told_and_not_passed_over(tmp_path):
    saved(tmp_path, 1, 2)
    data = next(tmp_path.glob("ckpt-2.data*"))
    data.write_bytes(data.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"ckpt-2 cannot be restored .*; delete its files to use the one before"):
        small_checkpoints(tmp_path, tf.Variable(0, dtype=tf.int64)).restore_latest()


def test_training_can_start_from_weights(photographs, tmp_path):
    given, trained = build_generator(32, width=8, seed=5), build_generator(32, width=8)
    given.save_weights(tmp_path / "given.h5")
    words = [*SNGAN, "--steps", "1", "--G-learning-rate", "1e-9", "--generator-weights", str(tmp_path / "given.h5")]
    assert main(arguments(photographs, tmp_path, *words)) == 0
    trained.load_weights(tmp_path / "run" / "generator_weights.h5")
    for one, other in zip(given.trainable_variables, trained.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_weights_of_another_network_are_refused(trained, photographs, tmp_path, capsys):
    words = ["--steps", "1", "--generator-weights", str(trained.discriminator_weights)]
    assert main(arguments(photographs, tmp_path, *words)) == 2
    assert "holds weights of a discriminator; give --discriminator-weights" in capsys.readouterr().err


def test_weights_that_are_not_finite_are_not_trained_and_nothing_of_it_is_saved(photographs, tmp_path, capsys):
    import sle_gan

    generator = sle_gan.Generator(64, width=8)
    kernel = generator.get_layer("up64_conv1").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    generator.save_weights(tmp_path / "broken.h5")
    words = ["--steps", "3", "--generator-weights"]
    assert main(arguments(photographs, tmp_path, *words, str(tmp_path / "broken.h5"))) == 3
    told = capsys.readouterr().err
    assert "up64_conv1/kernel:0 of the generator" in told
    assert "not finite at step 0, where training starts; give other weights" in told
    run = RunFolder(tmp_path / "run")
    assert run.latest_step() is None
    assert not run.metrics_file.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resolution", "96"], "--resolution must be one of (64, 128, 256, 512, 1024) for fastgan; got 96"),
        (["--width", "12"], "--width must be a positive multiple of 8 up to 1024; got 12"),
        (["--diff-augment", "colour"], "--diff-augment takes some of color,translation,cutout; got colour"),
        (["--generator-weights", "none.h5"], "--generator-weights none.h5 is no file"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(photographs, tmp_path, capsys, words, message):
    assert main(arguments(photographs, tmp_path, *words)) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [["--steps", "0"], ["--batch-size", "x"], ["--seed", "-1"], ["--background", "nocolor"], ["--channels", "2"]],
)
def test_a_value_of_the_wrong_kind_is_told_in_one_line(photographs, tmp_path, capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(arguments(photographs, tmp_path, *words))
    assert stop.value.code == 2
    assert re.fullmatch(
        rf"error: argument {words[0]}: must be .*\(see train.py --help-all\)\n", capsys.readouterr().err
    )


def test_bad_input_is_told_within_two_seconds_and_before_tensorflow(tmp_path):
    (tmp_path / "empty").mkdir()
    code = (
        "import sys; from sle_gan.cli.train import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    words = ["--data-folder", str(tmp_path / "empty"), "--output-folder", str(tmp_path / "runs")]
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert time.monotonic() - start < 2
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "0 usable images" in done.stderr


def test_a_dense_training_loads_neither_the_pruning_library_nor_matplotlib_before_its_first_step():
    code = (
        "import sys; import sle_gan.assembly.session; "
        "print({'tensorflow', 'tensorflow_model_optimization', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'tensorflow'}\n"


def test_other_settings_under_the_same_name_are_refused(trained, photographs, capsys):
    before = trained.metrics_file.read_bytes()
    words = arguments(photographs, trained.path.parent, "--seed", "5")
    assert main(words) == 2
    assert "holds a run of other settings (seed 0, asked for 5)" in capsys.readouterr().err
    assert trained.metrics_file.read_bytes() == before


def test_changed_images_are_told_and_accepted_only_when_asked(trained, photographs, tmp_path, capsys):
    for path in photographs.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    next(iter(sorted(tmp_path.iterdir()))).unlink()
    words = arguments(tmp_path, trained.path.parent, "--steps", "6")
    manifest = trained.manifest_file.read_bytes()
    assert main(words) == 2
    assert "0 images added, 1 removed, 0 changed" in capsys.readouterr().err
    try:
        assert main([*words, "--accept-data-change"]) == 0
        assert len(json.loads(trained.manifest_file.read_text())["images"]) == 5
    finally:
        trained.manifest_file.write_bytes(manifest)


def test_a_dry_run_tells_and_writes_nothing(photographs, tmp_path, capsys):
    assert main(arguments(photographs, tmp_path, "--dry-run", "--epochs", "10")) == 0
    told = capsys.readouterr().out
    assert "steps: 15" in told  # 10 passes over 6 images in batches of 4
    assert "resolution: 64 (default: 512)" in told
    assert told.startswith("generator: 1,359,908 trainable parameters\ndiscriminator: ")
    assert [line.split(":")[0] for line in told.splitlines()[2:4]] == ["length", "memory"]
    differing = told[told.index("settings that differ from the defaults; --verbose prints all:") :].splitlines()[1:]
    assert len(differing) < 20
    assert not any(line.startswith(("held_out:", "dry_run:", "n_critic:")) for line in differing)
    assert "6 images" in told
    assert re.search(r"memory: about \d+\.\d GiB for a step", told)
    assert list(tmp_path.iterdir()) == []


def test_a_verbose_dry_run_tells_every_setting(photographs, tmp_path, capsys):
    assert main(arguments(photographs, tmp_path, "--dry-run", "--verbose")) == 0
    told = capsys.readouterr().out
    assert all(re.search(rf"^{name}: ", told, re.MULTILINE) for name in ("held_out", "n_critic", "resolution", "seed"))
    assert "differ from the defaults" not in told


def test_the_traceback_is_shown_when_it_is_asked_for(photographs, tmp_path, capsys):
    words = arguments(photographs, tmp_path, "--width", "12")
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main([*words, "--debug"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("error: --width must be a positive multiple of 8 up to 1024; got 12\n")


def test_an_output_folder_that_cannot_be_written_ends_with_4(photographs, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(arguments(photographs, tmp_path / "file")) == 4
    assert "give another --output-folder" in capsys.readouterr().err


def test_the_command_has_every_program_and_a_version(photographs, tmp_path, capsys):
    assert sle_gan_command(["train", *arguments(photographs, tmp_path, "--dry-run", "--width", "12")]) == 2
    assert "--width must be a positive multiple of 8 up to 1024; got 12" in capsys.readouterr().err
    assert sle_gan_command(["generate", "samples", "none", "--seeds", "0"]) == 2
    assert "no run 'none'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        sle_gan_command(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sle-gan {__version__}\n"


def test_rows_after_a_step_and_a_torn_row_are_dropped(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    keep_rows_until(file, 2)
    assert file.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_rows_after_a_step_are_dropped_wherever_they_stand(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 4}\n{"step": 1, "event": "scores"}\n{"step": 3}\n{"step": 2}\n{"step": 1')
    keep_rows_until(file, 2)
    assert file.read_text() == '{"step": 1, "event": "scores"}\n{"step": 2}\n'
    append_row(file, {"step": 5})
    assert file.read_text().splitlines()[2:] == ['{"step": 5}']


def interrupted(words, run, number):
    """Goes on with a run, sends it a signal after its next row, and returns what it printed."""
    rows = run.metrics_file.read_bytes() if run.metrics_file.exists() else b""
    with subprocess.Popen(script(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: run.metrics_file.exists() and run.metrics_file.read_bytes() > rows, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "finishing the step, saving" in err
    return out


SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize(
    ("model", "steps", "signals"),
    [
        pytest.param(SNGAN, 24, (), id="sngan"),
        pytest.param(SNGAN, 24, SIGNALS, marks=pytest.mark.slow, id="sngan-signals"),
        pytest.param([], 16, SIGNALS, marks=pytest.mark.slow, id="fastgan-signals"),
    ],
)
def test_a_run_that_was_killed_and_had_signals_ends_as_one_that_was_left_alone(
    photographs, tmp_path, model, steps, signals
):
    length = ["--steps", str(steps), "--checkpoint-frequency", "3", "--log-frequency", "2", "--sample-frequency", "10"]
    length += ["--held-out", "0.3", *model]
    alone, broken = (arguments(photographs, tmp_path / name, *length) for name in ("alone", "broken"))
    run = RunFolder(tmp_path / "broken" / "run")
    with subprocess.Popen(script(*broken), stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: (run.latest_step() or 0) >= 3, process)
        process.kill()
    saved_at = run.latest_step()
    for number in signals:
        assert f"resuming run from step {saved_at}" in interrupted(broken, run, number)
        assert saved_at < run.latest_step()
        saved_at = run.latest_step()
    assert 3 <= saved_at < steps
    # In processes of their own: operations are surely deterministic only where none ran before that was asked for.
    told = [subprocess.run(script(*words), stdout=subprocess.PIPE, check=True).stdout for words in (broken, alone)]
    assert f"resuming run from step {saved_at}".encode() in told[0]
    assert_same_end(run, RunFolder(tmp_path / "alone" / "run"))
