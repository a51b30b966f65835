"""Settings that change when a run goes on, the record of that, and advice that is followed word by word."""

import argparse
import ast
import html
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

import sle_gan
from sle_gan import cli
from sle_gan.assembly.plan import plan_training
from sle_gan.assembly.resolve import resolve
from sle_gan.callbacks.checkpoint import Checkpoints
from sle_gan.cli import compare, doctor, evaluate, frontier, generate, play, report, search, study, train_flags
from sle_gan.cli.train import main
from sle_gan.cli.train_flags import parse
from sle_gan.data.manifest import manifest
from sle_gan.errors import InputError
from sle_gan.report.run_report import write_report
from sle_gan.run import RunFolder, read_rows, start_run
from sle_gan.run_config import Command, RunConfig
from sle_gan.settings.field import settings_of
from sle_gan.settings.train import (
    CHOOSERS,
    CONCERNS,
    FREE_NAMES,
    WEIGHT_FITTING_NAMES,
    changed_settings,
    fits_weights,
)

PROGRAMS = [compare, doctor, evaluate, frontier, generate, play, report, search, study, train_flags]
NETWORKS = {"model", "generator", "discriminator", "width", "mapping_layers", "seed", "feature_side", "genotype"}
NETWORKS |= {"progan_variant", "growth", "discriminator_norm"}
CHANNELS = {"channel_base", "channel_max"}
IMAGES = {"resolution", "channels", "conditional", "class_names", "fit", "background", "range"}
PARTS = {"data_ratio", "data_ratio_by", "held_out"}
BEGINNINGS = {"init_from", "freeze_d", "ticket", "ticket_masks"}
SEARCHES = {"find_ticket", "ticket_rounds", "ticket_rate", "rewind_to", "round_steps", "distill_weight"}
PRUNED = {"reconfigure", "prune_scope", "warmup_epoch", "keep_discriminator", "prune_discriminator"}
FROM_SCRATCH = {"sparse_from_scratch", "generator_density", "discriminator_density", "layer_densities"}
ARCHITECTURE = {"variant", "inner_steps", "generator_interval", "best_response_steps", "architecture_steps"}
ARCHITECTURE |= {"architecture_rate", "architecture_decay"}
FIXED = ARCHITECTURE | NETWORKS | CHANNELS | IMAGES | PARTS | BEGINNINGS | SEARCHES | PRUNED | FROM_SCRATCH
SMALL = ["--resolution", "64", "--width", "8", "--batch-size", "4", "--rates", "paper", "--steps", "20"]


def words(photographs, folder, *more):
    return ["--data-folder", str(photographs), "--output-folder", str(folder), *SMALL, *more]


def planned(given_words):
    given = parse(given_words)
    return plan_training(given.settings, given.command)


def started(photographs, folder, *more, step=None):
    """Writes the run that a command begins, without a training, with an empty checkpoint of a step."""
    plan = planned(words(photographs, folder, *more))
    asked = ["train.py", *words(photographs, folder, *more)]
    with plan.run.locked():
        start_run(plan.run, RunConfig(plan.settings, {}, asked, (Command(0, asked, {}),)), manifest(plan.folder))
    if step is not None:
        (plan.run.checkpoints / f"ckpt-{step}.index").touch()
    return plan.run


def test_every_setting_says_whether_it_may_change_when_a_run_goes_on():
    names = {name for types in CONCERNS.values() for group in types for name in settings_of(group)} | CHOOSERS.keys()
    assert not FREE_NAMES & WEIGHT_FITTING_NAMES
    assert names - FREE_NAMES - WEIGHT_FITTING_NAMES == FIXED
    for types in CONCERNS.values():
        for group in types:
            for time, followed in group.times_follow.items():
                assert {time, *followed} <= settings_of(group).keys()


