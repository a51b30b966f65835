"""Files from elsewhere: nothing in them is executed, followed or believed."""

import json
import pickle
import zipfile
from pathlib import Path

import h5py
import pytest
import tensorflow as tf
import tf_keras as keras
from test_cli import small_checkpoints

from sle_gan.cli.evaluate import main as evaluate
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.data.folder import read_manifest
from sle_gan.errors import InputError
from sle_gan.json_files import read_json, stays_below
from sle_gan.models.weight_files import check_weights_file
from sle_gan.run import RunFolder, choose_run, start_run

SETTINGS = {"model": "fastgan", "resolution": 64, "channels": 3, "width": 8, "seed": 0, "background": "#ffffff"}


class Malicious:
    """A pickle of this makes a file when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def whole_model(file, mark):
    """Writes a model whose layer makes a file when it is loaded, as a file of Keras can."""
    code = f"lambda x: __import__('pathlib').Path({str(mark)!r}).touch() or x"
    model = keras.Sequential([keras.Input([2]), keras.layers.Lambda(eval(code))])
    model.save(file)
    mark.unlink(missing_ok=True)


def write_sample(kind, folder, mark):
    file = folder / {"keras": "model.keras", "zip": "model.h5"}.get(kind, f"{kind}.h5")
    if kind in {"whole_model", "keras", "zip"}:
        saved = file if kind != "zip" else folder / "other.keras"
        whole_model(saved, mark)
        saved.replace(file)
    elif kind == "pickle":
        file.write_bytes(pickle.dumps(Malicious(mark)))
    elif kind == "text":
        file.write_text("weights")
    elif kind == "empty":
        file.touch()
    else:
        with h5py.File(file, "w") as archive:
            if kind == "external":
                archive.create_dataset("a", (4,), "u1", external=[("/etc/hostname", 0, 4)])
            elif kind == "link":
                archive["a"] = h5py.ExternalLink("/etc/other.h5", "b")
            elif kind == "soft":
                archive.create_group("below")["a"] = h5py.SoftLink("/nothing")
    if kind == "cut":
        file.write_bytes(file.read_bytes()[:100])
    return file


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("whole_model", "it is a whole model, which can hold code; save it with save_weights"),
        ("keras", "it is a zip archive, such as a whole model (.keras)"),
        ("zip", "it is a zip archive, such as a whole model (.keras)"),
        ("pickle", "it is a pickle, which can hold code"),
        ("text", "it is something else"),
        ("empty", "it is something else"),
        ("external", "its a lies in another file"),
        ("link", "its a is a link"),
        ("soft", "its a is a link"),
        ("cut", "it is damaged"),
    ],
)
def test_weights_that_are_more_than_weights_are_refused_and_nothing_of_them_runs(
    kind, told, photographs, tmp_path, capsys
):
    mark = tmp_path / "executed"
    file = write_sample(kind, tmp_path, mark)
    words = ["--data-folder", str(photographs), "--output-folder", str(tmp_path / "runs"), "--resolution", "64"]
    for network in ("generator", "discriminator"):
        assert train([*words, f"--{network}-weights", str(file)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {file} must be an HDF5 file of weights alone (.h5), as train.py writes them; ")
        assert told in error
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_the_malicious_samples_are_malicious(tmp_path):
    mark = tmp_path / "executed"
    pickle.loads(write_sample("pickle", tmp_path, mark).read_bytes())
    assert mark.exists()
    mark.unlink()
    keras.models.load_model(write_sample("whole_model", tmp_path, mark), safe_mode=False)
    assert mark.exists()
    assert zipfile.is_zipfile(write_sample("keras", tmp_path, mark))


def test_weights_alone_are_accepted_by_their_content_and_their_name(tmp_path):
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    network.save_weights(tmp_path / "a.h5")
    assert check_weights_file(tmp_path / "a.h5") is None
    (tmp_path / "a.h5").rename(tmp_path / "a.keras")
    with pytest.raises(InputError, match=r"its name must end in .h5"):
        check_weights_file(tmp_path / "a.keras")


def written_run(path, **changes):
    run = RunFolder(path)
    with run.locked():
        start_run(run, SETTINGS, ["train.py"], {"python": "3"}, {"schema": 1, "images": []})
    config = json.loads(run.config_file.read_text())
    config["settings"] |= changes
    run.config_file.write_text(json.dumps(config))
    return run


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"resolution": "64"}, "the setting 'resolution' must be a whole number from 1 to 2147483647; got '64'"),
        ({"resolution": True}, "the setting 'resolution' must be a whole number"),
        ({"width": 10**30}, "the setting 'width' must be a whole number"),
        ({"seed": -1}, "the setting 'seed' must be a whole number from 0"),
        ({"channels": 2}, "the setting 'channels' must be 1, 3 or 4; got 2"),
        ({"model": ["fastgan"]}, "the setting 'model' must be text"),
        ({"background": "nocolor"}, "the setting 'background' must be a color"),
        ({"fit": "../x"}, "the setting 'fit' must be crop, pad or stretch"),
        ({"data_folder": "a\0b"}, "the setting 'data_folder' must be text"),
        ({"G_learning_rate": float("nan")}, "NaN is no number of JSON"),
        ({"__class__": "x"}, "the setting '__class__' must be plain text"),
        ({"unknown": {"import": "os"}}, "the setting 'unknown' must be plain text"),
        ({"schedule": {"warmup": [1]}}, "the setting 'schedule' must be plain values by name"),
    ],
)
def test_an_edited_configuration_is_refused_by_every_program(changes, told, tmp_path, capsys):
    run = written_run(tmp_path / "run", **changes)
    for program in (
        lambda: generate(["samples", str(run.path), "--seeds", "0"]),
        lambda: evaluate([str(run.path)]),
    ):
        assert program() == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert told in error or "has no checkpoint yet" in error
    with pytest.raises(InputError) as found:
        run.config()
    assert told in str(found.value)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("hook", "os.system", "must hold command, schema, settings, versions alone; got 'hook' too"),
        ("versions", ["3"], "versions must be texts by name"),
        ("command", "train.py", "command must be a list of words"),
    ],
)
def test_other_parts_of_a_configuration_are_refused(part, value, told, tmp_path):
    run = written_run(tmp_path / "run")
    config = json.loads(run.config_file.read_text())
    run.config_file.write_text(json.dumps(config | {part: value}))
    with pytest.raises(InputError, match=told):
        run.config()


def test_json_that_is_too_deep_or_no_text_is_told(tmp_path):
    for content in (b"[" * 100_000, b"\xff\xfe", b"", b"1" * 10_000):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as JSON"):
            read_json(tmp_path / "a.json")


def test_a_path_stays_below_its_folder():
    inside = ["a.png", "a/b.png", "a/..b", "...", "é/\udcff.png"]
    outside = ["", ".", "..", "/etc/passwd", "a/../../b", "../a", "a\0b"]
    assert [path for path in inside + outside if stays_below(path)] == inside


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b.png", "a\0.png", 7])
@pytest.mark.parametrize("kept_in", ["images", "held_out"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(path, kept_in, tmp_path):
    listed = {"images": [], "held_out": []} | {kept_in: [{"path": path, "sha256": "0" * 64}]}
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": 1} | listed))
    with pytest.raises(InputError, match=r"manifest.json is damaged or of another version"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_list_of_checkpoints_that_names_other_folders_is_not_followed(is_absolute, tmp_path):
    """TensorFlow reads what the list names, and deletes it when it is old."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, value in ((ours, 5), (theirs, 7)):
        folder.mkdir()
        steps = tf.Variable(value, dtype=tf.int64)
        tf.train.CheckpointManager(tf.train.Checkpoint(steps=steps), str(folder), 3).save(checkpoint_number=value)
    before = sorted(theirs.iterdir())
    other = f"{theirs}/ckpt-7" if is_absolute else "../theirs/ckpt-7"
    lines = [f'model_checkpoint_path: "{other}"', f'all_model_checkpoint_paths: "{other}"']
    (ours / "checkpoint").write_text("\n".join([*lines, 'all_model_checkpoint_paths: "ckpt-5"']))
    steps = tf.Variable(0, dtype=tf.int64)
    checkpoints = small_checkpoints(ours, steps)
    assert checkpoints.restore_latest() == 5
    assert int(steps) == 5
    for number in (8, 9, 10):
        checkpoints._manager.save(checkpoint_number=number)
    assert sorted(theirs.iterdir()) == before
    assert [file.name for file in sorted(ours.glob("*.index"))] == ["ckpt-10.index", "ckpt-9.index"]


