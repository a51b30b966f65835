"""Trainings that take weights from other runs: `--init-from`, `--freeze-d`, `--teacher`."""

import json
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from processes import assert_same_end, script
from test_models_cli import pictures, words  # noqa: F401  (a fixture)

from sle_gan.assembly.beginning import begin_with_run, class_axes, take_over
from sle_gan.assembly.building import build_gan, build_networks
from sle_gan.assembly.other_runs import check_initial_run
from sle_gan.assembly.resolve import resolve
from sle_gan.assembly.weights import begin_from, read_teacher
from sle_gan.cli.train import main as train
from sle_gan.errors import InputError
from sle_gan.layers.frozen import FrozenFirst
from sle_gan.models import DISCRIMINATORS, GENERATORS
from sle_gan.models.build import build_generator
from sle_gan.run import RunFolder
from sle_gan.training.classes import ClassShares
from sle_gan.training.teacher import Teacher

SMALL = ["--model", "sngan", "--n-critic", "1", "--steps", "2", "--no-diff-augment"]
TINY = {"model": "sngan", "n_critic": 1, "steps": 2, "diff_augment": None, "resolution": 32, "width": 8}


@pytest.fixture(scope="module")
def teacher(pictures, tmp_path_factory):  # noqa: F811
    output = tmp_path_factory.mktemp("teacher")
    assert train(words(pictures, output, "teacher", *SMALL)) == 0
    return RunFolder(output / "teacher")