@pytest.mark.parametrize(
    "change",
    [
        ["--batch-size", "2"],
        ["--accumulate", "2"],
        ["--mixed-precision", "bfloat16"],
        ["--G-learning-rate", "1e-4"],
        ["--r1-gamma", "0.5"],
        ["--no-diff-augment"],
        ["--augment", "ada"],
        ["--adv-augment"],
        ["--no-flip"],
        ["--loss", "non-saturating"],
        ["--ema-decay", "0.9"],
    ],
    ids=lambda change: change[0],
)
def test_what_fits_the_same_weights_changes_behind_one_flag(photographs, tmp_path, change):
    run = started(photographs, tmp_path, "--name", "run", step=7)
    asked = words(photographs, tmp_path, "--name", "run", *change)
    with pytest.raises(InputError, match="give --change-settings to go on with it nevertheless, another --name"):
        planned(asked)
    plan = planned([*asked, "--change-settings"])
    assert plan.goes_on
    assert plan.run.path == run.path
    assert fits_weights(run.settings(), plan.settings)
    line = next(line for line in plan.describe() if line.startswith("settings: changed from step 7 on"))
    assert line.endswith("bit equality with a run that keeps its settings ends there")
    assert all(f"{name} " in line for name in changed_settings(run.settings(), plan.settings))


@pytest.mark.parametrize("change", [["--width", "16"], ["--seed", "3"], ["--held-out", "0.3"], ["--reconfigure"]])
def test_what_fits_no_weights_of_the_run_is_refused_with_the_flag_too(photographs, tmp_path, change):
    started(photographs, tmp_path, "--name", "run", step=7)
    asked = words(photographs, tmp_path, "--name", "run", *change, "--change-settings")
    with pytest.raises(InputError, match=r"holds a run of other settings .*; give another --name") as refused:
        planned(asked)
    assert "--change-settings" not in str(refused.value)


def test_an_unnamed_run_changes_too_and_a_start_that_passes_it_over_says_so(photographs, tmp_path):
    run = started(photographs, tmp_path, step=7)
    asked = words(photographs, tmp_path, "--batch-size", "2")
    beside = planned(asked)
    assert not beside.goes_on
    note = next(line for line in beside.describe() if line.startswith("note: "))
    assert f"{run.path} is an unfinished run of the same images, at step 7 of 20, with other settings" in note
    assert note.endswith(f"the same command with --name {run.name} --change-settings goes on with it")
    for way in (["--change-settings"], ["--name", run.name, "--change-settings"]):
        assert planned([*asked, *way]).run.path == run.path
    wider = planned(words(photographs, tmp_path, "--width", "16"))
    note = next(line for line in wider.describe() if line.startswith("note: "))
    assert planned(shlex.split(note.partition("it goes on with: ")[2])[2:]).run.path == run.path
    with pytest.raises(InputError, match=r"--change-settings goes on with an unfinished run, and .* has none of"):
        planned(words(photographs, tmp_path, "--width", "16", "--change-settings"))
    never = planned(words(photographs, tmp_path, "--resume", "never"))
    assert not any(line.startswith("note: ") for line in never.describe())


def test_a_finished_run_is_not_told_of_and_a_named_one_is(photographs, tmp_path):
    started(photographs, tmp_path, "--name", "done", "--seed", "1", step=20)
    assert not any(line.startswith("note: ") for line in planned(words(photographs, tmp_path)).describe())
    started(photographs, tmp_path, "--name", "half", step=10)
    note = next(line for line in planned(words(photographs, tmp_path)).describe() if line.startswith("note: "))
    assert note.endswith("the same command with --name half goes on with it")


def test_the_command_that_a_refusal_offers_does_what_it_says(photographs, tmp_path):
    run = started(photographs, tmp_path, "--name", "run", "--override", step=7)
    for step, offer in ((7, "it goes on with: "), (20, "it goes further with: ")):
        (run.checkpoints / f"ckpt-{step}.index").touch()
        with pytest.raises(InputError) as refused:
            planned(words(photographs, tmp_path, "--name", "run", "--width", "16"))
        python, program, *offered = shlex.split(str(refused.value).partition(offer)[2])
        plan = planned(offered)
        assert (python, program, plan.goes_on, plan.run.path) == ("python", "train.py", True, run.path)
        assert plan.settings.optimization.steps > step
        assert not plan.command.override


