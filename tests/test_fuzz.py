"""Random flags, images and run folders: an exit code and a line, no traceback, no hang, nothing silently wrong.

A few examples by default, the same each time; `make slow` draws many, and prints how to repeat what it finds.
"""

import argparse
import contextlib
import copy
import datetime
import io
import json
import shutil
from typing import NamedTuple

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from run_files import losses, scores, settings_of, write_run_files
from test_cli import saved, small_checkpoints

from sle_gan.assembly.resolve import resolve
from sle_gan.cli import compare, doctor, evaluate, frontier, generate, generate_flags, report, study, train_flags
from sle_gan.cli.program import run_program
from sle_gan.data.decode import decode_images
from sle_gan.data.folder import scan
from sle_gan.data.manifest import manifest
from sle_gan.errors import InputError
from sle_gan.json_files import write_json
from sle_gan.models.weight_files import check_weights_file
from sle_gan.run import choose_run
from sle_gan.settings import ImageSettings
from sle_gan.settings.nested import from_nested, to_nested
from sle_gan.sparsity.ticket import Subnetwork, Ticket, read_ticket, write_ticket
from sle_gan.sparsity.times import sparsity_timeline

SIDE = 24
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
WORDS = ["", "0", "-1", "1", "3", "8", "64", "0.5", "1e-400", "nan", "inf", "-inf", "9" * 40, "9" * 5000, "é", "\udcff"]
WORDS += ["a b", "--", "../..", "/dev/null", "#12", "%s", "{}", "\n", "\x1b[2J", "color,,", "10%", "x" * 5000, "0-3"]
VALUES = [None, True, -1, 0, 7, 2**31, 10**400, 1.5, 1e308, float("nan"), "", "x", "../..", "\0", "\ud800", "#zz"]
VALUES += [[], {}, [[]], {"a": 1}, [1, "x"]]

FEW = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=datetime.timedelta(seconds=30),
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=1500, derandomize=False, print_blob=True)


class Property(NamedTuple):
    """What must hold of random examples.

    Attributes:
        prepare: function of an empty folder -> what the examples are tried on.
        examples: the strategy that draws them.
        holds: function of what was prepared and an example that raises if the property does not hold.
    """

    prepare: object
    examples: object
    holds: object


