"""Files from elsewhere: nothing in them is executed, followed or believed."""

import json
import pickle
import zipfile
from pathlib import Path

import h5py
import pytest
import tensorflow as tf
import tf_keras as keras
from schema_1_files import flat
from test_cli import small_checkpoints

from sle_gan.assembly.resolve import resolve
from sle_gan.cli.evaluate import main as evaluate
from sle_gan.cli.generate import main as generate
from sle_gan.cli.train import main as train
from sle_gan.data.manifest import read_manifest
from sle_gan.errors import InputError
from sle_gan.json_files import read_json, stays_below
from sle_gan.models.weight_files import check_weights_file
from sle_gan.run import RunFolder, choose_run, start_run
from sle_gan.run_config import RunConfig

GIVEN = {"data_folder": "x", "resolution": 64, "width": 8}


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


def written_run(path, command=("train.py",)):
    run = RunFolder(path)
    with run.locked():
        start_run(run, RunConfig(resolve(GIVEN), {"python": "3"}, list(command)), {"schema": 1, "images": []})
    return run


def refused(run, capsys):
    """Returns what every program tells of a run, in one line, before it opens anything else of it."""
    for program in (
        lambda: generate(["samples", str(run.path), "--seeds", "0"]),
        lambda: evaluate([str(run.path)]),
    ):
        assert program() == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(InputError) as found:
        run.config()
    return str(found.value)


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize(
    ("concern", "change", "told"),
    [
        (
            "images",
            {"resolution": "64"},
            "'resolution' must be a whole number from 1 to 2147483647, or width and height such as 384x256; got '64'",
        ),
        ("images", {"resolution": True}, "'resolution' must be a whole number"),
        ("images", {"resolution": None}, "'resolution' must be a whole number"),
        ("network", {"width": 10**30}, "'width' must be a whole number"),
        ("optimization", {"seed": -1}, "'seed' must be a whole number from 0"),
        ("images", {"channels": 2}, "'channels' must be 1, 3 or 4; got 2"),
        ("network", {"model": ["fastgan"]}, "'model' must be text"),
        ("images", {"background": "nocolor"}, "'background' must be a color"),
        ("images", {"fit": "../x"}, "'fit' must be crop, pad or stretch"),
        ("images", {"data_folder": "a\0b"}, "'data_folder' must be text"),
        ("images", {"class_names": ["a", 1]}, "'class_names' must be a list of texts"),
        ("images", {"strict": 1}, "'strict' must be true or false"),
        ("optimization", {"G_learning_rate": float("nan")}, "NaN is no number of JSON"),
        ("optimization", {"G_learning_rate": 10**400}, "'G_learning_rate' must be a number between 0 and 1"),
        ("optimization", {"n_critic": []}, "'n_critic' must be a whole number"),
        ("transfer", {"teacher_sha256": "x" * 5000}, "'teacher_sha256' must be text"),
        ("images", {"__class__": "x"}, "the setting '__class__' is not one of"),
        ("images", {"unknown": {"import": "os"}}, "the setting 'unknown' is not one of"),
    ],
)
def test_an_edited_configuration_is_refused_by_every_program(schema, concern, change, told, tmp_path, capsys):
    run = written_run(tmp_path / "run")
    config = json.loads(run.config_file.read_text())
    if schema == 1:
        config |= {"schema": 1, "settings": flat(resolve(GIVEN))}
        config["settings"] |= change
    else:
        config["settings"][concern] |= change
    run.config_file.write_text(json.dumps(config))
    message = refused(run, capsys)
    assert told in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hook": {}}, "a part 'hook', which this version does not know"),
        ({"images": []}, "the settings' part 'images' must be values by name"),
        ({"images": None}, "the setting 'data_folder' is missing"),
        ({"sparsity": {}}, "'sparsity' must have a method of find_ticket, reconfigure, sparse_from_scratch, ticket"),
        ({"sparsity": {"method": ["x"]}}, "'sparsity' must have a method of"),
        (
            {"sparsity": {"method": "reconfigure", "warmup_steps": 5, "regrow_state": "keep"}},
            "the setting 'interval_steps' is missing",
        ),
        ({"sparsity": {"method": "ticket", "ticket": "a", "sparsity": 0.3}}, "'sparsity' is not one of sparsity"),
        ({"augmentation": {"method": "ada", "augment_target": "1"}}, "'augment_target' must be a number between 0 and"),
    ],
)
def test_other_parts_of_the_settings_are_refused(settings, told, tmp_path, capsys):
    run = written_run(tmp_path / "run")
    config = json.loads(run.config_file.read_text())
    config["settings"] |= settings
    run.config_file.write_text(json.dumps(config))
    assert told in refused(run, capsys)


@pytest.mark.parametrize("schedule", [{"warmup": [1], "interval": 1}, {"warmup": 1}, [], {"warmup": 0, "interval": 1}])
def test_a_schedule_of_schema_1_that_is_none_is_refused(schedule, tmp_path, capsys):
    run = written_run(tmp_path / "run")
    config = json.loads(run.config_file.read_text())
    settings = flat(resolve(GIVEN)) | {"reconfigure": True, "schedule": schedule}
    run.config_file.write_text(json.dumps(config | {"schema": 1, "settings": settings}))
    assert "config.json: the setting '" in refused(run, capsys)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("hook", "os.system", "must hold command, history, schema, settings, versions alone; got 'hook' too"),
        ("versions", ["3"], "versions must be texts by name"),
        ("command", "train.py", "command must be a list of words"),
        ("history", {}, "history must be a list of commands"),
        ("history", [{"first_step": 1, "command": ["x"]}], "history must be a list of commands"),
        ("history", [{"first_step": -1, "command": [], "changed": {}}], "history must be a list of commands"),
        ("history", [{"first_step": 1, "command": [], "changed": {"steps": 3}}], "history must be a list"),
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
    run = written_run(tmp_path / "flowers", ["train.py", "--data-folder", "my flowers", "--name", "flowers\033[2J"])
    (run.checkpoints / "ckpt-1.index").touch()
    asked = resolve(GIVEN | {"resolution": 512, "output_folder": str(tmp_path), "name": "flowers"})
    with pytest.raises(InputError) as found:
        choose_run("label", asked, resume=True, override=False)
    assert str(found.value) == (
        f"{run.path} holds a run of other settings (resolution 64, asked for 512): the run is fastgan 64 of 3 "
        "channels; give another --name, or --override to delete it; it goes on with: "
        "python train.py --data-folder 'my flowers' --name $'flowers\\x1b[2J'"
    )