def test_a_run_that_was_moved_goes_on_from_its_checkpoints(tmp_path):
    folder = tmp_path / "before"
    folder.mkdir()
    steps = tf.Variable(4, dtype=tf.int64)
    path = tf.train.Checkpoint(steps=steps).save(str(folder / "ckpt"))
    tf.compat.v1.train.update_checkpoint_state(str(folder), path, [path])  # as older versions did: a whole path
    folder.rename(tmp_path / "after")
    assert small_checkpoints(tmp_path / "after", steps).restore_latest() == 1


def test_another_shape_than_the_runs_is_told_with_the_command_to_use(tmp_path):
    run = RunFolder(tmp_path / "flowers")
    command = ["train.py", "--data-folder", "my flowers", "--name", "flowers\033[2J"]
    with run.locked():
        start_run(run, SETTINGS, command, {}, {"images": []})
    with pytest.raises(InputError) as found:
        choose_run(tmp_path, "flowers", "label", SETTINGS | {"resolution": 512}, resume=True, override=False)
    assert str(found.value) == (
        f"{run.path} holds a run of other settings (resolution 64, asked for 512): the run is fastgan 64 of 3 "
        "channels; give another --name, or --override to delete it; it goes on with: "
        "train.py --data-folder 'my flowers' --name 'flowers?[2J'"
    )