def outcome(program, *arguments):
    """Returns the exit code of a program and what it told as its error."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), errors="strict"),
        io.TextIOWrapper(io.BytesIO(), errors="backslashreplace"),
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = program(*arguments)
        except SystemExit as stop:
            code = stop.code
    err.seek(0)
    return code, err.read()


def ends_in_a_line(program, *arguments):
    """Asserts that a program is done, or says in a line what cannot be used."""
    code, told = outcome(program, *arguments)
    assert code in {0, 2, 4}
    assert told.startswith("error: ") == (code != 0), told
    return code


# Flags


def flags_of(parser):
    """Returns the flags of a parser and of its commands, and the words that are no flags."""
    names, commands = [], []
    for action in parser._actions:
        names += [name for name in action.option_strings if name not in {"-h", "--help", "--help-all", "--debug"}]
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                names += flags_of(below)[0]
                commands.append(name)
    return names, commands


def command_lines(parser, *left_out):
    names, commands = flags_of(parser)
    names = [name for name in names if name not in left_out]
    pairs = st.tuples(st.sampled_from(names), st.one_of(st.none(), st.sampled_from(WORDS), st.text(max_size=4)))
    words = st.lists(pairs, max_size=5).map(lambda found: [word for pair in found for word in pair if word is not None])
    return st.tuples(st.sampled_from(commands or [None]), words)


def image_folder(folder):
    Image.new("RGB", (SIDE, SIDE), (9, 99, 199)).save(folder / "good.png")
    return folder


def training_flags_end_in_a_line(folder, line):
    _, words = line

    def resolved():
        given = train_flags.parse(["--data-folder", str(folder), *words])
        given.command.check_for(given.settings.get("name"))
        found = resolve(given.settings, 63)
        assert len(sparsity_timeline(found.sparsity, found.optimization.steps)) < 1000
        assert from_nested(json.loads(json.dumps(to_nested(found)))) == found
        return 0

    ends_in_a_line(lambda: run_program(resolved, debug=False))


def other_flags_end_in_a_line(main, run_word):
    def holds(folder, line):
        command, words = line
        ends_in_a_line(main, [*([command] if command else []), *run_word, *words])

    return holds


# Images


@st.composite
def damages(draw):
    """Draws a function that changes bytes: some are others, some are gone, some are new, the end is cut off."""
    kinds = st.sampled_from(["swap", "cut", "drop", "add"])
    step = st.tuples(kinds, st.floats(0, 1), st.binary(min_size=1, max_size=8))
    steps = draw(st.lists(step, min_size=1, max_size=3))

    def damaged(content):
        for kind, share, new in steps:
            at = int(share * len(content))
            behind = {"swap": new + content[at + len(new) :], "cut": b"", "drop": content[at + len(new) :]}
            content = content[:at] + behind.get(kind, new + content[at:])
        return content

    return damaged


def images_of_every_format(folder):
    rng = np.random.default_rng(0)
    originals = {}
    for form in FORMATS:
        for mode in ("RGB", "L", "P"):
            if (form, mode) != ("WEBP", "P") and (form, mode) != ("JPEG", "P"):
                content = io.BytesIO()
                coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((SIDE, SIDE))
                coarse.convert(mode).save(content, form)
                originals[form, mode] = content.getvalue()
    (folder / "images").mkdir()
    image_folder(folder / "images")
    return folder / "images", originals


def decoded(folder):
    images, kept, _ = decode_images(scan(folder), ImageSettings(data_folder=str(folder), resolution=SIDE))
    return {image.path: pixels for image, pixels in zip(kept, images, strict=True)}


def a_damaged_image_is_skipped_or_read(prepared, example):
    folder, originals = prepared
    choice, damage = example
    form, _ = key = sorted(originals)[choice % len(originals)]
    file = folder / "other.png"
    file.write_bytes(originals[key])
    expected = decoded(folder)["other.png"]
    file.write_bytes(damage(originals[key]))
    found = decoded(folder)
    assert (found["good.png"] == (9, 99, 199)).all()
    assert all(pixels.shape == (SIDE, SIDE, 3) and pixels.dtype == np.uint8 for pixels in found.values())
    if form == "PNG" and "other.png" in found:  # the one format with checksums: damage is found
        np.testing.assert_array_equal(found["other.png"], expected)


# Run folders


def run_of_files(folder):
    (folder / "images").mkdir()
    image_folder(folder / "images")
    rows = [*losses(*range(50, 501, 50)), scores(400), {"step": 500, "event": "rollback", "cause": "a loss"}]
    run = write_run_files(folder / "run", rows=rows, settings={"data_folder": str(folder / "images"), "fit": "crop"})
    write_json(run.manifest_file, manifest(scan(folder / "images")))
    run.timings_file.write_text('{"step": 50, "seconds_per_step": 0.5, "images_per_second": 8.0}\n')
    (run.checkpoints / "ckpt-400.index").touch()
    shutil.copytree(run.path, folder / "other")
    return run


@st.composite
def edits(draw):
    """Draws a function that puts another value somewhere into plain data."""
    steps = draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))
    value = draw(st.sampled_from(VALUES))
    is_removed = draw(st.booleans())

    def edited(content):
        content = copy.deepcopy(content)
        place = content
        for number in steps:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = keys[number % len(keys)]
            if isinstance(place[key], dict | list) and place[key] and number != steps[-1]:
                place = place[key]
                continue
            place[key] = value
            if is_removed:
                del place[key]
            break
        return content

    return edited


RUN_FILES = ("config.json", "manifest.json", "metrics.jsonl", "timings.jsonl", "networks.json")


def an_edited_run_is_used_or_refused(run, example):
    name, edit, damage = example
    file = run.path / name
    original = file.read_bytes() if file.exists() else b"{}"
    try:
        if damage is not None:
            file.write_bytes(damage(original))
        elif name.endswith("l"):
            rows = edit([json.loads(line) for line in original.decode().splitlines()])
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            file.write_text(json.dumps(edit(json.loads(original))))
        ends_in_a_line(report.main, [str(run.path)])
        ends_in_a_line(compare.main, [str(run.path), str(run.path.with_name("other"))])
        assert ends_in_a_line(evaluate.main, [str(run.path)]) == 2  # it has no images, or is damaged
        with contextlib.suppress(InputError):
            asked = settings_of(output_folder=str(run.path.parent), name="run")
            choose_run("label", asked, resume=True, override=False)
    finally:
        file.write_bytes(original)


def checkpoints_of_numbers(folder):
    saved(folder, 1, 2)
    return folder, {file.name: file.read_bytes() for file in folder.iterdir()}


def a_damaged_checkpoint_is_refused_or_right(prepared, example):
    folder, originals = prepared
    choice, damage = example
    name = sorted(originals)[choice % len(originals)]
    shutil.rmtree(folder)
    folder.mkdir()
    for kept, content in originals.items():
        (folder / kept).write_bytes(content)
    (folder / name).write_bytes(damage(originals[name]))
    steps = tf.Variable(0, dtype=tf.int64)
    try:
        restored = small_checkpoints(folder, steps).restore_latest()
    except InputError:
        return
    assert restored in {0, 1, 2}
    assert int(steps) == restored


def ticket_file(folder):
    file = folder / "ticket.safetensors"
    mask = np.arange(8).reshape(2, 4) % 3 == 0
    write_ticket(file, Ticket(Subnetwork({"a": mask}, {"a/0": np.ones([2, 4], np.float32)}), None, {"round": 1}))
    return file, file.read_bytes()


def a_damaged_ticket_is_refused_or_read(prepared, damage):
    file, original = prepared
    file.write_bytes(damage(original))
    with contextlib.suppress(InputError):
        ticket = read_ticket(file)
        assert all(mask.dtype == bool for mask in ticket.generator.masks.values())


def weights_file(folder):
    file = folder / "weights.h5"
    with h5py.File(file, "w") as archive:
        archive.create_group("dense").create_dataset("kernel:0", data=np.ones([3, 4], np.float32))
        archive.attrs["layer_names"] = ["dense"]
    return file, file.read_bytes()


def damaged_weights_are_refused_or_opened(prepared, damage):
    file, original = prepared
    file.write_bytes(damage(original))
    with contextlib.suppress(InputError):
        check_weights_file(file)


def folder_itself(folder):
    return folder


PROPERTIES = {
    "train flags": Property(image_folder, command_lines(train_flags.parser()), training_flags_end_in_a_line),
    "generate flags": Property(
        folder_itself,
        command_lines(generate_flags.parser()),
        other_flags_end_in_a_line(generate.main, ["no-run"]),
    ),
    "evaluate flags": Property(
        folder_itself,
        command_lines(evaluate.parser(), "--self-check", "--cifar10"),
        other_flags_end_in_a_line(evaluate.main, ["no-run"]),
    ),
    "doctor flags": Property(
        folder_itself, command_lines(doctor.parser()), other_flags_end_in_a_line(doctor.main, ["no-folder"])
    ),
    "compare flags": Property(
        folder_itself, command_lines(compare.parser()), other_flags_end_in_a_line(compare.main, ["no-run"])
    ),
    "frontier flags": Property(
        folder_itself,
        command_lines(frontier.parser(), "--data-folder"),
        other_flags_end_in_a_line(frontier.main, ["--data-folder", "no-folder"]),
    ),
    "study flags": Property(
        folder_itself, command_lines(study.parser()), other_flags_end_in_a_line(study.main, ["no-study.toml"])
    ),
    "images": Property(
        images_of_every_format, st.tuples(st.integers(0, 99), damages()), a_damaged_image_is_skipped_or_read
    ),
    "run folders": Property(
        run_of_files,
        st.tuples(st.sampled_from(RUN_FILES), edits(), st.one_of(st.none(), damages())),
        an_edited_run_is_used_or_refused,
    ),
    "checkpoints": Property(
        checkpoints_of_numbers,
        st.tuples(st.integers(0, 99), damages()),
        a_damaged_checkpoint_is_refused_or_right,
    ),
    "tickets": Property(ticket_file, damages(), a_damaged_ticket_is_refused_or_read),
    "weights": Property(weights_file, damages(), damaged_weights_are_refused_or_opened),
}


def tried(name, profile, folder):
    subject = PROPERTIES[name].prepare(folder)

    @profile
    @given(PROPERTIES[name].examples)
    def holds(example):
        PROPERTIES[name].holds(subject, example)

    holds()


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_few_random_inputs_end_in_a_line_or_are_right(name, tmp_path):
    tried(name, FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROPERTIES)
def test_many_random_inputs_end_in_a_line_or_are_right(name, tmp_path):
    tried(name, MANY, tmp_path)
