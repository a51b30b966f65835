import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import write_run

from sle_gan.cli.generate import main
from sle_gan.errors import StorageError
from sle_gan.export.formats.exporting import Source, export_as
from sle_gan.export.trained import TrainedGenerator
from sle_gan.models.io import interpolate_codes, latent_codes, postprocess_images

SCRIPT = """
import json
import sys

import numpy as np
import tensorflow as tf

export, output = sys.argv[1:]
model = tf.saved_model.load(export)
signatures = model.signatures
z = tf.constant(np.load(output + "/codes.npy"))
results = {
    "serving_default": signatures["serving_default"](z=z),
    "sample": signatures["sample"](seed=tf.constant(3), n=tf.constant(5)),
    "interpolate": signatures["interpolate"](seed_a=tf.constant(3), seed_b=tf.constant(7), steps=tf.constant(4)),
}
assert all(list(result) == ["images"] for result in results.values())
np.savez(output + "/images.npz", **{name: result["images"].numpy() for name, result in results.items()})
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("runs") / "tiny")
    return TrainedGenerator(run)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "new" / "flowers"
    return export_as("saved-model", Source(trained), folder).folder


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


def test_an_export_needs_tensorflow_alone_and_draws_the_pictures_of_the_run(trained, exported, tmp_path):
    codes = latent_codes([1, 2, 3], 256)
    np.save(tmp_path / "codes.npy", codes)
    command = [sys.executable, "-c", SCRIPT, str(exported), str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    modules = json.loads(done.stdout)
    assert "tensorflow" in modules
    assert [name for name in modules if name.startswith(("sle_gan", "tf_keras"))] == []
    images = np.load(tmp_path / "images.npz")

    served = images["serving_default"]
    assert served.dtype == np.float32
    np.testing.assert_allclose(served, trained.generator(codes, training=False), atol=1e-3)  # a step of 255 is 8e-3

    sampled = images["sample"]
    expected = np.stack(list(trained.draw_seeds(range(3, 8))))
    assert (sampled.dtype, sampled.shape) == (np.uint8, (5, 64, 64, 3))
    assert np.abs(sampled.astype(int) - expected).max() <= 1

    walk = images["interpolate"]
    ends = latent_codes([3, 7], 256)
    between = interpolate_codes(*ends, tf.constant([0.0, 1 / 3, 2 / 3, 1.0]))
    expected = postprocess_images(trained.generator(between, training=False)).numpy()
    assert (walk.dtype, walk.shape) == (np.uint8, (4, 64, 64, 3))
    assert np.abs(walk.astype(int) - expected).max() <= 1
    assert np.abs(walk[[0, 3]].astype(int) - sampled[[0, 4]]).max() <= 1


def test_an_export_says_where_it_comes_from(trained, exported):
    assert json.loads((exported / "assets.extra" / "generator.json").read_text()) == {
        "run": "tiny",
        "step": 8,
        "resolution": 64,
        "channels": 3,
        "latent_size": 256,
        "signatures": {
            "serving_default": ["z"],
            "sample": ["seed", "n"],
            "interpolate": ["seed_a", "seed_b", "steps"],
        },
    }


def test_an_export_holds_the_weights_once_and_little_else(trained, exported):
    size = sum(file.stat().st_size for file in exported.rglob("*") if file.is_file())
    weights = sum(4 * variable.shape.num_elements() for variable in trained.generator.variables)
    assert weights < size < weights + 700_000


def test_each_export_is_a_version_of_its_own_that_the_program_names(trained, tmp_path, capsys):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    command = ["export", str(trained.run.path), "--output", str(tmp_path), "--step", "4"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"SavedModel of step 4 in {tmp_path / '8'}: the same pictures")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8", "notes"]
    assert json.loads((tmp_path / "8" / "assets.extra" / "generator.json").read_text())["step"] == 4


def test_a_folder_that_cannot_be_written_is_told(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        export_as("saved-model", Source(trained), tmp_path / "file")


@pytest.mark.parametrize(
    ("signature", "arguments", "told"),
    [
        ("sample", {"seed": -1, "n": 1}, "seed, and the last of n seeds, must be from 0 to 2147483647; got"),
        ("sample", {"seed": 2**31 - 2, "n": 3}, "seed, and the last of n seeds, must be from 0 to 2147483647; got"),
        ("sample", {"seed": 0, "n": 0}, "n must be from 1 to 2147483647; got"),
        ("sample", {"seed": 0, "n": -5}, "n must be from 1"),
        ("interpolate", {"seed_a": -3, "seed_b": 1, "steps": 2}, "seed_a must be from 0"),
        ("interpolate", {"seed_a": 3, "seed_b": -1, "steps": 2}, "seed_b must be from 0"),
        ("interpolate", {"seed_a": 3, "seed_b": 1, "steps": 1}, "steps must be from 2"),
    ],
)
def test_an_export_refuses_numbers_out_of_their_range(loaded, signature, arguments, told):
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        loaded.signatures[signature](**{name: tf.constant(value) for name, value in arguments.items()})


def test_an_export_draws_the_last_seed_of_all(loaded, trained):
    drawn = loaded.signatures["sample"](seed=tf.constant(2**31 - 1), n=tf.constant(1))["images"].numpy()
    expected = np.stack(list(trained.draw_seeds([2**31 - 1])))
    assert np.abs(drawn.astype(int) - expected).max() <= 1