@pytest.mark.parametrize("name", ["my run", 'the flowers\' "run"', "$HOME & `more`"])
def test_what_is_offered_for_a_run_of_any_name_does_what_it_says(photographs, tmp_path, name):
    images, output = tmp_path / f"images of {name}", tmp_path / f"runs of {name}"
    shutil.copytree(photographs, images)
    run = started(images, output, "--name", name, step=7)
    offered = [run.way_on(), run.way_on_in_less_memory()]
    with pytest.raises(InputError) as refused:
        planned(words(images, output, "--name", name, "--width", "16"))
    offered.append(str(refused.value))
    for offer in offered:
        plan = planned(shlex.split(offer.partition("it goes on with: ")[2])[2:])
        assert (plan.goes_on, plan.run.path) == (True, run.path)
    asked = words(images, output, "--batch-size", "2")
    note = next(line for line in planned(asked).describe() if line.startswith("note: "))
    more = shlex.split(note.partition("the same command with ")[2].removesuffix(" goes on with it"))
    assert planned([*asked, *more]).run.path == run.path
    page = html.unescape(write_report(run, lambda changes: True).read_text(encoding="utf-8"))
    told = re.search(r"<pre[^>]*><code>(train\.py.*?)</code>", page, re.DOTALL)[1]
    assert shlex.split(told.replace("\\\n", "")) == run.config().command


def test_a_step_that_does_not_fit_into_memory_names_a_command_that_takes_less(photographs, tmp_path):
    run = started(photographs, tmp_path, step=7)
    for count in (2, 4):
        *_, offered = run.way_on_in_less_memory().partition("it goes on with: ")
        plan = planned(shlex.split(offered)[2:])
        assert (plan.run.path, plan.settings.optimization.accumulate) == (run.path, count)
        command = ["train.py", *shlex.split(offered)[2:]]
        run.config_file.write_text(json.dumps(run.config().gone_on(plan.settings, {}, command, 7).to_json()))
    assert run.way_on_in_less_memory().endswith("begin a run of a smaller --width or --resolution")


def test_the_history_tells_each_command_its_first_step_and_what_it_changed():
    first, second = ["train.py", "--steps", "20"], ["train.py", "--steps", "30"]
    given = {"data_folder": "/x", "resolution": 64, "rates": "paper"}
    config = RunConfig(resolve({**given, "steps": 20}), {}, first, (Command(0, first, {}),))
    assert config.gone_on(config.settings, {}, first, 8) == config
    longer = config.gone_on(resolve({**given, "steps": 30}), {}, second, 20)
    assert longer.history == (Command(0, first, {}), Command(20, second, {"steps": (20, 30)}))
    assert (longer.settings.optimization.steps, longer.command) == (30, second)
    assert longer.last_change_step() is None
    third = ["train.py", "--batch-size", "64"]
    larger = longer.gone_on(resolve({**given, "steps": 40, "batch_size": 64}), {}, third, 30)
    assert larger.history[-1].describe() == "batch_size 8 -> 64; steps 30 -> 40"
    assert larger.last_change_step() == 30
    fourth = ["train.py", "--batch-size", "4"]
    smaller = larger.gone_on(resolve({**given, "steps": 40, "batch_size": 4}), {}, fourth, 30)
    assert smaller.history[:-1] == longer.history  # the command before made no step
    assert smaller.history[-1] == Command(30, fourth, {"batch_size": (8, 4), "steps": (30, 40)})
    assert smaller.gone_on(smaller.settings, {}, fourth, 30) == smaller
    shorter = smaller.gone_on(resolve({**given, "steps": 20, "batch_size": 4}), {}, fourth, 35)
    assert shorter.settings.optimization.steps == 35


def test_phases_stay_unless_what_they_follow_from_changes(photographs, tmp_path):
    sparse = ["--name", "run", "--reconfigure", "--reconfigure-warmup", "4"]
    run = started(photographs, tmp_path, *sparse, step=7)
    before = run.settings().sparsity
    longer = planned(words(photographs, tmp_path, *sparse, "--steps", "80")).settings.sparsity
    assert longer == before
    change = ["--reconfigure-interval", "5", "--sparsity", "0.6", "--steps", "80", "--change-settings"]
    changed = planned(words(photographs, tmp_path, *sparse, *change)).settings.sparsity
    assert (changed.warmup_steps, changed.interval_steps, changed.sparsity) == (4, 5, 0.6)


def test_rates_that_were_fitted_stay_when_something_else_changes(photographs, tmp_path):
    asked = words(photographs, tmp_path, "--name", "run", "--rates", "auto")
    started(photographs, tmp_path, "--name", "run", "--rates", "auto", step=7)
    old = RunFolder(tmp_path / "run").settings().optimization
    new = planned([*asked, "--G-learning-rate", "1e-5", "--batch-size", "2", "--change-settings"]).settings.optimization
    assert (new.G_learning_rate, new.D_learning_rate, new.ema_kimg) == (1e-5, old.D_learning_rate, old.ema_kimg)