def arrays(run, step, part):
    reader = tf.train.load_checkpoint(str(run.checkpoints / f"ckpt-{step}"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith(f"{part}/")]
    return {name: reader.get_tensor(name) for name in names}


def settings(**given):
    return resolve({"data_folder": "x", **TINY, **given})


def built(**given):
    found = settings(seed=3, **given)
    networks = build_networks(found)
    return networks, build_gan(found, *networks)


def trained(found):
    networks, names = build_networks(found), found.images.class_names
    return *networks, build_gan(found, *networks, ClassShares(np.arange(len(names)), len(names)) if names else None)


def values(network):
    return [variable.numpy() for variable in network.weights]


def test_a_training_begins_with_the_weights_of_another_and_none_of_its_optimizers(teacher):
    networks, gan = built()
    begin_from(gan, *networks, teacher.path)
    expected = arrays(teacher, 2, "generator")
    kernel = next(value for name, value in expected.items() if value.shape == (128, 512))
    np.testing.assert_array_equal(gan.generator.get_layer("start").kernel, kernel)
    networks[1].load_weights(teacher.discriminator_weights)
    for mine, theirs in zip(gan.discriminator.weights, networks[1].weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert int(gan.generator_optimizer.iterations) == int(gan.steps) == 0
    again, _ = build_networks(settings())
    again.load_weights(teacher.generator_weights)
    for mine, theirs in zip(values(gan.average_generator), values(again), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_run_without_checkpoints_gives_its_average_to_both_generators(teacher, tmp_path):
    shared = tmp_path / "shared"
    shutil.copytree(teacher.path, shared, ignore=shutil.ignore_patterns("checkpoints"))
    networks, gan = built()
    begin_from(gan, *networks, shared)
    for mine, theirs in zip(values(gan.generator), values(gan.average_generator), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # Both ways to a discriminator are one.
    bare = tmp_path / "bare"
    shutil.copytree(teacher.path, bare, ignore=shutil.ignore_patterns("*.h5"))
    judges = [read_teacher(settings(teacher=str(path)).transfer, RunFolder(path))[0] for path in (shared, bare)]
    for mine, theirs in zip(*map(values, judges), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_teacher_judges_a_student_of_another_width(teacher):
    found = settings(width=16, teacher=str(teacher.path))
    gan = build_gan(found, *build_networks(found))
    _, judge = build_networks(settings())
    judge.load_weights(teacher.discriminator_weights)
    images = tf.random.stateless_uniform([2, 32, 32, 3], [1, 2], -1, 1)
    expected = -tf.reduce_mean(judge(images, training=False))
    assert float(gan.method(Teacher).judged_loss([images], gan.generator_loss)) == pytest.approx(
        float(expected), rel=1e-5
    )
    assert gan.method(Teacher).weight == 0.1


def test_a_student_with_frozen_blocks_learns_from_a_teacher(teacher, pictures, tmp_path, capsys):  # noqa: F811
    taught = ["--teacher", str(teacher.path), "--init-from", str(teacher.path), "--freeze-d", "2", "--adv-augment"]
    student = words(pictures, tmp_path, "student", *SMALL, "--seed", "5", *taught)
    assert train([*student, "--steps", "3"]) == 0
    run = RunFolder(tmp_path / "student")
    given = run.settings().transfer
    assert (given.teacher, given.teacher_step, len(given.teacher_sha256)) == (str(teacher.path), 2, 64)
    rows = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [row["step"] for row in rows if "teacher_loss" in row] == [1, 2, 3]
    _, frozen = build_networks(settings())
    _, trained = build_networks(settings())
    frozen.load_weights(teacher.discriminator_weights)
    trained.load_weights(run.discriminator_weights)
    before, after = frozen.trainable_variables, trained.trainable_variables
    moved = {v.name for v, w in zip(before, after, strict=True) if not np.array_equal(v, w)}
    still = {v.name for v in before} - moved
    assert {name.partition("_")[0] for name in still} == {"block1", "block2"}
    assert {name.partition("_")[0] for name in moved} >= {"block3", "block4"}
    assert not any(name.startswith(("block1", "block2")) for name in moved)
    # The teacher is named with its weights: another one is another training, and one that is gone is told.
    shutil.move(teacher.path, teacher.path.with_name("gone"))
    try:
        assert train([*student, "--steps", "4"]) == 2
        assert f"error: no run {str(teacher.path)!r}" in capsys.readouterr().err
    finally:
        shutil.move(teacher.path.with_name("gone"), teacher.path)
    saved = teacher.discriminator_weights.read_bytes()
    teacher.discriminator_weights.write_bytes(saved[:-1])
    try:
        assert train([*student, "--steps", "4"]) == 2
        assert "other settings (teacher_sha256 '" in capsys.readouterr().err
    finally:
        teacher.discriminator_weights.write_bytes(saved)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("--init-from {run} --width 16", "--init-from {run} must have the width of this training; got 8 there and 16"),
        (
            "--init-from {run} --model stylegan2",
            "must have the generator of this training; got sngan there and stylegan2",
        ),
        ("--init-from {run} --width 16", "got 8 there and 16 here; give --width 8"),
        (
            "--generator-weights {alone}/a.h5 --width 16",
            "{alone}/a.h5 must have the width of this training; got 8 there and 16 here; give --width 8",
        ),
        ("--discriminator-weights {alone}/b.h5 --resolution 64", "got 32 there and 64 here; give --resolution 32"),
        ("--discriminator-weights {alone}/b.h5 --channels 1", "got 3 there and 1 here; give --channels 3"),
        (
            "--discriminator-weights {run}/discriminator_weights.h5 --discriminator stylegan2",
            "must have the discriminator of this training; got sngan there and stylegan2 here; give --discriminator",
        ),
        (
            "--generator-weights {alone}/b.h5",
            "{alone}/b.h5 holds weights of a discriminator; give --discriminator-weights",
        ),
        (
            "--init-from {alone}/a.h5",
            "--init-from takes a run folder; {alone}/a.h5 is a file; give the folder of the run, or a file of "
            "weights to --generator-weights or --discriminator-weights",
        ),
        (
            "--teacher {run}/discriminator_weights.h5",
            "{run}/discriminator_weights.h5 is a file; give --teacher {run}\n",
        ),
        (
            "--init-from {run} --resolution 48",
            "has images of 32 px, this training of 48; give --resolution 32; fastgan and stylegan2 alone begin with",
        ),
        ("--init-from nowhere", "nowhere is no run folder: it has no config.json"),
        ("--teacher {run} --resolution 48", "--teacher {run} must have the resolution of this training; got 32 there"),
        ("--teacher nowhere", "no run 'nowhere'"),
        (
            "--init-from {run} --generator-weights {run}/generator_weights.h5",
            "--init-from and --generator-weights both say where weights begin",
        ),
        ("--freeze-d 2", "--freeze-d needs --init-from or --discriminator-weights"),
        ("--init-from {run} --freeze-d 5", "--freeze-d must be 4 at most for sngan at 32 px; got 5"),
        ("--adv-augment --adv-steps 0", "--adv-steps: must be a whole number from 1 to 2147483647; got '0'"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(teacher, pictures, tmp_path, capsys, more, told):  # noqa: F811
    alone = teacher.path.parent / "alone"  # weights that lie in no run folder
    alone.mkdir(exist_ok=True)
    shutil.copy(teacher.generator_weights, alone / "a.h5")
    shutil.copy(teacher.discriminator_weights, alone / "b.h5")
    more, told = (text.replace("{alone}", str(alone)).replace("{run}", str(teacher.path)) for text in (more, told))
    given = more.split()
    (tmp_path / "x").touch()
    given = [str(tmp_path / "x") if word == "x" else word for word in given]
    try:
        code = train(words(pictures, tmp_path, "new", *SMALL, *given))
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_weights_of_other_classes_name_the_way_that_takes_over_the_rest(teacher, tmp_path):
    found = resolve(
        {**TINY, "data_folder": "x", "generator_weights": str(teacher.generator_weights)}, 9, ("ant", "bee")
    )
    told = r"the class_names .* got None there and \['ant', 'bee'\] here; --init-from a run takes over"
    with pytest.raises(InputError, match=told):
        check_initial_run(found, RunFolder(tmp_path / "new"))


@pytest.mark.parametrize(
    ("network", "more", "told"),
    [
        ("generator", {"width": 16}, "start/kernel is 128 x 512 there and 128 x 1024 here; give --width 8"),
        ("discriminator", {"discriminator": "stylegan2"}, "the network has .*, the file has not"),
        ("discriminator", {"channels": 1}, r"block1_conv1/kernel is 3 x 3 x 3 x 16 there and 3 x 3 x 1 x 16 here\)"),
    ],
)
def test_weights_that_say_nothing_of_their_network_are_told_by_shapes(teacher, tmp_path, network, more, told):
    file = tmp_path / "theirs.h5"
    shutil.copy(getattr(teacher, f"{network}_weights"), file)
    with h5py.File(file, "r+") as archive:
        del archive.attrs["sle_gan"]
    found = settings(**{f"{network}_weights": str(file), "generator": "sngan", "discriminator": "sngan"} | more)
    check_initial_run(found, RunFolder(tmp_path / "new"))
    with pytest.raises(InputError, match=told):
        build_networks(found)


@pytest.mark.parametrize("name", ["fastgan", "stylegan2"])
@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=["generator", "discriminator"])
def test_a_larger_network_takes_over_what_it_shares_with_a_smaller_one(table, name):
    small, large = (table[name].build(side, 3, 8, seed) for side, seed in ((64, 1), (128, 2)))
    before = {variable.name: variable.numpy() for variable in large.weights}
    shared = {
        variable.name: variable.numpy()
        for variable in small.weights
        if np.shape(before.get(variable.name)) == variable.shape
    }
    taken = take_over(large, small, ((), ()), {})
    assert taken.whole == len(shared) > 0.8 * len(small.weights)
    for variable in large.weights:
        np.testing.assert_array_equal(variable.numpy(), shared.get(variable.name, before[variable.name]))
    assert {name.partition("/")[0] for name in before.keys() - shared.keys()} == set(taken.new)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["fastgan", "stylegan2"])
def test_a_training_of_128_px_begins_with_a_run_of_64(pictures, tmp_path, model):  # noqa: F811
    few = ["--steps", "2", "--keep-checkpoints", "9", "--no-diff-augment", "--reconstruction-loss", "l1"]

    def trained_at(side, *more):
        given = words(pictures, tmp_path, f"at{side}", "--model", model, "--resolution", str(side), *few, *more)
        return subprocess.run(script(*given), check=True, capture_output=True, text=True).stdout

    trained_at(64)
    told = [line for line in trained_at(128, "--init-from", "at64").splitlines() if line.startswith("init-from: ")]
    assert [line.split(": ")[1] for line in told] == ["generator", "averaged generator", "discriminator"]
    assert all(f"variables are those of {tmp_path / 'at64'}; new: " in line for line in told)
    small, large = RunFolder(tmp_path / "at64"), RunFolder(tmp_path / "at128")
    for part in ("generator", "average_generator", "discriminator"):
        before, after = kernels(small, 2, part), kernels(large, 0, part)
        assert len(before & after) > len(before) / 2  # those next to the images are new
    assert large.latest_step() == 2


def kernels(run, step, part):
    """Returns the bytes of the convolutions' kernels of a network in a checkpoint."""
    there = arrays(run, step, part).items()
    return {value.tobytes() for name, value in there if "OPTIMIZER_SLOT" not in name and value.ndim == 4}


@pytest.mark.parametrize("model", ["sngan", "biggan", "stylegan2"])
def test_classes_are_known_by_name_and_new_ones_are_new(model):
    there, here = ("ant", "bee", "cat"), ("cat", "dog", "ant")
    asked = {**TINY, "data_folder": "x", "model": model, "conditional": True}
    them, us = (resolve(asked, 9, names) for names in (there, here))
    theirs, ours = build_generator(them.network, them.images, 1), build_generator(us.network, us.images, 2)
    before = [variable.numpy() for variable in ours.weights]
    axes = class_axes(them, build_generator)
    assert axes
    taken = take_over(ours, theirs, (here, there), axes)
    assert (taken.whole, taken.of_classes, taken.new) == (len(ours.weights) - len(axes), len(axes), ())
    for now, other, old in zip(ours.weights, theirs.weights, before, strict=True):
        if now.name in axes:
            rows, others, olds = (np.moveaxis(v, axes[now.name], 0) for v in (now.numpy(), other.numpy(), old))
            np.testing.assert_array_equal(rows, np.stack([others[2], olds[1], others[0]]))
        else:
            np.testing.assert_array_equal(now.numpy(), other.numpy())


def test_a_run_without_classes_gives_what_rests_on_none_and_says_so(teacher):
    found = resolve({**TINY, "data_folder": "x", "conditional": True, "seed": 3}, 9, ("ant", "bee"))
    generator, discriminator, gan = trained(found)
    lines = begin_with_run(found, (generator, discriminator, gan), str(teacher.path), trained)
    expected = arrays(teacher, 2, "generator")
    kernel = next(value for value in expected.values() if value.shape == (128, 512))
    np.testing.assert_array_equal(generator.get_layer("start").kernel, kernel)
    assert lines[0] == "classes: new: ant, bee"
    assert [line.partition(":")[0] for line in lines[1:]] == ["generator", "averaged generator", "discriminator"]
    assert all("; new: " in line for line in lines[1:])


def test_the_run_that_a_training_begins_from_is_not_deleted(teacher, pictures, capsys):  # noqa: F811
    given = words(pictures, teacher.path.parent, "teacher", *SMALL, "--init-from", "teacher", "--override")
    assert train(given) == 2
    assert "--init-from must be another run" in capsys.readouterr().err
    assert teacher.discriminator_weights.exists()


HEAD_LOGITS = [f"head{number}_logits" for number in range(4)]


def leaves(network):
    """Yields a layer, or those of a network and of the models in it, each once."""
    if isinstance(network, FrozenFirst):
        network = network.judge
    if not isinstance(network, keras.Model):
        yield network
        return
    for layer in network.layers:
        yield from leaves(layer)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_blocks_of_a_discriminator_are_its_layers_but_the_last(name):
    row = DISCRIMINATORS[name]
    discriminator = row.build(64, 3, 8, 0)
    blocks = row.module().discriminator_blocks(discriminator)
    assert len(blocks) == row.block_count(64)
    assert len(row.block_counts) == len(row.resolutions)
    blocks = [[leaf for layer in block for leaf in leaves(layer)] for block in blocks]
    names = [layer.name for block in blocks for layer in block if layer.weights]
    # ProGAN's holds the entries of all sides, of which a full one has but its own.
    judge = discriminator if name == "progan" else row.module().training_graph(discriminator).discriminator
    layers = list(leaves(judge))
    rest = {layer.name for layer in layers if layer.weights} - set(names)
    assert len(names) == len(set(names))
    heads = {
        "both": {"head", "head_norm", "logits", "small_logits", *HEAD_LOGITS},
        "fastgan": {"head", "head_norm", "logits", "small_logits"},
        "projected": set(HEAD_LOGITS),
        "projected-color": {"picture_logits", *HEAD_LOGITS},
        "biggan": {"logits"},
        "biggan-brock": {"logits"},
        "progan": {"growth", "last", "last_conv", "logits", "side4_rgb"},
        "sngan": {"logits"},
        "stylegan2": {"last_conv", "last_dense", "logits"},
    }
    assert rest == heads.get(name, rest)
    # In order from the image: what a block takes comes from the one before.
    order = [layer.name for layer in layers]
    firsts = [min(order.index(layer.name) for layer in block if layer.weights) for block in blocks]
    assert firsts == sorted(firsts)
    assert all(blocks)


def test_init_from_and_a_ticket_do_not_go_together(tmp_path):
    (tmp_path / "ticket").touch()
    with pytest.raises(InputError, match="--init-from and --ticket both say"):
        settings(init_from="x", ticket=str(tmp_path / "ticket"))


@pytest.mark.slow
def test_a_stopped_run_with_a_teacher_and_everything_ends_bit_for_bit_as_one_that_was_left_alone(
    teacher,
    pictures,  # noqa: F811
    tmp_path,
):
    more = (
        f"--model sngan --n-critic 2 --init-from {teacher.path} --freeze-d 1 --teacher {teacher.path} --adv-augment "
        "--augment ada --augment-speed 0.1 --consistency-weight 10 --r1-gamma 1 --r1-interval 2 --r1-on before"
    )
    for name, steps in (("whole", "9"), ("broken", "6"), ("broken", "9")):
        run_words = words(pictures, tmp_path, name, *more.split(), "--steps", steps)
        subprocess.run(script(*run_words), stdout=subprocess.DEVNULL, check=True)
    _, metrics = assert_same_end(RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole"))
    rows = [json.loads(line) for line in metrics.decode().splitlines()]
    probabilities = [row["augment_probability"] for row in rows if "augment_probability" in row]
    # 4 steps show 32 images, 0.32 of the way; the row of a step tells what its images were augmented with.
    assert probabilities[:4] == [0.0] * 4
    assert {round(value, 2) for value in probabilities} <= {0.0, 0.32, 0.64}