def test_a_checkpoint_of_other_settings_is_restored_as_far_as_it_fits(tmp_path):
    def items(value, *, scales, batch_size, **more):
        weight = tf.Variable([value, value])
        optimizer = keras.optimizers.Adam(0.1)
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer) if scales else optimizer
        optimizer.build([weight])
        optimizer.variables[-1].assign([value, value])
        norms = tf.Variable(tf.fill([2, batch_size], value))
        means = [keras.metrics.Mean(name=name) for name in ("loss", "penalty")[: 1 + scales]]
        return {"generator": weight, "generator_optimizer": optimizer, "dig_norms": norms, "loss_means": means, **more}

    def restored_step(written):
        everything = written | {"steps": tf.Variable(7, dtype=tf.int64)}
        return Checkpoints(tmp_path, everything, 1, 3, lambda step: None, changed_step=7).restore_latest()

    for scaled_before in (True, False):
        before = items(3.0, scales=scaled_before, batch_size=4, mean_path_length=tf.Variable(5.0))
        written = tf.train.Checkpoint(**before, steps=tf.Variable(7, dtype=tf.int64))
        tf.train.CheckpointManager(written, str(tmp_path), 3).save(checkpoint_number=7)
        after = items(0.0, scales=not scaled_before, batch_size=2, augment_probability=tf.Variable(0.0))
        assert restored_step(after) == 7
        np.testing.assert_array_equal(after["generator"], [3.0, 3.0])
        np.testing.assert_array_equal(after["generator_optimizer"].variables[-1], [3.0, 3.0])
        np.testing.assert_array_equal(after["dig_norms"], np.zeros([2, 2]))
    missing = {"generator": tf.Variable([0.0]), "decoders": tf.Variable(1.0)}
    with pytest.raises(InputError, match="cannot be restored"):  # of another shape
        restored_step(missing)


@pytest.mark.slow
def test_a_run_goes_on_with_other_settings_and_after_a_kill_too(photographs, tmp_path, capsys):
    small = ["--model", "sngan", "--resolution", "32", "--width", "8", "--n-critic", "1", "--sample-frequency", "9"]
    asked = [
        "--data-folder",
        str(photographs),
        "--output-folder",
        str(tmp_path),
        "--name",
        "run",
        *small,
        "--log-frequency",
        "1",
    ]
    assert main([*asked, "--batch-size", "4", "--steps", "2"]) == 0
    run = RunFolder(tmp_path / "run")
    other = ["--batch-size", "2", "--augment", "ada"]
    change = [*other, "--steps", "4", "--change-settings"]
    assert main([*asked, *change]) == 0
    out = capsys.readouterr().out
    assert "settings: changed from step 2 on (augment 'diff', asked for 'ada'; batch_size 4, asked for 2;" in out
    assert "resuming run from step 2" in out
    first, second = run.config().history
    assert (first.first_step, second.first_step) == (0, 2)
    assert second.changed["steps"] == (2, 4)
    assert "--change-settings" not in second.command
    assert (run.settings().optimization.batch_size, run.settings().optimization.steps) == (2, 4)
    assert [row["step"] for row in read_rows(run.metrics_file) if "event" not in row] == [1, 2, 3, 4]
    report = run.report_file.read_text()
    assert "step 4 of 4" in report
    assert "batch_size 4 -&gt; 2" in report
    for path in run.checkpoints.glob("ckpt-4.*"):  # as if it were killed before
        path.unlink()
    assert main(second.command[1:]) == 0  # with what the record says, without the flag
    assert run.config().history == (first, second)
    assert run.latest_step() == 4
    assert main([*asked, *change]) == 0
    assert "nothing to do: the run is at step 4 of 4; it goes further with: python train.py" in capsys.readouterr().out


MODULES = {Path(cli.__file__).parent / f"{program.__name__.rpartition('.')[2]}.py": program for program in PROGRAMS}
FLAG = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*[\w]")


# Of all programs, of the command itself, of the page of flags, and half a flag that is put together.
NO_FLAGS_OF_A_PROGRAM = {"--help", "--debug", "--version", "--check", "--no"}


def flags_in_messages(file):
    """Returns the flags that the texts of a module name, but for its documentation."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    with_docs = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documented = [node for node in ast.walk(tree) if isinstance(node, with_docs) and ast.get_docstring(node)]
    docs = {id(node.body[0].value) for node in documented}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return {flag for node in constants if isinstance(node.value, str) for flag in FLAG.findall(node.value)}


def flags_of(parser):
    flags = set()
    for action in parser._actions:
        flags |= set(action.option_strings)
        for below in getattr(action, "choices", None) or {}:
            if isinstance(action, argparse._SubParsersAction):
                flags |= flags_of(action.choices[below])
    return flags


def test_every_flag_that_a_message_names_is_one_of_its_program():
    of_programs = {program: flags_of(program.parser()) for program in PROGRAMS}
    every = set().union(*of_programs.values())
    unknown = {}
    for file in Path(sle_gan.__file__).parent.rglob("*.py"):
        program = MODULES.get(file)
        known = every if program is None else of_programs[program] | of_programs[train_flags] | of_programs[evaluate]
        unknown[file.name] = flags_in_messages(file) - known - NO_FLAGS_OF_A_PROGRAM
    # A program of its own, flags of pip, of wsl and of nvidia-smi.
    for other in ("__main__.py", "open_nsfw.py", "systems.py", "workers.py"):
        del unknown[other]
    assert not {name: flags for name, flags in unknown.items() if flags}


@pytest.mark.parametrize(
    ("refused", "told", "mended"),
    [
        (["--name", "run", "--resume", "never"], "--resume auto", ["--name", "run"]),
        (["--name", "run", "--resume", "never"], "give another --name", ["--name", "other", "--resume", "never"]),
        (["--name", "run", "--resume", "never"], "--override to delete it", ["--name", "run", "--override"]),
        (["--name", "run", "--seed", "1"], "--override to delete it", ["--name", "run", "--seed", "1", "--override"]),
        (["--name", "run", "--width", "16"], "give another --name", ["--name", "other", "--width", "16"]),
        (["--name", "file"], "give another --name", ["--name", "other"]),
        (["--override"], "--override needs the --name", ["--override", "--name", "run"]),
        (["--memory-limit", "900"], "give both or neither", []),
        (["--warmup-epoch", "3", "--reconfigure-warmup", "3"], "give one", ["--reconfigure", "--warmup-epoch", "3"]),
        (["--augment", "ada", "--diff-augment", "color"], "give one of them", ["--augment", "ada"]),
        (["--change-settings", "--resume", "never"], "leave out --override and --resume never", None),
        (["--freeze-d", "1"], "--freeze-d needs --init-from", None),
        (["--ticket-masks", "random"], "needs the --ticket", None),
        (["--reference-folder", "/x"], "what --kid and --fid compare with; give one of them", None),
    ],
)
def test_advice_is_accepted_where_it_is_given(photographs, tmp_path, refused, told, mended):
    started(photographs, tmp_path, "--name", "run", step=7)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "notes.txt").touch()
    with pytest.raises(InputError) as error:
        planned(words(photographs, tmp_path, *refused))
    assert told in str(error.value)
    if mended is not None:
        planned(words(photographs, tmp_path, *mended))


# What follows the advice "give --x" of any message, as a training beside a run named `run`, or going on with it.
FOLLOWED = {
    "--accept-data-change": "--name run --accept-data-change",
    "--batch-size": "--name run --batch-size 2 --change-settings",
    "--balance": "--sparse-from-scratch --balance off",
    "--cache-limit": "--name run --cache-limit 9",
    "--data-folder": "",
    "--data-ratio": "--data-ratio 0.9",
    "--exploration": "--sparse-from-scratch --exploration off",
    "--freeze-d": "--init-from run --name other",
    "--growth": "--model progan --resolution 32 --growth none",
    "--growth-images": "--model progan --resolution 32 --growth-images 4",
    "--held-out": "--held-out 0.2",
    "--images-on-device": "--name run --images-on-device off",
    "--keep-checkpoints": "--name run --keep-checkpoints 1",
    "--memory-limit": "--batch-size auto --memory-limit 900 --dry-run",
    "--name": "--name other",
    "--output-folder": "--output-folder {}/elsewhere",
    "--override": "--name run --override",
    "--range": "--range 0,255",
    "--reconfigure-warmup": "--reconfigure --reconfigure-warmup 5",
    "--resolution": "--resolution 128",
    "--resume": "--name other --resume never",
    "--steps": "--name run --steps 30",
    "--strategy": "--strategy one",
    "--width": "--width 16",
}
# Of `sle-gan search`, `sle-gan study` and `generate.py`, and files of weights: their own tests try them.
FOLLOWED_ELSEWHERE = {
    "--aspect",
    "--discriminator-weights",
    "--generator-weights",
    "--inception-weights",
    "--rounds",
    "--seeds",
}


def advised_flags(file):
    """Returns the flags that follow "give" in a message of a module, up to the end of the clause."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append("".join(part.value for part in node.values if isinstance(part, ast.Constant)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            texts.append(node.value)
    clauses = [clause for text in texts for clause in re.findall(r"\bgive ([^;]*)", text)]
    return {flag for clause in clauses for flag in FLAG.findall(clause)}


def test_all_advice_to_give_a_flag_is_tried():
    files = [*Path(sle_gan.__file__).parent.rglob("*.py")]
    advised = set().union(*map(advised_flags, files)) - NO_FLAGS_OF_A_PROGRAM
    assert len(advised) > 20
    assert advised - FOLLOWED_ELSEWHERE - FOLLOWED.keys() == set()


@pytest.mark.parametrize("flag", FOLLOWED)
def test_what_follows_advice_is_accepted(photographs, tmp_path, flag):
    run = started(photographs, tmp_path, "--name", "run", step=7)
    more = FOLLOWED[flag].format(tmp_path).split()
    plan = planned(words(photographs, tmp_path, *more))
    goes_on = "--name run" in FOLLOWED[flag] and "--override" not in more
    assert (plan.goes_on, plan.run.path == run.path) == (goes_on, "--name run" in FOLLOWED[flag])


@pytest.mark.parametrize(
    ("sparse", "mended"),
    [
        (["--reconfigure", "--reconfigure-warmup", "100"], ["--reconfigure", "--reconfigure-warmup", "19"]),
        (["--reconfigure", "--warmup-epoch", "50"], ["--reconfigure", "--warmup-epoch", "50", "--epochs", "60"]),
        (["--reconfigure", "--reconfigure-warmup", "20"], ["--reconfigure"]),
        (["--sparse-from-scratch", "--exploration-interval", "20"], ["--sparse-from-scratch", "--exploration", "off"]),
        (["--sparse-from-scratch", "--exploration", "rigl", "--exploration-interval", "15"], ["--sparse-from-scratch"]),
        (["--sparse-from-scratch", "--balance", "strict"], ["--sparse-from-scratch", "--balance", "off"]),
        (
            ["--sparse-from-scratch", "--balance", "relaxed", "--steps", "1000"],
            ["--sparse-from-scratch", "--balance", "relaxed", "--steps", "1001"],
        ),
    ],
)
def test_a_sparse_method_that_would_do_nothing_is_refused_before_training(photographs, tmp_path, sparse, mended):
    def asked(more):
        length = [] if "--epochs" in more else ["--steps", "20"]
        return [*words(photographs, tmp_path, "--resume", "never")[:-4], *length, "--resume", "never", *more]

    with pytest.raises(InputError, match=r"(would prune nothing|would never change).*; give more --steps"):
        planned(asked(sparse))
    assert planned(asked(mended)).settings.sparsity is not None


@pytest.mark.parametrize(
    ("began", "change"),
    [
        ("--sparse-from-scratch", "--balance strict --steps 5000"),
        ("--sparse-from-scratch", "--exploration-interval 20 --steps 5000"),
        ("--reconfigure", "--reconfigure-warmup 20"),
    ],
)
def test_a_change_to_a_sparse_method_that_would_do_nothing_is_refused_too(photographs, tmp_path, began, change):
    begun = ["--name", "run", *began.split(), "--steps", "20"]
    started(photographs, tmp_path, *begun, step=7)
    with pytest.raises(
        InputError, match=r"(would prune nothing|would never change).*; give (a new --name|more --steps)"
    ):
        planned(words(photographs, tmp_path, *begun, *change.split(), "--change-settings"))
